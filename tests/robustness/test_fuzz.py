"""A few dozen of the cases of `benchmarks/robustness`: no traceback, no hang, nothing outside the output folder."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parents[2] / "benchmarks" / "robustness" / "fuzz.py"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "cases"),
    [("images", 2), ("entries", 24), ("ledgers", 24), ("latency_tables", 24), ("configurations", 36)],
)
def test_damaged_input_is_told_in_one_message(tmp_path: Path, kind: str, cases: int) -> None:
    results = tmp_path / "results.json"
    words = [sys.executable, str(FUZZ), kind, "--first-seed", "1", "--count", str(cases), "--out", str(results)]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=280)
    assert results.exists(), ended.stderr
    found = json.loads(results.read_text())[kind]
    assert found["cases"] == cases
    assert found["calls"] >= cases
    assert found["faults"] == []
    assert set(found["exit_codes"]) <= {"0", "2", "3"}
    assert ended.returncode == 0


def test_a_fault_is_found_and_counted(tmp_path: Path) -> None:
    """A reader that crashes, hangs for good or writes elsewhere does not go unnoticed."""
    (tmp_path / "sick.py").write_text(SICK)
    words = [sys.executable, "-c", f"import sys; sys.path[:0] = [{str(FUZZ.parent)!r}, {str(tmp_path)!r}]; {RUN}"]
    found = json.loads(
        subprocess.run(words, capture_output=True, text=True, timeout=100, check=True).stdout.splitlines()[-1]
    )
    faults = {fault["seed"]: fault["faults"] for fault in found["faults"]}
    assert faults[1] == ["traceback"]
    assert faults[2] == ["exit code 1"]
    assert faults[3] == ["no message"]
    assert faults[4] == ["wrote /work/new"]
    assert faults[5][0].startswith("wrote outside: ")
    assert faults[6] == ["hangs"]
    assert faults[7] == ["dies with 9"]
    assert faults[8] == ["a library's warning"]
    assert (found["cases"], found["faulty"]) == (10, 8)


RUN = (
    "import json, fuzz; fuzz.LIMIT_S = 2.0\n"
    "if __name__ == '__main__': print(json.dumps(fuzz.summary('sick', range(10), show=False)))"
)
SICK = """
import os, sys, time, warnings
from contextlib import contextmanager
from unittest import mock
from attempts import Box

def ill(seed, folder):
    match seed:
        case 1: raise ValueError
        case 2: sys.exit("tiernas: sick")
        case 3: sys.exit(2)
        case 4: open("new", "w").close()
        case 5:
            outside = folder.parent / f"{folder.name}-outside"
            outside.touch()
            outside.unlink()
        case 6: time.sleep(60)
        case 7: os._exit(9)
        case 8: warnings.warn("sick")

@contextmanager
def prepared(folder):
    with Box(folder, outputs=["out"]) as box:
        def case(seed):
            with mock.patch("tiernas.cli.main", lambda: ill(seed, box.folder)):
                return [box.call("sick", "run")]
        yield case
"""
