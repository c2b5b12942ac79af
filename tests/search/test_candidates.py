"""Candidates are feasible and distinct; climbs reach what is near, expeditions what is far."""

import numpy as np

from tiernas.search.candidates import climb, explore, gather_candidates
from tiernas.search.history import History
from tiernas.search.lattice import BoolArray, FloatArray, IntArray, Lattice
from tiernas.search.supply import Supply

LEVELS = [10] * 8


def affordable(X: IntArray) -> BoolArray:
    mask: BoolArray = X.sum(axis=1) <= 40
    return mask


def two_peaks(X: IntArray) -> FloatArray:
    """A low peak (1) at all ones and a high one (2) at all fives: 32 steps apart."""
    low, high = (np.abs(X - at).sum(axis=1) for at in (1, 5))
    y: FloatArray = np.maximum(1.0 - low / 10, 2.0 - high / 10)
    return y


def searched(told: IntArray) -> tuple[Lattice, Supply]:
    lattice = Lattice(LEVELS, feasible=affordable)
    history = History(lattice.dim)
    history.tell(told, np.zeros(len(told)))
    return lattice, Supply(lattice, history, None)


def test_candidates_are_feasible_and_distinct_and_hold_their_parents() -> None:
    parents = np.array([[1] * 8, [5] * 8])
    lattice, supply = searched(parents)
    rows = gather_candidates(parents, lattice, supply, np.random.default_rng(0))
    assert affordable(rows).all()
    assert len(np.unique(rows, axis=0)) == len(rows) > 500
    np.testing.assert_array_equal(rows[:2], parents)


def test_climb_reaches_a_near_peak_but_no_known_row() -> None:
    start = np.array([[1, 1, 1, 1, 1, 1, 2, 2]])
    peak = np.ones((1, 8), dtype=np.int64)
    for told, expected in ((start, 1.0), (np.concatenate([start, peak]), 0.9)):
        lattice, supply = searched(told)
        found = climb(start, two_peaks(start), lambda X, _: two_peaks(X), lattice, supply, np.random.default_rng(0))
        assert two_peaks(found[None])[0] == expected


def test_a_hurried_climb_takes_one_round() -> None:
    lattice, supply = searched(np.zeros((1, 8), dtype=np.int64))
    start = np.array([[5, 5, 5, 5, 5, 5, 2, 2]])
    rated: dict[bool, int] = {}
    for hurry in (False, True):
        rounds: list[int] = []

        def rate(X: IntArray, _: float, rounds: list[int] = rounds) -> FloatArray:
            rounds.append(len(X))
            return two_peaks(X)

        climb(start, two_peaks(start), rate, lattice, supply, np.random.default_rng(0), hurry=hurry)
        rated[hurry] = len(rounds)
    assert rated == {False: 3, True: 1}


def test_expeditions_find_a_peak_that_is_far_from_the_best_row() -> None:
    start = np.ones((1, 8), dtype=np.int64)
    lattice, supply = searched(start)
    found = explore(start, two_peaks, lattice, supply, np.random.default_rng(0))
    assert affordable(found).all()
    assert two_peaks(found).max() > 1.5
    assert (found == start).all(axis=1).any()


def test_nothing_feasible_to_start_from() -> None:
    lattice = Lattice(LEVELS, feasible=lambda X: np.zeros(len(X), dtype=np.bool_))
    supply = Supply(lattice, History(lattice.dim), None)
    assert explore(np.empty((0, 8), dtype=np.int64), two_peaks, lattice, supply, np.random.default_rng(0)).shape == (
        0,
        8,
    )
