"""Errors shown to users: one message that says what is wrong, where, and how to fix it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tiernas.installing import install_command


class TiernasError(Exception):
    """Base of all errors that tiernas raises on purpose; the command line prints it and exits with 1."""

    exit_code = 1


class UsageError(TiernasError, ValueError):
    """The user can fix the input, configuration or environment; the command line exits with 2."""

    exit_code = 2


class NothingFoundError(TiernasError, LookupError):
    """No entry matches a query; the command line exits with 3."""

    exit_code = 3


class UnreachableError(TiernasError):
    """A required service, such as the storage of checkpoints, does not respond at the moment, but may do so later."""


class StoppedError(TiernasError):
    """The user stopped the command (Ctrl-C); the message says what is kept, and the command line exits with 130."""

    exit_code = 130


class NotInstalledError(UsageError):
    """An optional dependency is missing; the message contains the command that installs it.

    Args:
        what: What is missing.
        extra: The extra of tiernas that contains it.
        command: The command, if tiernas itself is not installed where it is missing.
    """

    def __init__(self, what: str, extra: str, command: str | None = None) -> None:
        super().__init__(f"{what} is not installed. Install it with: {command or install_command(extra)}")
        self.extra = extra


@contextmanager
def about(key: str) -> Iterator[None]:
    """Puts what a user wrote before every `UsageError` of this context, unless a package is missing."""
    try:
        yield
    except NotInstalledError:
        raise
    except UsageError as error:
        raise UsageError(f"{key}: {error}") from error


def first_line(error: BaseException) -> str:
    """The first line of what an error says; the name of its class if it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def last_line(error: BaseException) -> str:
    """The last line of what an error says; runtimes print their own call stack above it."""
    lines = str(error).strip().splitlines()
    return lines[-1] if lines else type(error).__name__
