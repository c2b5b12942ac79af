"""A power law through a few measured points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tiernas.blocks.rows import FloatArray


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """`y = exp(intercept) * x ** exponent`.

    Attributes:
        exponent: Slope in logarithms.
        intercept: Logarithm of `y` at `x = 1`.
    """

    exponent: float
    intercept: float

    @classmethod
    def through(cls, x: Sequence[float], y: Sequence[float]) -> PowerLaw:
        """The least-squares line through the logarithms of points; `y` in proportion to `x` if all `x` are equal.

        Args:
            x: Positive numbers, at least one.
            y: Positive numbers, as many.
        """
        log_x, log_y = np.log(x), np.log(y)
        spread = log_x - log_x.mean()
        squares = float(spread @ spread)
        exponent = float(spread @ log_y) / squares if squares else 1.0
        return cls(exponent, float(log_y.mean() - exponent * log_x.mean()))

    def at(self, x: FloatArray) -> FloatArray:
        """The values (`n`) at positive numbers (`n`)."""
        return np.asarray(np.exp(self.intercept + self.exponent * np.log(x)))
