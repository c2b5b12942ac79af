"""Formats numbers for people."""

from __future__ import annotations

import math

_MOST_DIGITS = 16
"""Beyond this many significant digits, the shortest text that gives the same float is used."""


def apart(a: float, b: float, digits: int = 3) -> tuple[str, str]:
    """Formats two numbers with `digits` significant digits, or more if they would otherwise look equal.

    Args:
        a: A number.
        b: Another number; equal numbers look equal.
        digits: Significant digits to start with; digits before the decimal point are never rounded.
    """
    least = max(digits, _integer_digits(a), _integer_digits(b))
    for count in range(least, _MOST_DIGITS + 1):
        shown = f"{a:.{count}g}", f"{b:.{count}g}"
        if a == b or float(shown[0]) != float(shown[1]):
            return shown
    return repr(a), repr(b)


def rounded_up(x: float, digits: int = 2) -> str:
    """Formats a positive number with `digits` significant digits, rounded up; see `apart`."""
    for count in range(max(digits, _integer_digits(x)), _MOST_DIGITS + 1):
        step = 10.0 ** (math.floor(math.log10(x)) - count + 1)
        shown = f"{math.ceil(x / step) * step:.{count}g}"
        if float(shown) >= x:
            return shown
    return repr(x)


def duration_words(seconds: float) -> str:
    """A duration for people, such as "25 minutes" or "2.1 hours"."""
    if seconds < 90:
        return "a minute" if seconds > 30 else f"{max(1, round(seconds))} s"
    minutes = seconds / 60
    return f"{minutes:.0f} minutes" if minutes < 100 else f"{minutes / 60:.1f} hours"


def _integer_digits(x: float) -> int:
    return len(str(int(abs(x)))) if math.isfinite(x) else 1
