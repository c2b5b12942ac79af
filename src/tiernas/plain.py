"""Sanitizes foreign text and numbers for every database, file and terminal.

Whatever comes from libraries, data sets and users passes through here before it is written to the ledger, to
`events.jsonl` or into a message.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping, Set
from typing import Any

from tiernas.credentials import hide_credentials

_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters except tab and line feed: PostgreSQL refuses NUL, terminals execute others. Also lone surrogates,
by which Python represents bytes that are not UTF-8, and which no encoding can write."""


def plain_text(text: str) -> str:
    r"""The text, safe to store and show: unprintable characters as `\x00` or `\udc80`, passwords hidden."""
    printable = _UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)
    return hide_credentials(printable)


def plain_json(value: Any) -> Any:
    """The value in types that JSON has: numbers are finite or None, strings pass through `plain_text`.

    Tuples and sets become lists, NumPy scalars numbers, and keys strings; any other object becomes its `str`.
    """
    match value:
        case None | bool() | int():
            return value
        case float():
            return float(value) if math.isfinite(value) else None
        case str():
            return plain_text(value)
        case Mapping():
            return {plain_text(str(key)): plain_json(held) for key, held in value.items()}
        case list() | tuple():
            return [plain_json(held) for held in value]
        case Set():
            return sorted((plain_json(held) for held in value), key=repr)
    if getattr(value, "shape", None) == ():  # a NumPy scalar, or a tensor without axes
        return plain_json(value.item())
    return plain_text(str(value))


class PlainFormatter(logging.Formatter):
    """A formatter of log messages that applies `plain_text`."""

    def format(self, record: logging.LogRecord) -> str:
        return plain_text(super().format(record))
