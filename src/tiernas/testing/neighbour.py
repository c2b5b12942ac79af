"""A noisy neighbor, like other users of a shared machine: for tests and benchmarks of what must hold next to one.

```console
$ python -m tiernas.testing.neighbour --seed 0
```

One process streams through memory, another one multiplies matrices on the vector units, each on and off at random.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import numpy as np

from tiernas.errors import TiernasError, UsageError

KINDS = ("memory", "vector")
"""The kinds of processes."""

LEAST_S, MOST_S = 0.1, 30.0
"""The shortest and the longest time of noise or of silence."""

_STREAMED = 16_000_000
"""Number of copied fp32 numbers: 64 MB, or 128 MB with the copy, exceed the caches of one core."""

_SIDE = 768
"""Size of the matrices: a product takes some ms."""

_PATIENCE_S = 10.0
_BLAS_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Spell(NamedTuple):
    """A period of noise or of silence."""

    is_on: bool
    duration_s: float


def spells(kind: str, seed: int, most_s: float = MOST_S) -> Iterator[Spell]:
    """The endless sequence of periods of a process; the same for the same arguments.

    Args:
        kind: One of `KINDS`.
        seed: Seed of the durations, log-uniform from `LEAST_S` to `most_s`.
        most_s: The longest period.
    """
    rng = random.Random(f"{kind} {seed}")
    is_on = rng.random() < 0.5
    while True:
        yield Spell(is_on, math.exp(rng.uniform(math.log(LEAST_S), math.log(most_s))))
        is_on = not is_on


@contextmanager
def neighbour(seed: int = 0, core: int | None = None, most_s: float = MOST_S) -> Iterator[None]:
    """Makes noise inside the context. Its processes end with the context, or with this process however it ends.

    Args:
        seed: Seed of the schedule, see `spells`.
        core: The core it runs on, if the system supports that. None: the last one that this process may use.
        most_s: The longest period of noise or of silence, in s.

    Raises:
        UsageError: This process may not use the core, or `most_s` is less than the shortest period.
        TiernasError: A process of the neighbor did not start.
    """
    if not LEAST_S <= most_s < math.inf:
        raise UsageError(f"most_s = {most_s:g}: must be at least {LEAST_S:g} s, the shortest period")
    core = _checked_core(core)
    with ExitStack() as stack:
        for process in [stack.enter_context(_process(kind, seed, core, most_s)) for kind in KINDS]:
            if process.stdout is None or not process.stdout.readline():
                raise TiernasError("a process of the neighbor did not start; its error is shown above")
        yield


def _checked_core(core: int | None) -> int | None:
    if not hasattr(os, "sched_getaffinity"):  # only Linux has it
        return None
    allowed = sorted(os.sched_getaffinity(0))
    if core is None:
        return allowed[-1]
    if core not in allowed:
        raise UsageError(f"core = {core}: must be one that this process may use: {', '.join(map(str, allowed))}")
    return core


@contextmanager
def _process(kind: str, seed: int, core: int | None, most_s: float) -> Iterator[subprocess.Popen[bytes]]:
    code = f"from tiernas.testing import neighbour; neighbour.make_noise({kind!r}, {seed}, {core}, {most_s})"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **dict.fromkeys(_BLAS_THREADS, "1")},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=_PATIENCE_S)


def make_noise(kind: str, seed: int, core: int | None, most_s: float) -> None:
    """What a process of the neighbor runs, until its standard input is closed because its parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # from the terminal, meant for the parent
    threading.Thread(target=_exit_at_end_of_input, daemon=True).start()
    if core is not None:
        os.sched_setaffinity(0, {core})
    work = _work_of(kind)
    print("ready", flush=True)
    end = time.perf_counter()
    for spell in spells(kind, seed, most_s):
        end += spell.duration_s
        while spell.is_on and time.perf_counter() < end:
            work()
        time.sleep(max(0.0, end - time.perf_counter()))


def _exit_at_end_of_input() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def _work_of(kind: str) -> Callable[[], object]:
    """Some ms of work."""
    if kind == "memory":
        source = np.ones(_STREAMED, np.float32)
        target = np.empty_like(source)
        return lambda: np.copyto(target, source)
    matrix = np.random.default_rng(0).standard_normal((_SIDE, _SIDE), dtype=np.float32)
    product = np.empty_like(matrix)
    return lambda: np.matmul(matrix, matrix, out=product)


def main() -> None:
    """Makes noise until it is killed."""
    parser = argparse.ArgumentParser(prog="python -m tiernas.testing.neighbour", description=main.__doc__)
    parser.add_argument("--seed", type=int, default=0, help="seed of the schedule (default: 0)")
    parser.add_argument("--core", type=int, help="core to run on (default: the last one)")
    parser.add_argument(
        "--most-s", type=float, default=MOST_S, help="longest period of noise or silence, in s (default: 30)"
    )
    arguments = parser.parse_args()
    try:
        with neighbour(arguments.seed, arguments.core, arguments.most_s):
            threading.Event().wait()
    except UsageError as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
