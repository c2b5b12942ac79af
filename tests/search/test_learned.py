import numpy as np
import pytest

from tiernas.search import LaMctsOptimizer
from tiernas.search.lattice import FloatArray, IntArray
from tiernas.search.learned import last_learning, last_result


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
