"""The rows that the surrogate chooses among."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tiernas.search.lattice import FloatArray, IntArray, Lattice, first_of_each
from tiernas.search.mutation import mutate
from tiernas.search.supply import Supply

_ANYWHERE = 512
_MUTATIONS = 2048
"""Before infeasible and known rows are removed."""

_KEPT = 1024
"""The number of mutations that are rated."""

_CHANGES = np.array([1, 2, 4, 8])
"""The numbers of coordinates in which a mutation may differ from its parent: near enough to refine, and far enough to
leave a local optimum."""

CLIMBERS = 8
_CHILDREN = 16
_ROUNDS = 3
"""Climbing: mutations of the most promising rows in one or two coordinates, repeated a few times."""

_CLIMB_CHANGES = np.array([1, 1, 2])

_EXPEDITIONS = 64
_EXPEDITION_CHILDREN = 8
_EXPEDITION_ROUNDS = 30
"""The number of rows that climb independently, so that good regions far from the best rows are found too. Costs as
much as some tens of proposals."""

_EXPEDITION_CHANGES = np.array([1, 1, 2, 2, 3])


def gather_candidates(parents: IntArray, lattice: Lattice, supply: Supply, rng: np.random.Generator) -> IntArray:
    """Gathers feasible rows, known ones included: mutations of good rows, and rows from anywhere.

    Args:
        parents: `p x d` rows worth mutating.
        lattice: The lattice.
        supply: The source of rows from anywhere.
        rng: The generator to draw with.

    Returns:
        A `m x d` integer array of distinct rows.
    """
    chosen = parents[rng.integers(0, len(parents), size=_MUTATIONS)]
    children = lattice.distinct(mutate(chosen, rng.choice(_CHANGES, size=_MUTATIONS), lattice, rng))
    anywhere = supply.anywhere(_ANYWHERE, rng)
    return first_of_each(np.concatenate([lattice.distinct(parents), children[:_KEPT], anywhere]))


def climb(
    rows: IntArray,
    score: FloatArray,
    promise: Callable[[IntArray, float], FloatArray],
    lattice: Lattice,
    supply: Supply,
    rng: np.random.Generator,
    *,
    hurry: bool = False,
) -> IntArray:
    """Climbs from the most promising rows to a better one.

    Args:
        rows: `m x d` new feasible rows, `m >= 1`.
        score: `m` values of `promise` for these rows.
        promise: Maps `n x d` rows and a floor to `n` values, larger is better. Values below the floor need not be
            exact, only below it.
        lattice: The lattice.
        supply: Says which rows are feasible and new.
        rng: The generator to draw with.
        hurry: Whether to stop after the first round.

    Returns:
        The best row found, of shape `(d,)`; it may be one of the given rows.
    """
    for _ in range(1 if hurry else _ROUNDS):
        best = np.argsort(-score, kind="stable")[:CLIMBERS]
        rows, score = rows[best], score[best]
        parents = np.repeat(rows, _CHILDREN, axis=0)
        children = mutate(parents, rng.choice(_CLIMB_CHANGES, size=len(parents)), lattice, rng)
        children = supply.admit(children)
        rows, score = np.concatenate([rows, children]), np.concatenate([score, promise(children, score[-1])])
    top: IntArray = rows[np.argmax(score)]
    return top


def explore(
    starts: IntArray,
    promise: Callable[[IntArray], FloatArray],
    lattice: Lattice,
    supply: Supply,
    rng: np.random.Generator,
) -> IntArray:
    """Climbs from many rows at once, independently of each other.

    Args:
        starts: `s x d` feasible rows to climb from; rows from anywhere are added.
        promise: Maps `n x d` rows to `n` values, larger is better.
        lattice: The lattice.
        supply: The source of rows from anywhere.
        rng: The generator to draw with.

    Returns:
        The `m x d` distinct rows where the climbs ended, known ones included.
    """
    rows = np.concatenate([starts, supply.anywhere(_EXPEDITIONS, rng)])[:_EXPEDITIONS]
    if not len(rows):
        return rows
    score = promise(rows)
    for _ in range(_EXPEDITION_ROUNDS):
        parents = np.repeat(rows, _EXPEDITION_CHILDREN, axis=0)
        children = mutate(parents, rng.choice(_EXPEDITION_CHANGES, size=len(parents)), lattice, rng)
        children = lattice.canonical(children)
        reached = np.full(len(children), -np.inf)
        feasible = lattice.feasible(children)
        if feasible.any():
            reached[feasible] = promise(children[feasible])
        best = np.arange(0, len(children), _EXPEDITION_CHILDREN)
        best += reached.reshape(len(rows), _EXPEDITION_CHILDREN).argmax(axis=1)
        better = reached[best] > score
        rows = np.where(better[:, None], children[best], rows)
        score = np.where(better, reached[best], score)
    return lattice.distinct(rows)
