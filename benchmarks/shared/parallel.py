"""Jobs in parallel processes, each on one core."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context, parent_process
from typing import TypeVar

import torch

Key = TypeVar("Key")
Job = TypeVar("Job")
Result = TypeVar("Result")


def run_all(work: Callable[[Job], Result], jobs: Mapping[Key, Job], workers: int) -> Iterator[tuple[Key, Result]]:
    """Key and result of each job, as soon as it is complete.

    Args:
        work: The function that does a job, in a process that has one thread.
        jobs: The jobs, in the order in which they begin.
        workers: Number of processes. They end when this process ends, even if it is killed.
    """
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin)
    try:
        running = {pool.submit(work, job): key for key, job in jobs.items()}
        for done in as_completed(running):
            yield running[done], done.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Ends this process when its parent has ended: a worker of a killed one would wait for jobs forever."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
