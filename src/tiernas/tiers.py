"""Latency tiers, and the pool of networks that a space has in each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt

from tiernas.blocks.rows import IntArray
from tiernas.errors import UsageError
from tiernas.latency.estimating.agreement import LEAST_INSIDE, chances_inside
from tiernas.rounding import apart
from tiernas.spaces import SearchSpace
from tiernas.unique_rows import unique_rows

if TYPE_CHECKING:
    from tiernas.latency import LatencyTable
    from tiernas.limits import WithinLimits

DEFAULT_POOL_NETWORKS = 65_536
"""Networks sampled from the space for all tiers together; a power of two keeps a Sobol sequence balanced."""


@dataclass(frozen=True, slots=True, order=True)
class Tier:
    """A half-open interval of latencies: `low_ms <= latency < high_ms`.

    Raises:
        UsageError: The ends are not numbers, negative, or not increasing.
    """

    low_ms: float
    high_ms: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low_ms) and math.isfinite(self.high_ms) and 0 <= self.low_ms < self.high_ms):
            raise UsageError(
                f"tier {self.name!r}: the ends must be non-negative, increasing numbers of ms, such as '0.2-0.4'"
            )

    @property
    def name(self) -> str:
        """Such as "0.2-0.4"."""
        return f"{self.low_ms:.15g}-{self.high_ms:.15g}"

    @property
    def middle_ms(self) -> float:
        """Mean of its ends."""
        return (self.low_ms + self.high_ms) / 2

    @property
    def width(self) -> float:
        """Relative width: upper over lower end, minus 1; infinite if the tier starts at 0."""
        return self.high_ms / self.low_ms - 1 if self.low_ms else math.inf

    @overload
    def contains(self, latency_ms: float) -> bool: ...
    @overload
    def contains(self, latency_ms: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]: ...
    def contains(self, latency_ms: Any) -> Any:
        """Whether a latency is in the tier; for an array of `n` latencies, a mask."""
        return (self.low_ms <= latency_ms) & (latency_ms < self.high_ms)


@dataclass(frozen=True, slots=True)
class Pool:
    """The sampled networks of a tier, fastest first.

    Attributes:
        tier: The tier.
        vectors: `n x d` integers; all rows differ.
        latency_ms: `n` estimated latencies, increasing.
        excluded: Number of other sampled networks of the tier, which are beyond a limit.
    """

    tier: Tier
    vectors: IntArray
    latency_ms: npt.NDArray[np.float64]
    excluded: int = 0

    def __len__(self) -> int:
        return len(self.vectors)

    def summary(self) -> dict[str, Any]:
        """The pool without its networks, as values that JSON can represent."""
        return {
            "tier": self.tier.name,
            "low_ms": self.tier.low_ms,
            "high_ms": self.tier.high_ms,
            "networks": len(self),
            "excluded": self.excluded,
            "fastest_ms": float(self.latency_ms[0]),
            "slowest_ms": float(self.latency_ms[-1]),
        }


def parse_tier(text: str) -> Tier:
    """The tier of a text such as `0.2-0.4`.

    Raises:
        UsageError: The text is not a tier.
    """
    low, dash, high = text.strip().partition("-")
    if not dash or not high:
        raise UsageError(f"tier {text!r}: must be two numbers of ms separated by a dash, such as '0.2-0.4'")
    return Tier(_number(low, text), _number(high, text))


def tiers_between(edges_ms: Sequence[float]) -> tuple[Tier, ...]:
    """The tiers between edges: `[0.2, 0.4, 0.8]` gives 0.2-0.4 and 0.4-0.8.

    Raises:
        UsageError: There are fewer than two edges, or they are negative or not increasing.
    """
    shown = ",".join(f"{edge:.15g}" for edge in edges_ms)
    if len(edges_ms) < 2:
        raise UsageError(f"tier edges {shown!r}: there must be at least two, such as 0.2,0.4,0.8")
    if not all(a < b for a, b in pairwise(edges_ms)):
        raise UsageError(f"tier edges {shown!r}: must be increasing, such as 0.2,0.4,0.8")
    return tuple(Tier(a, b) for a, b in pairwise(edges_ms))


def parse_edges(text: str) -> tuple[Tier, ...]:
    """The tiers between edges written as `0.2,0.4,0.8`.

    Raises:
        UsageError: An edge is not a number, or as in `tiers_between`.
    """
    return tiers_between([_number(edge, text) for edge in text.split(",")])


def sample_pools(
    space: SearchSpace,
    table: LatencyTable,
    tiers: Sequence[Tier],
    n: int = DEFAULT_POOL_NETWORKS,
    seed: int = 0,
    within: WithinLimits | None = None,
) -> dict[Tier, Pool]:
    """Samples a space and sorts the networks into tiers by their estimated latency.

    Args:
        space: The space; it must be the one that the table was built for.
        table: The latency table.
        tiers: The tiers.
        n: Networks to sample; a pool contains duplicates only once.
        seed: Seed of the Sobol sequence.
        within: Decides which networks are within limits; others are not in the pools. None without limits.

    Returns:
        One pool per tier, in the order of the tiers.

    Raises:
        UsageError: The table belongs to another space, a tier has no network (the message gives the range of
            latencies), or none within the limits (the message gives what the nearest one needs).
    """
    table.require_space(space)
    vectors, _ = unique_rows(space.sample(n, seed))
    latency_ms = table.estimate(vectors)
    order = np.argsort(latency_ms, kind="stable")
    vectors, latency_ms = vectors[order], latency_ms[order]
    pools = {}
    for tier in tiers:
        inside = tier.contains(latency_ms)
        if not inside.any():
            fastest, _ = apart(float(latency_ms[0]), tier.high_ms)
            slowest, _ = apart(float(latency_ms[-1]), tier.low_ms)
            raise UsageError(
                f"tier {tier.name!r}: none of {len(vectors)} networks of {space.name!r} is in it; their estimated "
                f"latencies range from {fastest} to {slowest} ms: choose edges in that range, or sample more networks"
            )
        pool = Pool(tier, vectors[inside], latency_ms[inside])
        pools[tier] = pool if within is None else _limited(pool, within)
    return pools


def require_some_within(within: WithinLimits, space: SearchSpace, n: int, seed: int) -> None:
    """Refuses limits that no sampled network is within, whatever its latency.

    Args:
        within: Decides which networks are within the limits.
        space: Their space.
        n: Networks to sample.
        seed: Seed of the Sobol sequence.

    Raises:
        UsageError: There is none; the message gives what the nearest one needs.
    """
    if not within.limits.given:
        return
    vectors, _ = unique_rows(space.sample(n, seed))
    if not within(vectors).any():
        raise UsageError(
            f"none of {len(vectors)} networks of {space.name!r} is within the limits: {within.excluding(vectors)}; "
            "raise these limits, or sample more networks"
        )


def narrow_tier_warnings(tiers: Sequence[Tier], table: LatencyTable) -> list[str]:
    """One warning per tier that is too narrow for the table: fewer than half of the estimates in it are correct."""
    lines = []
    for tier in tiers:
        inside = float(chances_inside(table.held_out_ms, table.measured_ms, tier.width).mean())
        if inside < LEAST_INSIDE:
            lines.append(
                f"tier {tier.name} ms is {100 * tier.width:.2g} % wide, narrower than the latency table can resolve: "
                f"{math.floor(10 * inside)} of 10 networks that are estimated in it are in it; a wider tier wastes "
                "fewer training runs"
            )
    return lines


def _limited(pool: Pool, within: WithinLimits) -> Pool:
    allowed = within(pool.vectors)
    if not allowed.any():
        raise UsageError(
            f"tier {pool.tier.name!r}: none of the {len(pool)} sampled networks in it is within the limits: "
            f"{within.excluding(pool.vectors)}; raise these limits, choose other edges, or sample more networks"
        )
    return Pool(pool.tier, pool.vectors[allowed], pool.latency_ms[allowed], excluded=int((~allowed).sum()))


def _number(text: str, whole: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise UsageError(f"tiers {whole!r}: {text.strip()!r} is not a number of ms") from error
