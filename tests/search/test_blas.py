"""Proposals are made on one thread, whatever BLAS may have otherwise."""

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from tiernas.search import LaMctsOptimizer
from tiernas.search.lattice import BoolArray, IntArray


def threads_of_blas() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_asking_takes_one_thread_and_gives_the_others_back() -> None:
    seen: set[int] = set()

    def feasible(X: IntArray) -> BoolArray:
        seen.update(threads_of_blas())
        return np.ones(len(X), dtype=np.bool_)

    optimizer = LaMctsOptimizer([5] * 12, feasible=feasible)
    X = np.random.default_rng(0).integers(0, 5, size=(30, 12))
    with threadpool_limits(2, user_api="blas"):
        optimizer.tell(X, X.sum(axis=1))
        before = threads_of_blas()
        seen.clear()
        optimizer.ask(2)
        assert threads_of_blas() == before == {2}
    assert seen == {1}
