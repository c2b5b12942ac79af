"""What a search has trained so far, from its ledger, and how to run it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from tiernas.config import SearchConfig
from tiernas.ledger import Candidate, Ledger


@dataclass(frozen=True)
class SearchedTier:
    """The training runs of the search of a tier that have ended.

    Attributes:
        name: Name of the tier.
        candidates: Its candidates.
    """

    name: str
    candidates: Sequence[Candidate]

    @property
    def minutes(self) -> float:
        """Minutes that the training runs took, each on one core; reused accuracies took none."""
        return sum(seconds(candidate) for candidate in self.candidates) / 60

    def summary(self) -> dict[str, Any]:
        """Figures, serializable as JSON."""
        points = [100 * c.accuracy for c in self.candidates if c.accuracy is not None]
        return {
            "tier": self.name,
            "networks": len(self.candidates),
            "reused": sum(c.origin is not None for c in self.candidates),
            "failed": len(self.candidates) - len(points),
            "core_minutes": round(self.minutes, 1),
            "best_validation_points": round(max(points), 2) if points else None,
            "mean_validation_points": round(mean(points), 2) if points else None,
            "spread_validation_points": round(stdev(points), 2) if len(points) > 1 else None,
        }


def seconds(candidate: Candidate) -> float:
    """Duration of a candidate's training run; 0 if it failed or its accuracy was reused."""
    return 0.0 if candidate.origin is not None else float((candidate.result or {}).get("duration_s") or 0.0)


def tiers_of(config: SearchConfig) -> list[SearchedTier]:
    """What a search has trained so far, tier by tier; empty if it has not started."""
    assert isinstance(config.ledger, Path)
    if not config.ledger.exists():
        return []
    with Ledger(config.ledger) as ledger:
        found = [(study.name, ledger.candidates(study)) for study in ledger.studies()]
    return [SearchedTier(name, [c for c in candidates if c.finished_at is not None]) for name, candidates in found]


def search_command(config: Path, changes: Sequence[str]) -> list[str]:
    """The command that runs a search, with values of `--set`."""
    words = [word for change in changes for word in ("--set", change)]
    return [sys.executable, "-m", "tiernas", "search", str(config), *words]


def run_search(config: Path, changes: Sequence[str], allowed: Sequence[int] = (0,)) -> None:
    """Runs a search to its end.

    Args:
        config: Its file.
        changes: Values of `--set`.
        allowed: Exit codes that are no failure.

    Raises:
        SystemExit: It failed and printed the reason.
    """
    ended = subprocess.run(search_command(config, changes))
    if ended.returncode not in allowed:
        raise SystemExit(ended.returncode)
