"""A small data set of bright rectangles on noise: two classes that differ in color."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tiernas.detection.data import SplitFiles

HEIGHT, WIDTH = 48, 64
CATEGORIES = [{"id": 7, "name": "blue"}, {"id": 3, "name": "red"}]
"""With gaps, and not in order."""

Change = Callable[[dict[str, Any]], None]


def write_coco(folder: Path, images: int, seed: int = 0, change: Change | None = None) -> SplitFiles:
    """Writes a split; `change` edits its annotations before they are written."""
    rng = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True)
    categories = [dict(category) for category in CATEGORIES]
    document: dict[str, Any] = {"images": [], "categories": categories, "annotations": []}
    for number in range(images):
        pixels = rng.integers(0, 80, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        name = f"{number}.png"
        document["images"].append({"id": 10 + number, "file_name": name, "width": WIDTH, "height": HEIGHT})
        for _ in range(number % 3):  # every third image is empty
            w, h = rng.integers(10, 30, 2).tolist()
            x, y = int(rng.integers(0, WIDTH - w + 1)), int(rng.integers(0, HEIGHT - h + 1))
            category = int(rng.choice([3, 7]))
            pixels[y : y + h, x : x + w] = (230, 40, 40) if category == 3 else (40, 40, 230)
            document["annotations"].append(
                {
                    "id": len(document["annotations"]) + 1,
                    "image_id": 10 + number,
                    "category_id": category,
                    "bbox": [x, y, w, h],
                }
            )
        Image.fromarray(pixels).save(folder / "images" / name)
    if change:
        change(document)
    path = folder / "instances.json"
    path.write_text(json.dumps(document))
    return SplitFiles(path, folder / "images")


@pytest.fixture(scope="session")
def coco(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SplitFiles]:
    """A training split of 24 images and a validation split of 9."""
    folder = tmp_path_factory.mktemp("coco")
    return {
        "train": write_coco(folder / "train", 24, seed=1),
        "validation": write_coco(folder / "validation", 9, seed=2),
    }
