"""The number of threads that linear algebra uses."""

from __future__ import annotations

import functools
import sys
from contextlib import AbstractContextManager

from threadpoolctl import ThreadpoolController


def on_one_thread() -> AbstractContextManager[object]:
    """A context in which BLAS uses one thread.

    Matrices of a few hundred rows gain little from more. Next to training runs that keep the other cores busy, threads
    that wait for each other make it several times slower. Sums in another order are also rounded differently, so the
    same history would give different proposals on another machine.
    """
    limit: AbstractContextManager[object] = _controller(len(sys.modules)).limit(limits=1, user_api="blas")
    return limit


@functools.lru_cache(maxsize=1)
def _controller(modules: int) -> ThreadpoolController:
    """Controls the libraries loaded now. Finding them takes milliseconds, and only imported modules add more."""
    return ThreadpoolController()
