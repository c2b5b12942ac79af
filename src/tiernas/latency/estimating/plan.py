"""Which networks a table consists of, and what each is interleaved with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set

from tiernas.errors import UsageError
from tiernas.latency.estimating.coverage import Vector, networks_of_missing_blocks
from tiernas.latency.estimating.latency_table import LatencyTable
from tiernas.latency.measuring.ladder import Rung
from tiernas.spaces import SearchSpace


def neighbors_of(rungs: Sequence[Rung]) -> dict[Vector, int]:
    """For each rung, by its vector, the index of the rung to interleave it with."""
    return {rung.vector: min(abs(number - 1), len(rungs) - 1) for number, rung in enumerate(rungs)}


def new_networks(
    space: SearchSpace, rungs: Iterable[Vector], seed: int, measured: Set[Vector], networks: int
) -> list[Vector]:
    """The networks to measure for the first time: the rungs, then those with blocks that the rungs lack, then others.

    Args:
        space: The space.
        rungs: The networks of its ladder.
        seed: Seed of the Sobol sequence.
        measured: The networks measured so far.
        networks: Target number of different networks.

    Raises:
        UsageError: The space has fewer networks than a table needs.
    """
    sobol = [tuple(int(v) for v in row) for row in space.sample(networks, seed)]
    covering = networks_of_missing_blocks(space, [*rungs, *measured], seed)
    plan = dict.fromkeys([*rungs, *covering, *sobol])
    different = len(plan.keys() | measured)
    if different < LatencyTable.FEWEST:
        raise UsageError(
            f"space {space.name!r}: {different} different networks among {networks}; a table needs at least "
            f"{LatencyTable.FEWEST}: ask for more networks, or widen the space"
        )
    missing = networks - len(measured)
    return [vector for vector in plan if vector not in measured][: max(missing, 0)]
