"""How many threads linear algebra takes."""

from __future__ import annotations

import functools
from contextlib import AbstractContextManager

from threadpoolctl import ThreadpoolController


def on_one_thread() -> AbstractContextManager[object]:
    """A context in which BLAS works on one thread.

    Matrices of some hundred rows gain little from more. Beside trainings that keep the other cores busy, threads that
    wait for each other cost several times as much; and sums in another order are rounded otherwise, so that the same
    history would not give the same proposals on another machine.
    """
    limit: AbstractContextManager[object] = _controller().limit(limits=1, user_api="blas")
    return limit


@functools.cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()
