"""Writes TOML, which Python's standard library only reads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def toml_text(values: Mapping[str, Any]) -> str:
    """TOML that `tomllib` reads as these values.

    Args:
        values: Sections of strings, numbers, booleans, lists of these, and nested sections.
    """
    return "\n\n".join("\n".join(lines) for lines in _sections(values, ())) + "\n"


def _sections(values: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[list[str]]:
    own = {key: value for key, value in values.items() if not isinstance(value, Mapping)}
    if own:
        title = [f"[{'.'.join(map(_key, above))}]"] if above else []
        yield [*title, *(f"{_key(key)} = {_value(value)}" for key, value in own.items())]
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _sections(value, (*above, key))


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
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
