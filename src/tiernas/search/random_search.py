"""Random search, the baseline that every optimizer must beat."""

import numpy as np

from tiernas.search.lattice import IntArray
from tiernas.search.optimizer import Optimizer


class RandomSearch(Optimizer):
    """Draws feasible rows uniformly: from the pool until it is used up, then from the lattice by rejection.

    J. Bergstra, Y. Bengio: Random search for hyper-parameter optimization. JMLR 13, 2012.
    """

    def _propose(self, rng: np.random.Generator) -> IntArray | None:
        return self._supply.draw_one(rng)
