"""The kind of data `acme-arrays`: a NumPy file like those of MedMNIST (https://medmnist.com).

It contains `train_images` (`n x height x width`, or with a fourth axis of 3 colors; uint8) and `train_labels` (`n`, or
`n x 1`); likewise `val_...` and `test_...`, if it has these splits.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from tiernas.errors import UsageError
from tiernas.training.sources import Part, Source

Arrays = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]


def open_arrays(path: Path, classes: tuple[str, ...] = (), flip_safe: bool = True) -> Source:
    """The images of a file.

    Args:
        path: The file; `data.path` of a TOML file.
        classes: Names of the classes in the order of the labels; the labels themselves by default. This argument and
            the next one are set in `data.options`.
        flip_safe: Whether a mirrored image shows the same class.

    Raises:
        UsageError: The file has no training images.
    """
    train, validation, test = (read_part(path, name) for name in ("train", "val", "test"))
    if train is None:
        raise UsageError(f"data.path = {str(path)!r}: has no train_images; write an .npz file that has")
    return Source(
        classes or tuple(str(label) for label in range(train[1].max() + 1)),
        _part(train, "train"),
        validation=validation and _part(validation, "val"),
        test=test and _part(test, "test"),
        flip_safe=flip_safe,
    )


def read_part(path: Path, name: str) -> Arrays | None:
    """Images and labels (`n`) of one split of a file; None if it does not have it."""
    with np.load(path) as file:
        if f"{name}_images" not in file:
            return None
        labels = file[f"{name}_labels"].astype(np.int64)
        return file[f"{name}_images"], labels[:, 0] if labels.shape[1:] == (1,) else labels


def _part(arrays: Arrays, name: str) -> Part:
    images, labels = arrays
    return Part(labels, [f"{name} {i}" for i in range(len(labels))], lambda i: Image.fromarray(images[i]))
