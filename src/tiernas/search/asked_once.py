"""Answers that are remembered, row by row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiernas.search.lattice import BoolArray, row_keys


class AskedOnce:
    """A question with yes or no for an answer that is asked only once of each row.

    For rows that stay for long, such as told and pending ones: not for candidates, which would never be forgotten.

    Args:
        ask: Maps `n x k` rows to an `n` bool mask, each row by itself.
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
