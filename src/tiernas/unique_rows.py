"""Different rows of a large matrix of integers, fast."""

from __future__ import annotations

import numpy as np

from tiernas.blocks.rows import IntArray


def unique_rows(rows: IntArray) -> tuple[IntArray, IntArray]:
    """The different rows of a matrix, and which of them each row is.

    Does what `numpy.unique(rows, axis=0, return_inverse=True)` does, some twenty times as fast, by packing each row
    into one integer.

    Args:
        rows: `m x k` integers.

    Returns:
        `u x k` integers in lexicographic order, and `m` indices into them.
    """
    if not len(rows):
        return rows, np.zeros(0, dtype=np.int64)
    keys = np.zeros(len(rows), dtype=np.int64)
    most = 1
    for column in rows.T:
        low = column.min()
        width = int(column.max() - low) + 1
        if most * width > np.iinfo(np.int64).max:
            distinct, keys = np.unique(keys, return_inverse=True)
            most = len(distinct)
        keys = keys * width + (column - low)
        most *= width
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return rows[first], inverse
