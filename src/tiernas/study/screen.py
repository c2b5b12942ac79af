"""Early stopping: poor networks are trained only for some of their epochs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tiernas.ledger import Candidate

_PAIRS = 5
"""Smallest number of training runs with both accuracies for fitting a slope; with fewer, only the difference is."""

_EDGE = 1e-3
"""Accuracies closer than this to 0 or 1 are moved to this distance, so that their log-odds are finite."""


@dataclass(frozen=True, slots=True)
class Screen:
    """Asynchronous successive halving, in the variant that decides at once.

    A training run pauses at each rung. It continues from its checkpoint if it is in the top `keep` of all that reached
    the rung so far, else it is pruned. Nothing waits until a rung is full. L. Li et al.: A system for massively
    parallel hyperparameter tuning. MLSys 2020, arXiv 1810.05934, promotes a paused training run when enough others
    have arrived; here the decision is made on arrival, so the optimizer learns the result at once. With fewer than `1
    / keep` results, all continue.

    Every `audit`-th candidate continues whatever its accuracy. So there are complete training runs, chosen without
    regard to their accuracy, that show what pruning costs (`screen_report.py`).

    Attributes:
        epochs: The rungs, increasing; each below the epochs of complete training.
        keep: Fraction of each rung that continues, between 0 and 1.
        audit: One in this many candidates is never pruned.
        pending: Like that of `Proposals`. In the reproducible order a candidate is compared only with those that had
            certainly ended when it was proposed, so what is pruned does not depend on timing either.
    """

    epochs: tuple[int, ...]
    keep: float
    audit: int
    pending: int | None

    def next_rung(self, candidate: Candidate) -> int | None:
        """The epoch at which a candidate pauses next; None if it trains to the end."""
        passed = len(candidate.rungs or [])
        return self.epochs[passed] if passed < len(self.epochs) else None

    def keeps(self, candidate: Candidate, accuracy: float, candidates: Sequence[Candidate]) -> bool:
        """Whether a candidate is good enough to continue.

        Args:
            candidate: The candidate, at its next rung.
            accuracy: Its accuracy there.
            candidates: All candidates of the study in the order proposed.
        """
        rung = len(candidate.rungs or [])
        known = candidates if self.pending is None else candidates[: max(0, candidate.index - self.pending)]
        others = [there for c in known if c.id != candidate.id and (there := _accuracy_at(c, rung)) is not None]
        better = sum(there > accuracy for there in others)
        reached = len(others) + 1
        return reached < 1 / self.keep or better < self.keep * reached

    def audits(self, candidate: Candidate) -> bool:
        """Whether a candidate is trained to the end whatever its accuracy on the way."""
        return candidate.index % self.audit == self.audit - 1


class Forecast:
    """Final accuracies of pruned training runs, so that all values told to an optimizer are comparable.

    If pruned candidates were omitted or told as failed, poor regions would look unknown or be lost; with their accuracy
    so far, regions would look worse than they are. So the log-odds of the final accuracy are predicted from those at
    the
    rung: by least squares over the training runs that were told before and have both; with fewer than five of them by
    their mean difference. Training runs enter the sample by their accuracy at the rung, which does not bias a
    regression on that same accuracy; the audited ones support the line at its lower end. The order within a rung is
    preserved, and values stay between 0 and 1.
    """

    def __init__(self) -> None:
        self._pairs: dict[int, list[tuple[float, float]]] = {}

    def add(self, candidate: Candidate) -> None:
        """Learns from a finished candidate."""
        for rung in candidate.rungs or []:
            pair = _log_odds(rung["accuracy"]), _log_odds(candidate.accuracy or 0.0)
            self._pairs.setdefault(rung["epochs"], []).append(pair)

    def __call__(self, candidate: Candidate) -> float:
        """The final accuracy that a pruned candidate would probably have reached."""
        rung = (candidate.rungs or [])[-1]
        x = _log_odds(rung["accuracy"])
        early, final = np.array(self._pairs.get(rung["epochs"], [])).reshape(-1, 2).T
        if len(early) == 0:
            return float(rung["accuracy"])
        slope = 1.0
        if len(early) >= _PAIRS and np.ptp(early) > 0:
            slope = max(0.0, float(np.cov(early, final)[0, 1] / np.var(early, ddof=1)))
        return float(1 / (1 + math.exp(-(final.mean() + slope * (x - early.mean())))))


def _accuracy_at(candidate: Candidate, rung: int) -> float | None:
    """The accuracy at a rung of a candidate that got there without being audited."""
    rungs = candidate.rungs or []
    if len(rungs) <= rung or not all(r["kept"] for r in rungs[:rung]):
        return None
    return float(rungs[rung]["accuracy"])


def _log_odds(accuracy: float) -> float:
    inside = min(max(accuracy, _EDGE), 1 - _EDGE)
    return math.log(inside / (1 - inside))
