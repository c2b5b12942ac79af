"""Rows, their validation, mutation and supply."""

import numpy as np

from tiernas.search.encoding import Encoding
from tiernas.search.history import History
from tiernas.search.lattice import BoolArray, IntArray, Lattice
from tiernas.search.mutation import mutate
from tiernas.search.supply import Supply


def test_every_row_in_lexicographic_order() -> None:
    lattice = Lattice([2, 1, 3], feasible=lambda X: X[:, 0] + X[:, 2] < 3)
    assert lattice.size == 6
    np.testing.assert_array_equal(lattice.every_row(), [[0, 0, 0], [0, 0, 1], [0, 0, 2], [1, 0, 0], [1, 0, 1]])


def test_more_dimensions_than_an_array_may_have() -> None:
    lattice = Lattice([1] * 98 + [2, 2])
    np.testing.assert_array_equal(lattice.every_row()[:, -2:], [[0, 0], [0, 1], [1, 0], [1, 1]])


def test_encoding_scales_ordered_and_spreads_categorical_dimensions() -> None:
    encode = Encoding(Lattice([5, 3, 1, 2], categorical=[False, True, False, True]))
    np.testing.assert_array_equal(encode(np.array([[1, 2, 0, 1], [4, 0, 0, 0]])), [[0.25, 1, 0, 0, 1], [1, 0, 1, 0, 0]])


def test_mutation_changes_exactly_so_many_coordinates() -> None:
    lattice = Lattice([4, 1, 3, 2, 5], categorical=[False, False, True, False, False])
    rng = np.random.default_rng(0)
    parents = rng.integers(0, lattice.levels, size=(3000, 5))
    changes = np.arange(3000) % 5 + 1
    children = mutate(parents, changes, lattice, rng)
    np.testing.assert_array_equal((children != parents).sum(axis=1), np.minimum(changes, 4))
    assert (children >= 0).all()
    assert (children < lattice.levels).all()
    for j, levels in enumerate(lattice.levels):
        assert len(np.unique(children[:, j])) == levels


def test_supply_finds_a_narrow_region_by_rejection_and_its_neighbours_by_mutation() -> None:
    def feasible(X: IntArray) -> BoolArray:
        mask: BoolArray = (X[:, :8] == 3).all(axis=1)
        return mask

    lattice = Lattice([6] * 12, feasible=feasible)
    history = History(12)
    supply = Supply(lattice, history, pool=None)
    assert not supply.complete
    assert len(supply.draw(1, np.random.default_rng(0))) == 0
    history.add_pending(np.full((1, 12), 3))
    rows = supply.draw(5, np.random.default_rng(0))
    assert len(rows) == 5
    assert feasible(rows).all()


def test_supply_draws_from_the_pool_first_and_then_elsewhere() -> None:
    lattice = Lattice([8] * 10)
    pool = np.array([[1] * 10, [2] * 10, [1] * 10])
    supply = Supply(lattice, History(10), pool)
    rows = supply.draw(3, np.random.default_rng(0))
    np.testing.assert_array_equal(np.sort(rows[:2, 0]), [1, 2])
    assert len(np.unique(rows, axis=0)) == 3
