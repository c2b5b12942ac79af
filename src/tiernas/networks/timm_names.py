"""Names of timm's networks, as users write them."""

from __future__ import annotations

import difflib
from typing import Any

from tiernas.errors import NotInstalledError, UsageError

TIMM_PREFIX = "timm:"
"""What a user writes before the name of a network of timm."""

_MOST_SUGGESTIONS = 5


def timm_with(name: str, extra: str, prefix: str = "") -> Any:
    """The module timm, if it has a network of that name.

    Args:
        name: The name, with or without the tag of pretrained weights.
        extra: The extra of tiernas that installs timm for the caller.
        prefix: What the user writes before such names; similar names are shown with it.

    Raises:
        UsageError: There is no such network; the message lists similar names.
        NotInstalledError: timm is not installed.
    """
    try:
        import timm
    except ImportError as error:
        raise NotInstalledError("timm", extra) from error
    if not timm.is_model(name):
        near = ", ".join(prefix + found for found in near_timm_names(name))
        hint = f"; similar names: {near}" if near else ""
        raise UsageError(f"timm {timm.__version__} has no network {name!r}{hint}")
    return timm


def near_timm_names(name: str) -> list[str]:
    """Names of timm's networks similar to a mistyped name, best first; empty if timm is not installed."""
    try:
        import timm
    except ImportError:
        return []
    stem = name.partition(".")[0].lower()
    return difflib.get_close_matches(stem, timm.list_models(), n=_MOST_SUGGESTIONS, cutoff=0.7)
