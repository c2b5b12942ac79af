from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tiernas.engines.other_work import OtherWork, busy_s, is_crowded, spare_cores_of


def test_time_of_a_core_by_hand(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "stat").write_text("cpu  100 20 30 5000 600 7 8 9 10 0\ncpu0 1 2 3 4\n")
    assert busy_s(tmp_path) == pytest.approx((100 + 20 + 30 + 7 + 8 + 9) / os.sysconf("SC_CLK_TCK"))


def test_time_is_that_of_psutil(tmp_path: Path) -> None:
    here, elsewhere = busy_s(), busy_s(tmp_path)  # without /proc, psutil is asked
    times = psutil.cpu_times()
    known_s = times.user + times.nice + times.system + times.irq + times.softirq + times.steal
    assert here == pytest.approx(known_s, abs=5)
    assert elsewhere == pytest.approx(known_s, abs=5)


def test_a_busy_process_is_seen() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "print('begun', flush=True)\nwhile True: pass"], stdout=subprocess.PIPE
    ) as other:
        try:
            assert other.stdout is not None
            other.stdout.readline()
            work = OtherWork()
            time.sleep(0.5)
            preemptions, cores = work.so_far()
        finally:
            other.kill()
    assert preemptions >= 0
    assert cores > 0


def test_a_moment_is_too_short_to_know() -> None:
    assert OtherWork().so_far()[1] == 0.0


def test_others_may_use_the_spare_cores_and_a_little_more() -> None:
    spare = spare_cores_of(1)
    assert spare == (os.cpu_count() or 1) - 1
    assert not is_crowded(spare + 0.2, spare)
    assert is_crowded(spare + 0.3, spare)
