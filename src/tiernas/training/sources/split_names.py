"""What the splits of a data set are called in the wild."""

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
"""Names of splits, in lower case, and what they are called here: those that Hugging Face's `datasets` looks for."""

_SEPARATORS = re.compile(r"[-._ 0-9]+")
"""What stands between words of a name, for `datasets` too."""


def split_of(name: str) -> str | None:
    """The split that a name is: one of `SPLIT_NAMES`, in any case; None if it is none."""
    return SPLIT_NAMES.get(name.lower())


def split_within(name: str) -> str | None:
    """The split that a name has among its words, as in `imagenet-val-000001`; None if none or several."""
    found = {SPLIT_NAMES[word] for word in _SEPARATORS.split(name.lower()) if word in SPLIT_NAMES}
    return found.pop() if len(found) == 1 else None
