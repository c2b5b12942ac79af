"""Quasi-random search: what even coverage of the space achieves without learning anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Unpack

import numpy as np
from scipy.stats import qmc

from tiernas.search.lattice import IntArray, row_keys
from tiernas.search.optimizer import Optimizer, Problem

_BLOCK = 2048
"""A power of two, which the balance of the sequence requires."""

_BARREN_BLOCKS = 32
"""The sequence ends after this many blocks in a row without a new feasible row: 65,536 points, the effort of
`Supply` for blind draws."""


class SobolSearch(Optimizer):
    """Proposes the feasible rows of a scrambled Sobol sequence in its order, each once.

    A point `u` of the unit cube is the row `floor(u * levels)`. When the sequence yields no more new feasible rows,
    rows come from the source of `RandomSearch`; a pool is used only then.

    I. M. Sobol: On the distribution of points in a cube and the approximate evaluation of integrals. 1967; scrambled
    after A. B. Owen: Randomly permuted (t,m,s)-nets and (t,s)-sequences. 1995.

    The arguments are those of `Optimizer`.
    """

    def __init__(self, levels: Sequence[int], **problem: Unpack[Problem]) -> None:
        super().__init__(levels, **problem)
        self._remaining = self._sequence()

    def _propose(self, rng: np.random.Generator) -> IntArray | None:
        for row in self._remaining:
            if row.tobytes() not in self._history:
                return row
        return self._supply.draw_one(rng)

    def _sequence(self) -> Iterator[IntArray]:
        """Yields the distinct feasible rows; they depend on the constructor's arguments alone."""
        engine = qmc.Sobol(self._lattice.dim, scramble=True, rng=np.random.default_rng(self._seed))
        known: set[bytes] = set()
        barren = 0
        while barren < _BARREN_BLOCKS:
            points = engine.random(_BLOCK)
            rows = self._lattice.canonical((points * self._lattice.levels).astype(np.int64))
            rows = rows[self._lattice.feasible(rows)]
            barren += 1
            for row, key in zip(rows, row_keys(rows), strict=True):
                if key not in known:
                    known.add(key)
                    barren = 0
                    yield row
