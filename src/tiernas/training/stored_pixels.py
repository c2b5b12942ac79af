"""Decoded images in a file that all processes of a machine share."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tiernas.errors import UsageError
from tiernas.standalone.preprocessing import Pixels


class PixelFile:
    """`(n, size, size, 3)` uint8 in a mapped file: the page cache holds it once for all processes.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def create(self, shape: tuple[int, ...]) -> Pixels:
        """Creates a file for this shape, to be written to.

        Raises:
            UsageError: The disk has too little space.
            OSError: The file cannot be written.
        """
        wanted = int(np.prod(shape))
        free = shutil.disk_usage(self._path.parent).free
        if wanted > free:
            raise UsageError(
                f"data: the decoded images take {wanted / 1e9:.1f} GB, and {self._path.parent} has {free / 1e9:.1f} GB "
                "free; lower data.image_size or data.train_limit, or move study.output to a larger disk"
            )
        with self._path.open("wb") as file:
            if hasattr(os, "posix_fallocate") and wanted:  # a mapped file that outgrows its disk kills the process
                os.posix_fallocate(file.fileno(), 0, wanted)
            file.truncate(max(wanted, 1))
        if not wanted:
            return np.empty(shape, np.uint8)
        return np.memmap(self._path, np.uint8, "r+", shape=shape)

    def map(self, shape: tuple[int, ...]) -> Tensor | None:
        """The pixels of a file for reading; None if it is missing or too short."""
        wanted = int(np.prod(shape))
        if not self._path.exists() or self._path.stat().st_size < wanted:
            return None
        if not wanted:
            return torch.empty(shape, dtype=torch.uint8)
        return torch.from_file(str(self._path), shared=False, size=wanted, dtype=torch.uint8).view(shape)


class ReadAhead:
    """Makes the disk read images of a `PixelFile` before they are needed, without waiting for them.

    Args:
        path: The file.
        image_bytes: Size of an image.
    """

    def __init__(self, path: Path, image_bytes: int) -> None:
        self._file = path.open("rb")
        self._image_bytes = image_bytes

    def __call__(self, rows: Tensor) -> None:
        """Requests the images at some positions, `(k,)` int64."""
        for row in rows.tolist():
            start = row * self._image_bytes
            os.posix_fadvise(self._file.fileno(), start, self._image_bytes, os.POSIX_FADV_WILLNEED)
