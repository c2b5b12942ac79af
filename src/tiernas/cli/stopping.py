"""Ctrl-C in a command that keeps something."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tiernas.errors import StoppedError


@contextmanager
def keeping(what: str) -> Iterator[None]:
    """Makes of Ctrl-C one message that says what is kept.

    Args:
        what: Such as "the same command continues".

    Raises:
        StoppedError: Ctrl-C was pressed.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        raise StoppedError(f"stopped; {what}") from error
