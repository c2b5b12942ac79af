"""Numbers as people read them."""

from __future__ import annotations

import math

_MOST_DIGITS = 16
"""Beyond so many significant digits the shortest text that gives the same float is used."""


def apart(a: float, b: float, digits: int = 3) -> tuple[str, str]:
    """Two numbers with so many significant digits, or more where these would make them look equal.

    Args:
        a: A number.
        b: Another one; where the two are equal they look equal.
        digits: Significant digits to begin with; digits before the point are never rounded.
    """
    least = max(digits, _integer_digits(a), _integer_digits(b))
    for count in range(least, _MOST_DIGITS + 1):
        shown = f"{a:.{count}g}", f"{b:.{count}g}"
        if a == b or float(shown[0]) != float(shown[1]):
            return shown
    return repr(a), repr(b)


def rounded_up(x: float, digits: int = 2) -> str:
    """A positive number with so many significant digits, never less than it is; see `apart`."""
    for count in range(max(digits, _integer_digits(x)), _MOST_DIGITS + 1):
        step = 10.0 ** (math.floor(math.log10(x)) - count + 1)
        shown = f"{math.ceil(x / step) * step:.{count}g}"
        if float(shown) >= x:
            return shown
    return repr(x)


def _integer_digits(x: float) -> int:
    return len(str(int(abs(x)))) if math.isfinite(x) else 1
