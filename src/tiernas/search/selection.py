"""Which region of the tree to sample next: upper confidence bounds with virtual visits."""

import math

from tiernas.search.lattice import FloatArray
from tiernas.search.partition import Region


def upper_confidence_bound(mean: float, visits: int, parent_visits: int, exploration: float) -> float:
    """Returns `mean + 2 c sqrt(2 ln(n_p) / n)`.

    `n` is the number of visits of the region, `n_p` that of its parent, `c` the exploration constant (Wang et
    al. 2020, after P. Auer, N. Cesa-Bianchi, P. Fischer: Finite-time analysis of the multiarmed bandit
    problem, 2002).
    """
    return mean + 2.0 * exploration * math.sqrt(2.0 * math.log(parent_visits) / visits)


def select(root: Region, pending: FloatArray, exploration: float) -> Region:
    """Walks from the root to a leaf, at each node to the part with the higher bound.

    A pending row counts as a visit of every region it lies in but does not change the mean, so that workers asking at
    the same time spread over the leaves.

    Args:
        root: The tree.
        pending: `p x f` features of the rows asked for but not yet told.
        exploration: The constant `c`, in units of the observations.

    Returns:
        The leaf.
    """
    node = root
    while node.split is not None:
        side = node.split.places_better(pending)
        visits = len(node.members) + len(pending)
        better, worse = (
            upper_confidence_bound(part.mean, len(part.members) + virtual, visits, exploration)
            for part, virtual in (
                (node.split.better, int(side.sum())),
                (node.split.worse, int((~side).sum())),
            )
        )
        go_better = better >= worse
        pending = pending[side == go_better]
        node = node.split.better if go_better else node.split.worse
    return node
