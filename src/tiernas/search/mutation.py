"""Perturbations of rows on the lattice."""

import numpy as np

from tiernas.search.lattice import IntArray, Lattice


def mutate(parents: IntArray, changes: IntArray, lattice: Lattice, rng: np.random.Generator) -> IntArray:
    """Changes random coordinates of every parent.

    A changed coordinate always gets another value: with probability 1/2 a neighboring one (a network differs most
    usefully by one layer or one width more or less), else any other one with equal probability. Categorical
    coordinates have no neighbors and get any other value. This mix of small and full-range steps comes from the trials
    on tables of trained networks that the project started from.

    Args:
        parents: `n x d` integer array.
        changes: `n` integers, how many coordinates of each parent to change; all that can change if there are fewer.
        lattice: The lattice the rows belong to; its feasibility rule is not applied.
        rng: The generator to draw with.

    Returns:
        `n x d` integer array, not made canonical.
    """
    levels = lattice.levels
    free = levels > 1
    order = np.where(free, rng.random(parents.shape), np.inf)
    last = np.take_along_axis(np.sort(order, axis=1), np.minimum(changes, len(levels))[:, None] - 1, axis=1)
    chosen = (order <= last) & free

    shift = rng.integers(1, np.maximum(levels, 2), size=parents.shape)
    anywhere = (parents + shift) % levels

    step = rng.choice(np.array([-1, 1]), size=parents.shape)
    outside = (parents + step < 0) | (parents + step >= levels)
    nearby = parents + np.where(outside, -step, step)

    small = (rng.random(parents.shape) < 0.5) & ~lattice.categorical
    children: IntArray = np.where(chosen, np.where(small, nearby, anywhere), parents)
    return children
