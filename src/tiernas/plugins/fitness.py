"""Checks whether a plug-in is of the expected kind, and what it lacks."""

from __future__ import annotations

from collections.abc import Sequence

from tiernas.plugins.reference import UnusableError


def require_class_of(thing: object, base: type, noun: str, members: Sequence[str]) -> None:
    """Refuses anything but a complete subclass of a class.

    Args:
        thing: The object that a user named.
        base: The class.
        noun: What such a class represents, such as "an engine".
        members: Names of the required members.

    Raises:
        UnusableError: The object is something else or incomplete; the message says what is missing.
    """
    if isinstance(thing, base):
        raise UnusableError(f"is an object of {type(thing).__name__}; name the class itself")
    _require_members(thing, noun, members)
    if not (isinstance(thing, type) and issubclass(thing, base)):
        raise UnusableError(f"is not {noun}: it must be a subclass of {_shown(base)}")


def require_object_of(thing: object, base: type, noun: str, members: Sequence[str]) -> None:
    """Refuses anything but an object of a class; the arguments are those of `require_class_of`.

    Raises:
        UnusableError: The object is something else or incomplete; the message says what is missing.
    """
    if isinstance(thing, type) and issubclass(thing, base):
        raise UnusableError(f"is a class; name an object of it, created in its module: NAME = {thing.__name__}(...)")
    _require_members(thing, noun, members)
    if not isinstance(thing, base):
        raise UnusableError(f"is not {noun}: it must be an object of a subclass of {_shown(base)}")


def require_function(thing: object, noun: str) -> None:
    """Refuses an object that cannot be called.

    Args:
        thing: The object that a user named.
        noun: What it must be, such as "a function that returns a Source".

    Raises:
        UnusableError: The object is not callable.
    """
    if not callable(thing):
        raise UnusableError(f"must be {noun}, not {_article(type(thing).__name__)}")


def _require_members(thing: object, noun: str, members: Sequence[str]) -> None:
    abstract: frozenset[str] = getattr(thing, "__abstractmethods__", frozenset())
    missing = [name for name in members if not hasattr(thing, name) or name in abstract]
    missing += sorted(abstract - set(members))
    if missing:
        what = thing.__name__ if isinstance(thing, type) else _article(type(thing).__name__)
        raise UnusableError(f"is not {noun}: {what} has no {', '.join(missing)}")


def _shown(base: type) -> str:
    """The class by its public path: tiernas.engines.Engine, not tiernas.engines.engine.Engine."""
    return f"{base.__module__.rpartition('.')[0]}.{base.__name__}"


def _article(word: str) -> str:
    return f"{'an' if word[:1].lower() in 'aeiou' else 'a'} {word}"
