"""Common names for the splits of a data set."""

from __future__ import annotations

import re

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
    "eval": "test",
    "evaluation": "test",
}
"""Names of splits in lower case, and their names here: those that Hugging Face's `datasets` recognizes."""

_SEPARATORS = re.compile(r"[-._ 0-9]+")
"""Separators between the words of a name, as in `datasets`."""


def split_of(name: str) -> str | None:
    """The split with this name: one of `SPLIT_NAMES`, in any case; None if there is none."""
    return SPLIT_NAMES.get(name.lower())


def split_within(name: str) -> str | None:
    """The split among the words of a name, as in `imagenet-val-000001`; None if none or several."""
    found = {SPLIT_NAMES[word] for word in _SEPARATORS.split(name.lower()) if word in SPLIT_NAMES}
    return found.pop() if len(found) == 1 else None
