"""Ctrl-C in a command that keeps its progress."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tiernas.errors import StoppedError


@contextmanager
def keeping(what: str) -> Iterator[None]:
    """Turns Ctrl-C into one message that says what is kept.

    Args:
        what: Such as "the same command continues".

    Raises:
        StoppedError: Ctrl-C was pressed.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        raise StoppedError(f"stopped; {what}") from error
