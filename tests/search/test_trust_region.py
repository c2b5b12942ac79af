"""The trust region grows, shrinks and starts anew as its paper says, and its candidates lie inside."""

import numpy as np
import pytest

from tiernas.search import TrustRegionOptimizer
from tiernas.search.lattice import Lattice
from tiernas.search.trust_region import INITIAL_LENGTH, RegionProgress, half_widths, perturb


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        ([5, 1], RegionProgress()),
        ([1, 2, 3, 4], RegionProgress(successes=2)),
        ([1, 2, 3, 4, 5], RegionProgress(length=1.6)),
        ([1, 2, 3, 4, 5, 6, 7, 8, 9], RegionProgress(length=1.6, successes=1)),
        ([9, 1, 2, 3], RegionProgress(failures=2)),
        ([9, 1, 9, 3, 4], RegionProgress(length=0.4)),
        ([9, 1, 2, 3, 10, 1], RegionProgress(failures=1)),
        ([9, 1, *[0] * 20], RegionProgress(length=0.8 / 64, failures=2)),
        ([9, 1, *[0] * 21], RegionProgress(start=23)),
        ([9, 1, *[0] * 21, 1, 2, 3], RegionProgress(start=23, successes=1)),
    ],
)
def test_successes_and_failures(y: list[float], expected: RegionProgress) -> None:
    """Two rows to start with, three failures to shrink. 0.8 is halved seven times until it is below 1/128."""
    progress = RegionProgress.of(np.array(y, dtype=np.float64), n_initial=2, patience=3)
    assert progress.length == pytest.approx(expected.length)
    assert (progress.start, progress.successes, progress.failures) == (
        expected.start,
        expected.successes,
        expected.failures,
    )


def test_infeasible_results_are_neither_success_nor_failure() -> None:
    """After a far better row that may not be proposed, all others would be failures."""
    optimizer = TrustRegionOptimizer([9, 9, 9], feasible=lambda X: X.sum(axis=1) <= 20, n_initial=2)
    rising = np.array([[i, 0, 0] for i in range(5)])
    optimizer.tell([[8, 8, 8]], [99.0])
    optimizer.tell(rising, np.arange(5.0))
    assert optimizer._learn()[0] == RegionProgress(length=1.6)


def test_sides_follow_the_length_scales() -> None:
    """The scales have the geometric mean 2, so they weigh 1/2, 1 and 2: sides 0.2, 0.4 and 0.8 of 20 steps."""
    widths = half_widths(0.4, np.array([1.0, 2.0, 4.0]), np.array([21, 21, 21]))
    np.testing.assert_array_equal(widths, [2, 4, 8])
    np.testing.assert_array_equal(half_widths(1e-3, np.ones(2), np.array([5, 100])), [1, 1])
    np.testing.assert_array_equal(half_widths(1.6, np.array([1e-9, 1e9]), np.array([7, 7])), [1, 6])


def test_candidates_lie_in_the_box_and_reach_its_sides() -> None:
    lattice = Lattice([21, 1, 21])
    rows = perturb(np.array([10, 0, 1]), 0.4, np.ones(2), lattice, np.random.default_rng(0))
    np.testing.assert_array_equal(rows.min(axis=0), [6, 0, 0])
    np.testing.assert_array_equal(rows.max(axis=0), [14, 0, 5])


def test_categories_change_in_a_part_of_the_dimensions() -> None:
    lattice = Lattice([5] * 10, categorical=[True] * 10)
    centre = np.arange(10) % 5
    changes = {
        length: (perturb(centre, length, np.ones(50), lattice, np.random.default_rng(0)) != centre).sum(axis=1)
        for length in (0.01, 0.3, 1.6)
    }
    assert {length: int(n.max()) for length, n in changes.items()} == {0.01: 1, 0.3: 3, 1.6: 10}


def test_of_many_dimensions_about_twenty_change() -> None:
    lattice = Lattice([1001] * 100)
    centre = np.full(100, 500)
    rows = perturb(centre, INITIAL_LENGTH, np.ones(100), lattice, np.random.default_rng(0))
    assert (rows != centre).sum(axis=1).mean() == pytest.approx(20, abs=0.5)


def test_proposals_stay_near_the_best_row() -> None:
    optimizer = TrustRegionOptimizer([101] * 3, n_initial=5)
    X = np.random.default_rng(0).integers(0, 101, size=(5, 3))
    optimizer.tell(X, [0.0, 0.0, 1.0, 0.0, 0.0])
    worse = np.random.default_rng(1).integers(0, 101, size=(12, 3))
    optimizer.tell(worse, np.full(12, -1.0))  # four times three failures: the side is 0.05
    assert np.abs(optimizer.ask(4) - X[2]).max() <= 20


def test_starts_anew_at_random() -> None:
    optimizer = TrustRegionOptimizer([101] * 3, n_initial=5)
    told = np.random.default_rng(0).integers(0, 101, size=(5 + 7 * 3, 3))
    optimizer.tell(told, np.append(10.0, np.zeros(len(told) - 1)))
    assert np.ptp(optimizer.ask(12), axis=0).min() > 40
