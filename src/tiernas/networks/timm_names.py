"""Names of timm's networks, as users write them."""

from __future__ import annotations

import difflib
from functools import cache
from typing import Any

from tiernas.errors import NotInstalledError

TIMM_PREFIX = "timm:"
"""What a user writes before the name of a network of timm."""

_MOST_SUGGESTIONS = 5


@cache
def import_timm() -> Any:
    """The module timm.

    Raises:
        NotInstalledError: It is not installed.
    """
    try:
        import timm
    except ImportError as error:
        raise NotInstalledError("timm", "rivals") from error
    return timm


def near_timm_names(name: str) -> list[str]:
    """Names of timm's networks similar to a mistyped name, best first; empty if timm is not installed."""
    try:
        timm = import_timm()
    except NotInstalledError:
        return []
    stem = name.partition(".")[0].lower()
    return difflib.get_close_matches(stem, timm.list_models(), n=_MOST_SUGGESTIONS, cutoff=0.7)
