"""Whether a screen can be relied on, and what it saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from tiernas.ledger import Candidate, State
from tiernas.study.screen import Screen

FloatArray = npt.NDArray[np.float64]

LOW_TAU = 0.5
"""Below it the screen is doubtful: with normally distributed accuracies the best of 30 networks is in the top third
of the rung with probability 0.93 at a tau of 0.5 and 0.71 at 0.3 (the correlation is `sin(pi tau / 2)`)."""

_PAIRS = 5
"""Smallest number of training runs with both accuracies for computing a tau."""


@dataclass(frozen=True, slots=True)
class RungReport:
    """What happened at one rung.

    Attributes:
        epochs: Epochs of the rung.
        reached: Candidates that reached it.
        pruned: Those that ended there.
        pairs: Training runs with an accuracy both here and at the end.
        tau: Kendall's tau-b between the two accuracies, for all candidates and not only those that continued; None
            with fewer than five pairs, or if all accuracies are equal.
        tau_low: Lower end of its 95 % confidence interval.
        tau_high: Upper end.
    """

    epochs: int
    reached: int
    pruned: int
    pairs: int
    tau: float | None
    tau_low: float | None
    tau_high: float | None


@dataclass(frozen=True, slots=True)
class ScreenReport:
    """The effect of a screen on one study.

    Attributes:
        rungs: Rung by rung.
        epochs_spent: Epochs trained for candidates that have ended.
        epochs_without: Epochs that the same candidates would have taken without the screen.
    """

    rungs: tuple[RungReport, ...]
    epochs_spent: int
    epochs_without: int


def report_screen(candidates: Sequence[Candidate], screen: Screen, epochs: int) -> ScreenReport:
    """Evaluates the screen of a study.

    The training runs that reached their end are a selection. One that was below a rung got there by being audited, with
    probability `1 / audit`, so it represents `audit` candidates, and one that passed every rung represents itself: with
    these weights (Horvitz and Thompson, 1952) they represent all candidates.

    Args:
        candidates: Candidates of the study, in the order proposed.
        screen: Its screen.
        epochs: Epochs of complete training.
    """
    own = [c for c in candidates if c.origin is None and c.ended]
    spent = [_epochs_of(c, epochs) for c in own]
    without = sum(n if c.state is State.FAILED else epochs for c, n in zip(own, spent, strict=True))
    rungs = tuple(_rung(own, index, at, screen.audit) for index, at in enumerate(screen.epochs))
    return ScreenReport(rungs, sum(spent), without)


def _epochs_of(candidate: Candidate, whole: int) -> int:
    match candidate.state:
        case State.DONE:
            return whole
        case State.PRUNED:
            return int((candidate.rungs or [])[-1]["epochs"])
        case _:
            return max((attempt.epochs for attempt in candidate.attempts), default=0)


def _rung(candidates: Sequence[Candidate], index: int, epochs: int, audit: int) -> RungReport:
    there = [c for c in candidates if len(c.rungs or []) > index]
    pruned = sum(c.state is State.PRUNED and len(c.rungs or []) == index + 1 for c in there)
    done = [(c.rungs or [], c.accuracy) for c in there if c.accuracy is not None]
    early = np.array([rungs[index]["accuracy"] for rungs, _ in done])
    final = np.array([accuracy for _, accuracy in done], dtype=np.float64)
    weights = np.array([1.0 if all(r["kept"] for r in rungs) else audit for rungs, _ in done], dtype=np.float64)
    estimate = weighted_tau(early, final, weights) if len(done) >= _PAIRS else None
    return RungReport(epochs, len(there), pruned, len(done), *(estimate or (None, None, None)))


def weighted_tau(x: FloatArray, y: FloatArray, weights: FloatArray) -> tuple[float, float, float] | None:
    """Kendall's tau-b of weighted points, and its 95 % confidence interval.

    `sum w_i w_j sign(x_i - x_j) sign(y_i - y_j)`, divided by the geometric mean of the weights of the pairs that are
    not tied in x and of those that are not tied in y. The interval is symmetric in `z = artanh(tau)`, whose variance is
    `0.437 / (m - 4)` (E. C. Fieller, H. O. Hartley, E. S. Pearson: Tests for rank correlation coefficients I.
    Biometrika 44, 1957), with Kish's effective number of points `m = (sum w)^2 / sum w^2`, at least 5; a tau of 1
    counts as half a pair less. In simulated screens (a third kept, every eighth audited) of 16, 40 and 150 candidates
    with a tau of 0.33, 0.59 and 0.80 it covers the true one in 92 to 100 %, except for 82 % at 40 and 0.80; the
    jackknife in 75 to 95 %.

    Args:
        x: `n` values, `n >= 2`.
        y: `n` values.
        weights: `n` positive weights; with equal ones this is the usual tau-b.

    Returns:
        Tau and the ends of the interval, each in -1 ... 1; None if x or y is constant.
    """
    pair_weights = np.outer(weights, weights)
    dx, dy = np.sign(x[:, None] - x), np.sign(y[:, None] - y)
    untied = float((pair_weights * np.abs(dx)).sum() * (pair_weights * np.abs(dy)).sum())
    if untied == 0:
        return None
    tau = float((pair_weights * dx * dy).sum() / np.sqrt(untied))
    n, points = len(x), max(5.0, float(weights.sum() ** 2 / (weights**2).sum()))
    largest = 1 - 2 / (n * (n - 1))
    z = np.arctanh(np.clip(tau, -largest, largest))
    reach = NormalDist().inv_cdf(0.975) * np.sqrt(0.437 / (points - 4))
    return tau, min(tau, float(np.tanh(z - reach))), max(tau, float(np.tanh(z + reach)))
