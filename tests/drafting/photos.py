"""Photos, and what an inspection of photos says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from tiernas.drafting import photos_in
from tiernas.training.inspection import Inspection


def write_photos(
    folder: Path, counts: Mapping[str, int], size: tuple[int, int] = (48, 40), suffix: str = "png"
) -> Path:
    """Writes photos of noise; each class has another brightness."""
    rng = np.random.default_rng(0)
    for number, (name, count) in enumerate(counts.items()):
        (folder / name).mkdir(parents=True)
        for photo in range(count):
            noise = rng.integers(0, 60, (size[1], size[0], 3)) + 60 * number
            Image.fromarray(noise.astype(np.uint8)).save(folder / name / f"{photo:03d}.{suffix}")
    return folder


def inspected(path: Path, *, training: int = 1000, typical_px: int = 170) -> Inspection:
    """An inspection of photos of two classes that do not exist."""
    total = round(training / 0.7225)
    splits = {"train": training, "validation": round(0.1275 * total), "test": round(0.15 * total)}
    counts = {"cat": total // 2, "dog": total - total // 2}
    return Inspection(photos_in(path), counts, splits, 0.5, typical_px, typical_px, total)
