"""Rules of measurements with a time limit from the command line."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tiernas.errors import UsageError

if TYPE_CHECKING:
    from tiernas.engines import TurnRule


def rule_with(default: TurnRule, seconds: float | None) -> TurnRule:
    """A rule with the time limit of `--seconds`, if it is given.

    Raises:
        UsageError: It is not positive.
    """
    if seconds is None:
        return default
    if not seconds > 0:
        raise UsageError(f"--seconds {seconds:g}: must be positive")
    return replace(default, limit_s=seconds)
