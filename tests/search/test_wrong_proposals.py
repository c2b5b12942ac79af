"""What an optimizer of somebody's must not propose is refused in one message."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tiernas.errors import UsageError
from tiernas.search import RandomSearch
from tiernas.search.lattice import IntArray


class Odd(RandomSearch):
    proposal: Any = None

    def _propose(self, rng: np.random.Generator) -> IntArray | None:
        return self.proposal  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("proposal", "said"),
    [
        (np.array([[1, 1]]), "optimizer Odd: its proposals must have shape (n, 2), got (1, 1, 2)"),
        (np.array([1, 1, 1]), "optimizer Odd: its proposals must have shape (n, 2), got (1, 3)"),
        (np.array([1, 3]), "optimizer Odd: its proposals[0] has 3 in dimension 1, which holds 0 to 2"),
        (np.array([0.5, 1]), "optimizer Odd: its proposals must hold whole numbers, got float64"),
        ("best", "optimizer Odd: its proposals must hold whole numbers"),
        (np.array([2, 2]), "optimizer Odd: proposed [2, 2], which is infeasible, told or pending"),
        (np.array([0, 0]), "optimizer Odd: proposed [0, 0], which is infeasible, told or pending"),
        ([0, 1], "optimizer Odd: proposed [0, 1], which is infeasible, told or pending"),
    ],
)
def test_it_is_told_and_nothing_is_pending(proposal: Any, said: str) -> None:
    optimizer = Odd([3, 3], feasible=lambda X: X.sum(axis=1) < 4)
    optimizer.tell([[0, 0]], [1.0])
    optimizer.add_pending([[0, 1]])
    optimizer.proposal = proposal
    with pytest.raises(UsageError) as caught:
        optimizer.ask()
    assert said in str(caught.value)
    assert optimizer.pending.tolist() == [[0, 1]]


def test_a_row_may_be_a_list() -> None:
    optimizer = Odd([3, 3])
    optimizer.proposal = [1, 2]
    assert optimizer.ask().tolist() == optimizer.pending.tolist() == [[1, 2]]
