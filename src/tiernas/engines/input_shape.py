"""The shape of the images that a network takes, as its file says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tiernas.errors import UsageError

_DIMENSIONS = 4
"""Images, channels, height and width."""


def fixed_shape(path: Path, sizes: Sequence[object]) -> tuple[int, int, int, int]:
    """The shape of a network's images, NCHW.

    Args:
        path: The file, for messages.
        sizes: What it says: a number, or the name of a size that is not fixed.

    Raises:
        UsageError: It is not four fixed numbers.
    """
    fixed = [size for size in sizes if isinstance(size, int) and size > 0]
    if not len(fixed) == len(sizes) == _DIMENSIONS:
        shown = ", ".join(str(size or "?") for size in sizes)
        raise UsageError(f"{path}: input shape [{shown}]; must be four fixed numbers: export with fixed shapes")
    batch, channels, height, width = fixed
    return batch, channels, height, width
