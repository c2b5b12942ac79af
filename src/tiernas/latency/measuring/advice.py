"""Whether a low precision is worth deploying instead of a more exact one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tiernas.errors import UsageError
from tiernas.rounding import apart

if TYPE_CHECKING:
    from tiernas.engines import InTurn

ACCURACY_BUDGET_POINTS = 1.0
"""Default maximum loss of top-1 accuracy, in percentage points. MLPerf Inference allows an image classifier to lose 1 %
of its accuracy in fp32 (arXiv 1911.02549, table 1: 99 % of 76.456 %); this is a round number near it."""


@dataclass(frozen=True, slots=True)
class PrecisionOption:
    """A network in one precision.

    Attributes:
        precision: Such as "int8".
        accuracy: Its top-1 accuracy, 0 to 1; None if unknown.
    """

    precision: str
    accuracy: float | None = None


@dataclass(frozen=True, slots=True)
class Advice:
    """Which of two precisions of a network to deploy.

    Attributes:
        recommended: Whether the lower precision pays off.
        speedup: Latency of the exact precision over that of the lower one, measured interleaved.
        speedup_low: Lower end of its 95 % interval.
        speedup_high: Upper end of that interval.
        reason: Why, in words.
    """

    recommended: bool
    speedup: float
    speedup_low: float
    speedup_high: float
    reason: str


def advise(
    low: PrecisionOption, exact: PrecisionOption, compared: InTurn, *, budget_points: float = ACCURACY_BUDGET_POINTS
) -> Advice:
    """Decides between two precisions of one network that were interleaved with each other.

    The lower one is recommended if it is clearly faster, i.e. the whole interval of the ratio is below 1, and if it
    loses no more accuracy than the budget. An unknown accuracy is no obstacle, but the reason mentions it.

    Args:
        low: The network in the lower precision.
        exact: The same network in a more exact precision.
        compared: The lower precision, interleaved with the more exact one as its anchor.
        budget_points: Maximum loss of accuracy, in percentage points.

    Raises:
        UsageError: The budget is negative.
    """
    if not budget_points >= 0:
        raise UsageError(f"accuracy budget = {budget_points} points: must be at least 0")
    speedup, slowest, fastest = 1 / compared.ratio, 1 / compared.ratio_high, 1 / compared.ratio_low
    recommended, reason = _decide(low, exact, (speedup, slowest, fastest), compared.is_wide, budget_points)
    return Advice(recommended, speedup, slowest, fastest, reason)


def advise_unmeasured(low: PrecisionOption, exact: PrecisionOption, *, budget_points: float) -> tuple[bool, str]:
    """Whether a lower precision loses no more accuracy than the budget, where its speed cannot be compared; and why.

    Args:
        low: The network in the lower precision.
        exact: The same network in a more exact precision; both accuracies are known.
        budget_points: Maximum loss of accuracy, in percentage points.
    """
    assert low.accuracy is not None
    assert exact.accuracy is not None
    fits, change = _change(low.accuracy, exact.accuracy, budget_points)
    return fits, f"{low.precision} {change}; whether it is faster than {exact.precision} there was not measured"


def _decide(
    low: PrecisionOption, exact: PrecisionOption, speedup: tuple[float, float, float], wide: bool, budget_points: float
) -> tuple[bool, str]:
    centre, slowest, fastest = speedup
    if fastest < 1:
        return False, f"{low.precision} is slower than {exact.precision} here: deploy {exact.precision}"
    if slowest <= 1:
        if not wide:
            return False, f"{low.precision} is not faster than {exact.precision} here: deploy {exact.precision}"
        return False, (
            f"{low.precision} is {slowest:.2g} to {fastest:.2g}x as fast as {exact.precision}, which is not a clear "
            f"difference: deploy {exact.precision}, or measure again on a quieter machine or longer"
        )
    faster = f"{low.precision} is {centre:.2g}x as fast as {exact.precision}"
    if centre < 1.05:
        faster = f"{low.precision} is {apart(100 * (centre - 1), 0.0, digits=2)[0]} % faster than {exact.precision}"
    if wide:
        faster += f" (between {apart(slowest, 1.0)[0]}x and {fastest:.3g}x)"
    if low.accuracy is None or exact.accuracy is None:
        return True, f"{faster}; its effect on the accuracy was not measured"
    fits, change = _change(low.accuracy, exact.accuracy, budget_points)
    return fits, f"{faster} and {change}" if fits else f"{faster} but {change}: deploy {exact.precision}"


def _change(low: float, exact: float, budget_points: float) -> tuple[bool, str]:
    """Whether a loss of accuracy is within the budget, and the loss in words."""
    loss_points = 100 * (exact - low)
    if loss_points > budget_points + 1e-9:  # 0.76 - 0.75 is slightly more than 0.01
        lost, allowed = apart(loss_points, budget_points)
        return False, f"loses {lost} points of accuracy, more than the {allowed} allowed"
    return True, f"loses {loss_points:.2f} points of accuracy" if loss_points > 0 else "loses no accuracy"
