from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice, pairwise

import psutil
import pytest

from tiernas.errors import UsageError
from tiernas.testing.neighbour import KINDS, LEAST_S, MOST_S, neighbour, spells

COMMAND = [sys.executable, "-m", "tiernas.testing.neighbour"]


def children(pid: int | None = None) -> list[psutil.Process]:
    return [child for child in psutil.Process(pid).children() if "make_noise" in " ".join(child.cmdline())]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


@pytest.fixture
def command() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(COMMAND)
    try:
        wait_until(lambda: len(children(process.pid)) == len(KINDS))
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("kind", KINDS)
def test_schedule_is_that_of_the_seed(kind: str) -> None:
    first, again, other = (list(islice(spells(kind, seed), 200)) for seed in (1, 1, 2))
    assert first == again != other
    assert all(a.is_on != b.is_on for a, b in pairwise(first))
    durations_s = [spell.duration_s for spell in first]
    assert LEAST_S <= min(durations_s) < 2 * LEAST_S
    assert MOST_S / 2 < max(durations_s) <= MOST_S
    short = sum(duration_s < (LEAST_S * MOST_S) ** 0.5 for duration_s in durations_s)
    assert 75 <= short <= 125  # log-uniform: half of them below the geometric mean


def test_kinds_have_schedules_of_their_own() -> None:
    assert len({tuple(islice(spells(kind, 0), 5)) for kind in KINDS}) == len(KINDS)


def test_noise_is_made_within_the_block_on_the_last_core() -> None:
    with neighbour(seed=0, most_s=0.1):
        noisy = children()
        assert len(noisy) == len(KINDS)
        if hasattr(os, "sched_getaffinity"):
            assert {core for child in noisy for core in child.cpu_affinity()} == {max(os.sched_getaffinity(0))}
        begun_s = [sum(child.cpu_times()[:2]) for child in noisy]
        wait_until(lambda: all(sum(c.cpu_times()[:2]) > s + 0.1 for c, s in zip(noisy, begun_s, strict=True)))
    assert all(is_gone(child) for child in noisy)


def test_it_ends_when_the_block_fails() -> None:
    noisy: list[psutil.Process] = []

    def fail() -> None:
        with neighbour():
            noisy.extend(children())
            raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        fail()
    assert len(noisy) == len(KINDS)
    assert all(is_gone(child) for child in noisy)


def test_it_runs_where_no_core_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    with neighbour(most_s=0.1):
        assert [child for child in children() if "None" in child.cmdline()[-1]]


@pytest.mark.parametrize("end", [psutil.Process.kill, psutil.Process.terminate], ids=["SIGKILL", "SIGTERM"])
def test_it_dies_with_its_parent(command: subprocess.Popen[bytes], end: Callable[[psutil.Process], None]) -> None:
    noisy = children(command.pid)
    end(psutil.Process(command.pid))
    command.wait()
    wait_until(lambda: all(is_gone(child) for child in noisy))


def test_core_that_may_not_be_used_is_refused() -> None:
    if not hasattr(os, "sched_getaffinity"):
        pytest.skip("no core can be chosen here")
    found = subprocess.run([*COMMAND, "--core", "100000"], capture_output=True, text=True, check=False)
    assert found.returncode == 2
    assert "core = 100000: must be one that this process may use" in found.stderr


@pytest.mark.parametrize("most_s", [0.0, float("nan"), float("inf")])
def test_spells_without_length_are_refused(most_s: float) -> None:
    with pytest.raises(UsageError, match=r"most_s.*at least 0\.1"), neighbour(most_s=most_s):
        pass
