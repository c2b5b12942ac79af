"""The edge at which foreign text and numbers become such that every database, file and terminal takes them.

What libraries, data sets and users say goes through here before it is recorded or shown: into the ledger, into
`events.jsonl`, into messages.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping, Set
from typing import Any

from tiernas.credentials import hide_credentials

_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters but tab and line feed, of which PostgreSQL refuses NUL and terminals obey others; and halves of
UTF-16 pairs, as Python has for bytes that are no UTF-8, which no encoding can write."""


def plain_text(text: str) -> str:
    r"""A text that can be stored and shown anywhere: what is unprintable as `\x00` or `\udc80`, passwords hidden."""
    printable = _UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)
    return hide_credentials(printable)


def plain_json(value: Any) -> Any:
    """A value of nothing but what JSON has: numbers are finite or None, texts are as `plain_text` makes them.

    Tuples and sets become lists, numpy's scalars numbers, keys texts; what is of any other kind becomes its text.
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
    if getattr(value, "shape", None) == ():  # a scalar of numpy, or a tensor without axes
        return plain_json(value.item())
    return plain_text(str(value))


class PlainFormatter(logging.Formatter):
    """A formatter of log messages, which are shown as `plain_text` makes them."""

    def format(self, record: logging.LogRecord) -> str:
        return plain_text(super().format(record))
