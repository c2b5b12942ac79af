import numpy as np
import pytest

from tiernas.search import LaMctsOptimizer
from tiernas.search.history import History
from tiernas.search.kernel import Hyperparameters
from tiernas.search.lattice import BoolArray, FloatArray, IntArray, Lattice
from tiernas.search.learned import MANY_PENDING, MODEL_ROWS, Learned, Learner, Slow, last_learning, last_result
from tiernas.search.partition import Region
from tiernas.search.supply import Supply


def test_slow_learning_follows_a_geometric_schedule() -> None:
    # ceil(1.1 n): 2, 3, 4 ... 10, 11, 13, 15, 17, 19, 21, 24.
    assert [last_learning(n) for n in (2, 3, 9, 10, 12, 13, 22, 23, 24)] == [2, 3, 9, 10, 11, 13, 21, 21, 24]


@pytest.mark.parametrize(
    ("n", "pending", "expected"),
    [
        (99, 63, 99),
        (99, 64, 98),
        (99, 128, 96),
        (99, 255, 96),
        (99, 256, 96),
        (63, 256, 63),
        (64, 256, 64),
        (71, 256, 64),
    ],
)
def test_with_many_pending_rows_results_come_several_at_once(n: int, pending: int, expected: int) -> None:
    # Twice as many at 64, 4 times at 128, 8 times at 256 pending rows; one by one up to 8 times as many results.
    assert last_result(n, pending) == expected


def learned_of(y: FloatArray, feasible: BoolArray, summits: IntArray) -> Learned:
    """Of rows 0, 1, 2 ... of one dimension, whose feature is a hundredth of it."""
    X = np.arange(len(y))[:, None]
    Z = X / 100.0
    known = Hyperparameters(np.array([0.5]), signal=1.0, noise=0.01)
    return Learned(X, y, Z, feasible, Slow(y, known, Region(Z, y, None), summits))


def region_of(learned: Learned, members: range) -> Region:
    return Region(learned.Z, learned.y, None, np.array(members))


def test_parents_are_the_best_of_all_and_of_the_region_and_the_summits() -> None:
    learned = learned_of(np.arange(100.0), np.ones(100, dtype=np.bool_), np.array([[-7], [-8]]))
    parents = learned.parents(region_of(learned, range(50)))
    assert sorted(parents[:, 0].tolist()) == [-8, -7, *range(30, 50), *range(80, 100)]


def test_parents_are_feasible_unless_nothing_is() -> None:
    even = np.arange(100) % 2 == 0
    for feasible, expected in ((even, range(60, 100, 2)), (np.zeros(100, dtype=np.bool_), range(80, 100))):
        learned = learned_of(np.arange(100.0), feasible, np.empty((0, 1), dtype=np.int64))
        assert sorted(learned.parents(learned.tree)[:, 0].tolist()) == list(expected)


def test_a_surrogate_holds_all_rows_while_they_are_few() -> None:
    learned = learned_of(np.arange(float(MODEL_ROWS)), np.ones(MODEL_ROWS, dtype=np.bool_), np.empty((0, 1), np.int64))
    rows = learned._rows(region_of(learned, range(10)))
    np.testing.assert_array_equal(rows, np.arange(MODEL_ROWS))
    assert learned.surrogate(region_of(learned, range(10))) is learned.surrogate(region_of(learned, range(10, 20)))


def test_a_surrogate_of_many_rows_holds_the_best_those_around_the_best_of_the_region_and_some_of_the_rest() -> None:
    """Of 1,000 rows 320: the best 160 are the last; the region's best ten, 290 to 299, have 80 rows around them."""
    learned = learned_of(np.arange(1000.0), np.ones(1000, dtype=np.bool_), np.empty((0, 1), np.int64))
    rows = learned._rows(region_of(learned, range(200, 300)))
    assert len(rows) == MODEL_ROWS
    assert set(range(840, 1000)) <= set(rows)
    assert set(range(255, 335)) <= set(rows)
    rest = np.setdiff1d(rows, np.r_[255:335, 840:1000])
    assert (rest.min(), rest.max()) == (0, 839)
    assert np.diff(np.setdiff1d(np.arange(840), np.r_[255:335]).searchsorted(rest)).max() <= 10


def learner_of(observed: int, pending: int) -> tuple[Learner, IntArray]:
    """A learner of the first rows of a lattice, and all its rows; those whose first number is even are feasible."""
    lattice = Lattice([6] * 4, feasible=lambda X: X[:, 0] % 2 == 0)
    rows = np.random.default_rng(0).permutation(np.argwhere(np.ones(lattice.levels)))
    history = History(lattice.dim)
    history.tell(rows[:observed], value(rows[:observed]))
    history.add_pending(rows[observed : observed + pending])
    return Learner(history, lattice, Supply(lattice, history, None), None, seed=0), rows


def test_what_is_told_and_not_yet_learned_is_awaited_as_what_is_pending() -> None:
    for pending, learned_from in ((MANY_PENDING - 1, 21), (MANY_PENDING, 20)):
        learner, rows = learner_of(21, pending)
        learned, awaited = learner.learn()
        np.testing.assert_array_equal(learned.X, rows[:learned_from])
        np.testing.assert_array_equal(awaited.Z, rows[learned_from : 21 + pending] / 5.0)
        np.testing.assert_array_equal(awaited.feasible, rows[learned_from : 21 + pending, 0] % 2 == 0)


def test_what_is_learned_is_kept_until_a_result_counts() -> None:
    learner, rows = learner_of(20, MANY_PENDING)
    first, _ = learner.learn()
    assert learner.learn()[0] is first
    for told, kept in ((20, True), (21, False)):  # of two that come together the first changes nothing
        learner._history.tell(rows[told : told + 1], value(rows[told : told + 1]))
        learner._history.add_pending(rows[-told:][:1])
        assert (learner.learn()[0] is first) == kept


def value(X: IntArray) -> FloatArray:
    y: FloatArray = -((X - 3.0) ** 2).sum(axis=1)
    return y


def test_an_optimizer_with_many_pending_rows_is_rebuilt_from_what_was_told_and_asked() -> None:
    first = LaMctsOptimizer([6] * 5, seed=0)
    told = first.ask(40)
    first.tell(told, value(told))
    pending = first.ask(130)
    for row in pending[:3]:  # not yet learned from: 43 results, of which 40 count while 128 rows or more are pending
        first.tell(row[None], value(row[None]))
        pending = np.concatenate([pending, first.ask(1)])
    again = LaMctsOptimizer([6] * 5, seed=0)
    again.tell(np.concatenate([told, pending[:3]]), value(np.concatenate([told, pending[:3]])))
    again.add_pending(pending[3:])
    np.testing.assert_array_equal(again.ask(2), first.ask(2))
