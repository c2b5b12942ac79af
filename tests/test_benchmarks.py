"""What benchmarks that run for hours rely on: results survive a stop at any moment, and figures are as worked out."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from tiernas.errors import UsageError

ROOT = Path(__file__).parents[1]
MODULES = ("shared/*.py", "spaces/*.py", "training/*.py", "pretrained/*.py", "latency/rivals.py")
"""The scripts that are run as modules, below `benchmarks`."""


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root of the repository, on the path, where benchmarks are run."""
    monkeypatch.syspath_prepend(ROOT)
    return ROOT


@pytest.mark.parametrize("modules", MODULES)
def test_every_script_can_be_imported(root: Path, modules: str) -> None:
    paths = list((root / "benchmarks").glob(modules))
    assert paths
    for path in paths:
        import_module(".".join(path.relative_to(root).with_suffix("").parts))


def test_a_truncated_line_damages_no_other(root: Path, tmp_path: Path) -> None:
    lines: Any = import_module("benchmarks.shared.lines").Lines(tmp_path / "results.jsonl", "seed")
    lines.append({"seed": 0})
    with lines.path.open("a", encoding="utf-8") as file:
        file.write('{"seed": 1, "accur')
    lines.append({"seed": 2})
    lines.append({"seed": 3})
    assert lines.read() == [{"seed": 0}, {"seed": 2}, {"seed": 3}]
    assert not lines.has(seed=1)


def test_results_of_other_settings_are_refused_and_all_runs_are_kept(root: Path, tmp_path: Path) -> None:
    results = import_module("benchmarks.shared.results_file")
    path = tmp_path / "folder" / "results.json"
    results.Results(path, {"edges": (1, 2)}).put("a", 1)
    again = results.Results(path, {"edges": (1, 2)})
    assert again.found == {"a": 1}
    again.put("b", 2)
    assert results.read_results(path) == ({"edges": [1, 2]}, {"a": 1, "b": 2})
    runs = json.loads(path.read_text())["runs"]
    assert len(runs) == 2
    assert all(run["device"] and run["from"] <= run["to"] for run in runs)
    with pytest.raises(UsageError, match="other settings"):
        results.Results(path, {"edges": (1, 3)})


KILLED = """
import sys, time
from pathlib import Path
from benchmarks.shared.parallel import run_all

def work(seconds):
    time.sleep(seconds)
    return seconds

if __name__ == "__main__":
    for key, found in run_all(work, {"short": 0.0, "long": 600.0, "longer": 600.0}, workers=2):
        print(key, flush=True)
"""


@pytest.mark.slow
def test_workers_of_a_killed_benchmark_end(root: Path, tmp_path: Path) -> None:
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(root), *sys.path])}
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "short\n"
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGKILL)
        process.stdout.close()
    assert children
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not [child for child in alive if child.status() != psutil.STATUS_ZOMBIE]


def test_the_spread_of_networks_is_compared_with_that_of_seeds(root: Path) -> None:
    gate = import_module("benchmarks.spaces.gate")
    training = {"validation": 0.5, "macs": 1, "parameters": 1, "cpu_s": 60.0}
    accuracies = {"0/0": 0.50, "0/1": 0.52, "1/0": 0.62, "1/1": 0.60, "2/0": 0.70, "2/1": None, "3/0": 0.4}
    found = gate.figures({key: {**training, "test": accuracy} for key, accuracy in accuracies.items()})
    assert found["networks"] == 2  # those with both seeds
    assert found["diverged"] == 1
    assert found["spread_points"] == pytest.approx(10 / math.sqrt(2), abs=0.01)  # means of 51 and 61 points
    assert found["noise_points"] == pytest.approx(math.sqrt(2), abs=0.01)
    assert found["ratio"] == pytest.approx(5.0)
    assert found["passes"]
    assert gate.figures({"0/0": {**training, "test": 0.5}, "1/0": {**training, "test": 0.6}}) is None


def test_gains_are_interpolated_on_the_front_with_the_error_over_images(root: Path) -> None:
    front = import_module("benchmarks.pretrained.front")

    def point(latency_ms: float, right: list[float]) -> Any:
        return front.Point("", latency_ms, np.array(right))

    others = [point(1.0, [1, 0, 0, 0]), point(4.0, [1, 1, 1, 0]), point(3.0, [0, 1, 0, 0])]
    found = point(2.0, [1, 1, 0, 1])  # halfway between 1 and 4 ms, where others classify (1, ½, ½, 0)
    more, error = front.points_more(found, others)
    assert more == pytest.approx(25.0)
    assert error == pytest.approx(100 * np.std([0, 0.5, -0.5, 1], ddof=1) / 2)
    assert front.speed_up(found, others) == pytest.approx(2.0)  # others are as accurate at 4 ms
    assert math.isinf(front.points_more(point(0.5, [1, 0, 0, 0]), others)[0])
    assert math.isinf(front.speed_up(point(2.0, [1, 1, 1, 1]), others))
    beyond, _ = front.points_more(point(9.0, [1, 1, 1, 1]), others)
    assert beyond == pytest.approx(25.0)


def test_minutes_decide_how_many_trainings_come_next(root: Path) -> None:
    search = import_module("benchmarks.spaces.search")

    class Tier:
        def __init__(self, trainings: int, minutes: float) -> None:
            self.candidates, self.minutes = range(trainings), minutes

    assert search.next_trainings([], 2, 60) == search.FIRST
    assert search.next_trainings([Tier(4, 5.0), Tier(2, 3.0)], 2, 60) == 4  # one that was stopped
    assert search.next_trainings([Tier(4, 5.0), Tier(4, 5.0)], 2, 60) == 8
    assert search.next_trainings([Tier(16, 25.0), Tier(16, 25.0)], 2, 60) == 19
    assert search.next_trainings([Tier(19, 30.0), Tier(19, 29.5)], 2, 60) is None
