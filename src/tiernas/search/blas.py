"""How many threads linear algebra takes."""

from __future__ import annotations

import functools
import sys
from contextlib import AbstractContextManager

from threadpoolctl import ThreadpoolController


def on_one_thread() -> AbstractContextManager[object]:
    """A context in which BLAS works on one thread.

    Matrices of some hundred rows gain little from more. Beside trainings that keep the other cores busy, threads that
    wait for each other cost several times as much; and sums in another order are rounded otherwise, so that the same
    history would not give the same proposals on another machine.
    """
    limit: AbstractContextManager[object] = _controller(len(sys.modules)).limit(limits=1, user_api="blas")
    return limit


@functools.lru_cache(maxsize=1)
def _controller(modules: int) -> ThreadpoolController:
    """Of the libraries loaded now. To look for them takes milliseconds, and more come only with modules imported."""
    return ThreadpoolController()
