"""Whether a low precision is worth deploying instead of a more exact one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tiernas.errors import UsageError
from tiernas.latency.trusted import trusted_interval
from tiernas.rounding import apart

if TYPE_CHECKING:
    from tiernas.engines import Measurement

ACCURACY_BUDGET_POINTS = 1.0
"""Largest loss of top-1 accuracy, in percentage points, unless told otherwise. MLPerf Inference allows an image
classifier 1 % of its accuracy in fp32 (arXiv 1911.02549, table 1: 99 % of 76.456 %); this is a round number near it."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A network in one precision.

    Attributes:
        precision: Such as "int8".
        measurement: Its latency.
        accuracy: Its top-1 accuracy, 0 to 1; None where nobody measured it.
    """

    precision: str
    measurement: Measurement
    accuracy: float | None = None


@dataclass(frozen=True, slots=True)
class Advice:
    """Which of two precisions of a network to deploy.

    Attributes:
        recommended: Whether the lower precision is worth it.
        speedup: Median latency of the exact precision over that of the lower one.
        reason: Why, in words.
    """

    recommended: bool
    speedup: float
    reason: str


def advise(low: Candidate, exact: Candidate, *, budget_points: float = ACCURACY_BUDGET_POINTS) -> Advice:
    """Decides between two precisions of one network, measured in the same run.

    The lower one is recommended where it is faster, so that the intervals of the two medians have nothing in common,
    and loses at most the budget of accuracy. The interval of an unstable measurement is taken to be wider
    (`trusted_interval`); that it was unstable is told and decides nothing. An accuracy that nobody measured refuses
    nothing either; the reason says so.

    Args:
        low: The network in the lower precision.
        exact: The same network in a more exact one.
        budget_points: Largest loss of accuracy, in percentage points.

    Raises:
        UsageError: The budget is negative.
    """
    if not budget_points >= 0:
        raise UsageError(f"accuracy budget = {budget_points} points: must be at least 0")
    speedup = exact.measurement.latency_ms / low.measurement.latency_ms
    recommended, reason = _decide(low, exact, speedup, budget_points)
    return Advice(recommended, speedup, reason)


def _decide(low: Candidate, exact: Candidate, speedup: float, budget_points: float) -> tuple[bool, str]:
    (low_from_ms, low_to_ms), (exact_from_ms, exact_to_ms) = _interval(low), _interval(exact)
    if low_from_ms > exact_to_ms:
        return (
            False,
            f"{low.precision} is slower than {exact.precision} here: deploy {exact.precision}{_shaky(low, exact)}",
        )
    if low_to_ms >= exact_from_ms:
        return False, _no_difference(low, exact)
    faster = f"{low.precision} is {speedup:.2g}x as fast as {exact.precision}"
    if speedup < 1.05:
        faster = f"{low.precision} is {apart(100 * (speedup - 1), 0.0, digits=2)[0]} % faster than {exact.precision}"
    if low.accuracy is None or exact.accuracy is None:
        return True, f"{faster}; what it does to the accuracy was not measured{_shaky(low, exact)}"
    loss_points = 100 * (exact.accuracy - low.accuracy)
    if loss_points > budget_points + 1e-9:  # 0.76 - 0.75 is a little more than 0.01
        lost, allowed = apart(loss_points, budget_points)
        return False, (
            f"{faster} but loses {lost} points of accuracy, more than the {allowed} allowed: deploy {exact.precision}"
            f"{_shaky(low, exact)}"
        )
    change = f"loses {loss_points:.2f} points" if loss_points > 0 else "loses nothing"
    return True, f"{faster} and {change} of accuracy{_shaky(low, exact)}"


def _no_difference(low: Candidate, exact: Candidate) -> str:
    low_ms, exact_ms = apart(low.measurement.latency_ms, exact.measurement.latency_ms)
    both = f"{low.precision} took {low_ms} ms and {exact.precision} {exact_ms} ms"
    if _shaky(low, exact):
        return (
            f"{both}, which is no clear difference for measurements that were not steady: deploy {exact.precision}, "
            "or measure again on a quiet machine"
        )
    return f"{low.precision} is not faster than {exact.precision} here: deploy {exact.precision}"


def _interval(candidate: Candidate) -> tuple[float, float]:
    found = candidate.measurement
    return trusted_interval(found.latency_ms, found.low_ms, found.high_ms, unstable=found.unstable)


def _shaky(low: Candidate, exact: Candidate) -> str:
    unsteady = [c.precision for c in (low, exact) if c.measurement.unstable]
    return f" (the measurement of {' and of '.join(unsteady)} was unstable)" if unsteady else ""
