"""The tree of regions and the way through it, against values worked out by hand."""

import numpy as np
import pytest

from tiernas.search.partition import Region, decide, learn_boundary
from tiernas.search.selection import select, upper_confidence_bound

# Ten rows on a line, the value rising with the position: 0.0, 0.1, ... 0.4 are worse, 0.6 ... 1.0 better.
LINE = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9, 1.0])[:, None]
VALUES = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 11.0, 12.0, 13.0, 14.0, 15.0])


def test_upper_confidence_bound() -> None:
    # 0.5 + 2 * 0.1 * sqrt(2 ln(8) / 2) = 0.5 + 0.2 * sqrt(2.0794415) = 0.7884054
    assert upper_confidence_bound(0.5, 2, 8, 0.1) == pytest.approx(0.7884054, abs=1e-7)
    # A single visit of the only visit there was: ln(1) = 0 leaves the mean.
    assert upper_confidence_bound(0.5, 1, 1, 0.1) == 0.5


def test_boundary_lies_between_the_clusters() -> None:
    boundary = learn_boundary(LINE, VALUES)
    assert boundary is not None
    np.testing.assert_array_equal(boundary.is_better(LINE), VALUES > 10)
    np.testing.assert_array_equal(boundary.is_better(np.array([[0.45], [0.55]])), [False, True])
    assert len(boundary.is_better(np.empty((0, 1)))) == 0


def test_the_decision_is_that_of_the_library() -> None:
    rng = np.random.default_rng(0)
    Z = rng.random((60, 5))
    boundary = learn_boundary(Z, np.sin(5.0 * Z).sum(axis=1))
    assert boundary is not None
    at = rng.normal(size=(500, 5))
    np.testing.assert_allclose(decide(boundary.classifier, at), boundary.classifier.decision_function(at), atol=1e-9)
    places = boundary.is_better(at * boundary.scale + boundary.shift)
    np.testing.assert_array_equal(places, boundary.classifier.predict(at))
    assert 0 < places.sum() < 500


def test_a_boundary_of_many_rows_is_learned_from_some_and_holds_for_all() -> None:
    Z = np.random.default_rng(1).random((2000, 2))
    y = Z.sum(axis=1)
    boundary = learn_boundary(Z, y)
    assert boundary is not None
    assert boundary.classifier.shape_fit_[0] == 512
    assert np.mean(boundary.is_better(Z) == (y > np.median(y))) > 0.97


def test_tree_of_ten_rows() -> None:
    root = Region(LINE, VALUES, leaf_size=5)
    assert root.mean == 8.0
    assert root.split is not None
    np.testing.assert_array_equal(root.split.better.members, [5, 6, 7, 8, 9])
    np.testing.assert_array_equal(root.split.worse.members, [0, 1, 2, 3, 4])
    assert (root.split.better.mean, root.split.worse.mean) == (13.0, 3.0)
    assert root.split.better.split is None
    assert Region(LINE, VALUES, leaf_size=10).split is None


def test_outlier_far_below_is_no_cluster_of_its_own() -> None:
    values = VALUES.copy()
    values[3] = -1e9
    boundary = learn_boundary(LINE, values)
    assert boundary is not None
    np.testing.assert_array_equal(boundary.is_better(LINE), VALUES > 10)


@pytest.mark.parametrize(
    ("Z", "y"),
    [
        (LINE, np.full(10, 2.0)),
        (np.zeros((10, 1)), VALUES),
        (LINE[:1], VALUES[:1]),
    ],
)
def test_nothing_to_divide(Z: np.ndarray, y: np.ndarray) -> None:
    assert learn_boundary(Z, y) is None
    assert Region(Z, y, leaf_size=2).split is None


def test_all_but_one_value_tied_at_the_bottom_or_top() -> None:
    for value in (0.0, 2.0):
        y = np.ones(10)
        y[9] = value
        assert Region(LINE, y, leaf_size=8).split is None


def test_a_region_is_not_divided_for_the_sake_of_one_row() -> None:
    """The boundary around it is learned all the same; a part keeps a quarter of `leaf_size` rows or more."""
    Z = np.append(LINE[:9] / 10, 1.0)[:, None]
    y = np.append(np.zeros(9), 1.0)
    boundary = learn_boundary(Z, y)
    assert boundary is not None
    np.testing.assert_array_equal(boundary.is_better(Z), y > 0)
    assert Region(Z, y, leaf_size=8).split is None
    assert Region(Z, y, leaf_size=7).split is not None  # a quarter of 7 is 1


def test_selection_follows_the_mean_until_pending_rows_crowd_it() -> None:
    root = Region(LINE, VALUES, leaf_size=5)
    assert root.split is not None
    # Nothing pending: 13 + 2c sqrt(2 ln 10 / 5) > 3 + the same.
    assert select(root, np.empty((0, 1)), exploration=7.0) is root.split.better
    # 45 pending rows in the better half, c = 7, n_p = 55, 2 ln 55 = 8.0147:
    # better 13 + 14 sqrt(8.0147 / 50) = 18.605; worse 3 + 14 sqrt(8.0147 / 5) = 20.725.
    assert select(root, np.full((45, 1), 0.8), exploration=7.0) is root.split.worse
    # With 35: n_p = 45, 2 ln 45 = 7.6133; better 13 + 14 sqrt(7.6133 / 40) = 19.108; worse 20.275.
    # With 5: n_p = 15, 2 ln 15 = 5.4161; better 13 + 14 sqrt(5.4161 / 10) = 23.303; worse 17.571.
    assert select(root, np.full((35, 1), 0.8), exploration=7.0) is root.split.worse
    assert select(root, np.full((5, 1), 0.8), exploration=7.0) is root.split.better


def test_a_leaf_as_root_selects_itself() -> None:
    root = Region(LINE[:3], VALUES[:3], leaf_size=None)
    assert select(root, np.empty((0, 1)), exploration=0.1) is root
