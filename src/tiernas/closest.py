"""Suggests the likely meaning of a mistyped word."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or an empty string if no known word is close."""
    spelt = {name.lower(): name for name in known}
    near = difflib.get_close_matches(str(word).lower(), spelt, n=1)
    return f"; did you mean {spelt[near[0]]!r}?" if near else ""


def require_known(word: str, known: Iterable[str], what: str) -> str:
    """Returns the word if it is known.

    Args:
        word: What the user wrote.
        known: The valid words.
        what: What the word names, such as "engine".

    Raises:
        ValueError: The word is unknown; the message lists the valid ones.
    """
    names = tuple(known)
    if word not in names:
        raise ValueError(f"no such {what}; there are: {', '.join(names)}{did_you_mean(word, names)}")
    return word
