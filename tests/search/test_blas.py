"""Proposals are made on one thread, whatever BLAS may have otherwise."""

import json
import os
import subprocess
import sys

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from tiernas.search import LaMctsOptimizer
from tiernas.search.lattice import BoolArray, IntArray

LOADED_LATER = """
import json
from threadpoolctl import threadpool_info
from tiernas.search import RandomSearch
RandomSearch([3]).ask()
before = {library["filepath"] for library in threadpool_info() if library["user_api"] == "blas"}
from tiernas.search import LaMctsOptimizer
later = {}
def feasible(X):
    for library in threadpool_info():
        if library["user_api"] == "blas" and library["filepath"] not in before:
            later[library["filepath"]] = library["num_threads"]
    return X[:, 0] >= 0
LaMctsOptimizer([5] * 12, feasible=feasible).ask()
print(json.dumps(list(later.values())))
"""


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


def test_libraries_that_are_loaded_after_the_first_proposal_take_one_thread_too() -> None:
    """SciPy brings a BLAS of its own, which random search does not need."""
    told = subprocess.run(
        [sys.executable, "-c", LOADED_LATER],
        check=True,
        capture_output=True,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"},
    )
    assert set(json.loads(told.stdout)) == {1}
