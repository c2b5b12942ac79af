"""Writes TOML with comments; Python's standard library only reads it."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tiernas.errors import UsageError

_WIDTH = 100
"""Characters of a comment line."""


def toml_text(values: Mapping[str, Any], comments: Mapping[str, str] | None = None) -> str:
    """TOML that `tomllib` reads as these values.

    Args:
        values: Sections of strings, numbers, booleans, lists of these, and nested sections.
        comments: Comments by what they are about: `section.key`, `section`, or "" for the whole file. Lines are
            wrapped, except those that begin with a space.

    Raises:
        UsageError: A text, such as a path, contains bytes that are not UTF-8.
    """
    notes = comments or {}
    head = ["\n".join(_comment(notes[""]))] if "" in notes else []
    return "\n\n".join([*head, *("\n".join(lines) for lines in _sections(values, (), notes))]) + "\n"


def _sections(values: Mapping[str, Any], above: tuple[str, ...], notes: Mapping[str, str]) -> Iterator[list[str]]:
    own = {key: value for key, value in values.items() if not isinstance(value, Mapping)}
    if own:
        lines = [*_comment(notes.get(".".join(above), "")), f"[{'.'.join(map(_key, above))}]"] if above else []
        for key, value in own.items():
            lines += [*_comment(notes.get(".".join((*above, key)), "")), f"{_key(key)} = {_value(value)}"]
        yield lines
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _sections(value, (*above, key), notes)


def _comment(text: str) -> Iterator[str]:
    for line in text.splitlines():
        for part in [line] if line.startswith(" ") else textwrap.wrap(line, _WIDTH) or [""]:
            yield f"# {part}".rstrip()


def _key(key: str) -> str:
    bare = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    return key if bare else _text(key)


def _value(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return _text(value)
        case int() | float():
            return repr(value)
        case Sequence():
            return f"[{', '.join(_value(item) for item in value)}]"
    raise TypeError(f"TOML: {value!r} is a {type(value).__name__}")


def _text(text: str) -> str:
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise UsageError(f"{text!r}: contains bytes that are not UTF-8, which TOML files cannot; rename it")
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
