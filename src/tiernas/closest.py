"""What a mistyped word was meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or nothing where no known word is near."""
    spelt = {name.lower(): name for name in known}
    near = difflib.get_close_matches(str(word).lower(), spelt, n=1)
    return f"; did you mean {spelt[near[0]]!r}?" if near else ""


def require_known(word: str, known: Iterable[str], what: str) -> str:
    """The word.

    Args:
        word: What the user wrote.
        known: What there is.
        what: What the word names, such as "engine".

    Raises:
        ValueError: It is none of the known ones; names them all.
    """
    names = tuple(known)
    if word not in names:
        raise ValueError(f"no such {what}; there are: {', '.join(names)}{did_you_mean(word, names)}")
    return word
