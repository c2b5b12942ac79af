"""Proportions counted on a sample, such as accuracies: how sure they are, and how users write them."""

from __future__ import annotations

import math
from decimal import Decimal

from tiernas.errors import UsageError

_Z = 1.959963984540054
"""97.5th percentile of the standard normal distribution, for two-sided 95 % intervals."""


def wilson_interval(proportion: float, n: int) -> tuple[float, float]:
    """The 95 % score interval of a proportion, without continuity correction.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the American
    Statistical Association 22 (1927), 209-212. SciPy has it too (`binomtest(k, n).proportion_ci(method="wilson")`), but
    takes longer to import than a query to answer.

    Args:
        proportion: The proportion counted, 0 to 1.
        n: Number of things counted, at least 1.

    Returns:
        Lower and upper end, 0 to 1.
    """
    scale = 1 + _Z**2 / n
    center = (proportion + _Z**2 / (2 * n)) / scale
    half = _Z / scale * math.sqrt(proportion * (1 - proportion) / n + _Z**2 / (4 * n**2))
    return max(0.0, min(proportion, center - half)), min(1.0, max(proportion, center + half))


def indistinguishable(a: float, n_a: int, b: float, n_b: int) -> bool:
    """Whether the 95 % interval of the difference of two proportions includes zero.

    R. G. Newcombe, "Interval estimation for the difference between independent proportions: comparison of eleven
    methods", Statistics in Medicine 17 (1998), 873-890, method 10. Proportions counted on the same things usually err
    in the same direction; then the interval is wider than it need be.

    Args:
        a: A proportion, 0 to 1.
        n_a: Number of things it was counted on, at least 1.
        b: Another proportion.
        n_b: Number of things that was counted on.
    """
    (high, n_high), (low, n_low) = sorted([(a, n_a), (b, n_b)], reverse=True)
    below = high - wilson_interval(high, n_high)[0]
    above = wilson_interval(low, n_low)[1] - low
    return high - low <= math.hypot(below, above)


def least_difference(n: int, proportion: float = 0.9) -> float:
    """The smallest difference of two proportions that is rarely chance, each counted on `n` things.

    It is the half width of the 95 % interval of a difference by the normal approximation (Newcombe 1998, method 1), for
    independent samples; see `indistinguishable`.

    Args:
        n: Number of things that each was counted on, at least 1.
        proportion: About how large they are, 0 to 1.
    """
    return _Z * math.sqrt(2 * proportion * (1 - proportion) / n)


def enough_for(difference: float, proportion: float = 0.9) -> int:
    """How many things two proportions must be counted on for a difference to be rarely chance; see `least_difference`.

    Args:
        difference: Their difference, above 0.
        proportion: About how large they are, 0 to 1.
    """
    return math.ceil(2 * proportion * (1 - proportion) * (_Z / difference) ** 2)


def parse_proportion(text: str, name: str) -> float:
    """The proportion that a user wrote as a number, such as "0.95", or as a percentage, such as "95%" or "95 %".

    Whether it is from 0 to 1 is not checked.

    Args:
        text: What the user wrote.
        name: What it is for, in messages.

    Raises:
        UsageError: It is neither.
    """
    number = text.strip()
    try:
        written = Decimal(number.removesuffix("%"))
        return float(written / 100 if number.endswith("%") else written)  # 98.15% is the float that 0.9815 is
    except (ArithmeticError, ValueError):
        allowed = "a proportion such as 0.95 or a percentage such as 95%"
        raise UsageError(f"{name} = {text!r}: must be {allowed}") from None
