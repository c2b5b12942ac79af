import numpy as np
import pytest

from tiernas.search import LaMctsOptimizer
from tiernas.search.lattice import FloatArray, IntArray
from tiernas.search.learned import choose_rows, last_learning, last_result

LINE = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9, 1.0])[:, None]


def test_a_long_history_is_held_by_its_best_its_nearest_and_a_spread() -> None:
    # Best first: 1.0, 0.9, 0.8, 0.7, 0.6 ... Four of eight are the best, two lie nearest to 0.12, and of the other
    # four, 0.6, 0.4, 0.3 and 0.0, the first and the last.
    order = np.arange(9, -1, -1)
    np.testing.assert_array_equal(choose_rows(LINE, order, np.array([0.12]), 8), [0, 1, 2, 5, 6, 7, 8, 9])
    np.testing.assert_array_equal(choose_rows(LINE, order, np.array([0.12]), 10), np.arange(10))


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
