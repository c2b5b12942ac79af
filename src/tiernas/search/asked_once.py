"""Remembered answers to a yes-or-no question about rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiernas.search.lattice import BoolArray, row_keys


class AskedOnce:
    """A yes-or-no question that is asked only once about each row.

    For long-lived rows, such as told and pending ones. Do not use it for candidates: answers are never forgotten.

    Args:
        ask: Maps `n x k` rows to an `n` bool mask; the answer for a row depends on that row alone.
    """

    def __init__(self, ask: Callable[[NDArray[Any]], BoolArray]) -> None:
        self._ask = ask
        self._answers: dict[bytes, bool] = {}

    def __call__(self, rows: NDArray[Any]) -> BoolArray:
        """Maps `n x k` rows to an `n` bool mask."""
        keys = row_keys(rows)
        answers = list(map(self._answers.get, keys))
        if None in answers:
            missing = [i for i, answer in enumerate(answers) if answer is None]
            asked = self._ask(rows[missing]).tolist()
            self._answers.update(zip((keys[i] for i in missing), asked, strict=True))
            answers = list(map(self._answers.get, keys))
        return np.array(answers, dtype=np.bool_)
