"""Rows among which the surrogate chooses."""

import numpy as np

from tiernas.search.lattice import IntArray, Lattice
from tiernas.search.mutation import mutate
from tiernas.search.supply import Supply

_LISTED = 2048
_MUTATIONS = 2048
"""Of each kind, before the infeasible, the known and those outside the selected region are dropped."""

_CHANGES = np.array([1, 2, 4, 8])
"""In how many coordinates a mutation may differ from its parent: close by, and far enough to leave a local
optimum."""


def gather_candidates(parents: IntArray, lattice: Lattice, supply: Supply, rng: np.random.Generator) -> IntArray:
    """Gathers new feasible rows: listed ones (pool or enumeration), and mutations of good ones.

    Args:
        parents: `p x d` rows worth mutating.
        lattice: The lattice.
        supply: Where new feasible rows come from.
        rng: The generator to draw with.

    Returns:
        A `m x d` integer array of distinct rows; empty only if bounded effort finds none.
    """
    chosen = parents[rng.integers(0, len(parents), size=_MUTATIONS)]
    children = mutate(chosen, rng.choice(_CHANGES, size=_MUTATIONS), lattice, rng)
    rows = supply.admit(np.concatenate([supply.draw_listed(_LISTED, rng), children]))
    return rows if len(rows) else supply.draw(1, rng)
