"""Cores and memory of the processes of a run, sampled while it runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

import psutil

PARTS = ("server", "driver", "ray", "clients")
"""The server's own process; that of its Ray driver; Ray's daemons; the processes of simulated workers."""

_SAMPLE_S = 5.0


@contextmanager
def sampled() -> Iterator[list[dict[str, float]]]:
    """Cores and memory of each part since the previous sample, every 5 s.

    Yields:
        Samples, growing: `at_s`, and `server_cores`, `server_mb` and so on for each of `PARTS`. Processes that start
        after the first sample are ignored.
    """
    samples: list[dict[str, float]] = []
    over = threading.Event()
    thread = threading.Thread(target=_sample, args=(_parts(), samples, over), daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        over.set()
        thread.join()


def _parts() -> Mapping[str, Sequence[psutil.Process]]:
    server = psutil.Process()
    parts: dict[str, list[psutil.Process]] = {part: [] for part in PARTS}
    parts["server"] = [server]
    for child in server.children():
        if "tiernas.executors.ray_driver" in child.cmdline():
            parts["driver"].append(child)
        elif "--head" in child.cmdline():
            for process in child.children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    is_client = "SimulatedClient" in " ".join(process.cmdline())
                    parts["clients" if is_client else "ray"].append(process)
    return parts


def _sample(
    parts: Mapping[str, Sequence[psutil.Process]], samples: list[dict[str, float]], over: threading.Event
) -> None:
    began_s = last_s = time.monotonic()
    last = {part: _cpu_s(processes) for part, processes in parts.items()}
    while not over.wait(_SAMPLE_S):
        now_s, now = time.monotonic(), {part: _cpu_s(processes) for part, processes in parts.items()}
        sample = {"at_s": round(now_s - began_s, 1)}
        for part, processes in parts.items():
            sample[f"{part}_cores"] = round((now[part] - last[part]) / (now_s - last_s), 4)
            sample[f"{part}_mb"] = round(_memory_mb(processes), 1)
        samples.append(sample)
        last_s, last = now_s, now


def _cpu_s(processes: Sequence[psutil.Process]) -> float:
    spent_s = 0.0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            spent_s += times.user + times.system
    return spent_s


def _memory_mb(processes: Sequence[psutil.Process]) -> float:
    taken = 0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            taken += process.memory_info().rss
    return taken / 1e6
