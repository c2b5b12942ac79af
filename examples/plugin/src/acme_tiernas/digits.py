"""`python -m acme_tiernas.digits FILE`: scikit-learn's handwritten digits as a file for `acme-arrays`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

PARTS = {"train": slice(0, 1257), "val": slice(1257, 1527), "test": slice(1527, 1797)}


def write_digits(path: Path) -> None:
    """Writes the file, and its folder if it is missing."""
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    arrays: dict[str, Any] = {}
    for name, part in PARTS.items():
        arrays[f"{name}_images"] = (digits.images[order[part]] * (255 / 16)).astype(np.uint8)
        arrays[f"{name}_labels"] = digits.target[order[part]].astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **arrays)


if __name__ == "__main__":
    write_digits(Path(sys.argv[1]))
