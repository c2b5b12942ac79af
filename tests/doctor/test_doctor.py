"""Engines that are tried, load that is seen, and the command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.conftest import CommandLine

from tiernas.doctor import Severity, Status
from tiernas.doctor import engines as engines_module
from tiernas.doctor.engines import SLOW_ENGINES, try_engines
from tiernas.doctor.gpu import GpuReading, gpu_findings, read_gpus
from tiernas.doctor.load import BusyProcess, Load, load_findings, observe_load
from tiernas.engines import engine_names
from tiernas.installing import install_command


def test_a_busy_process_is_seen_by_name(tmp_path: Path) -> None:
    script = tmp_path / "spin.py"
    script.write_text("print('begun', flush=True)\nwhile True: pass\n")
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            load = observe_load(0.6)
        finally:
            process.kill()
    (mine,) = [found for found in load.processes if found.pid == process.pid]
    assert mine.name.endswith("spin.py")
    assert 0 < mine.cores < 1.2
    assert load.busy_cores > 0


def test_load_of_others_is_a_warning_where_cores_are_few() -> None:
    processes = [BusyProcess(7, "python train.py", 0.9), BusyProcess(8, "make", 0.2)]
    (finding,) = load_findings(Load(4, 1.1, 0.0, processes))
    assert finding.level is Severity.WARNING
    assert finding.found == "1.10 of 4 cores are busy: 0.90 python train.py (process 7), 0.20 make (process 8)"
    (finding,) = load_findings(Load(64, 1.1, 0.0, processes))
    assert finding.level is Severity.NOTE
    assert load_findings(Load(4, 0.1, 0.0, [])) == []


def test_load_outside_the_container_has_no_names() -> None:
    (finding,) = load_findings(Load(2, 1.0, 0.0, []))
    assert "not visible here" in finding.found


def test_stolen_time_is_a_warning() -> None:
    (finding,) = load_findings(Load(2, 0.0, 0.08, []))
    assert (finding.level, finding.topic) == (Severity.WARNING, "stolen time")
    assert "8%" in finding.found


def test_gpu_settings() -> None:
    gpu = GpuReading(
        1, "A", "580", persistent=False, processes=(5,), utilization=0.4, slowdowns=("power cap",), max_clock_mhz=9
    )
    fixes = [finding.fix for finding in gpu_findings(gpu)]
    assert [any(word in fix for fix in fixes) for word in ("-i 1 -pm 1", "nvidia-smi", "-i 1 -lgc")] == [True] * 3
    assert len(fixes) == 4
    assert list(gpu_findings(GpuReading(0, "A", "580", persistent=True, utilization=0.0))) == []


def test_gpus_can_be_asked_for_without_a_driver() -> None:
    assert all(gpu.name for gpu in read_gpus())


def test_missing_broken_and_slow_engines_are_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenVINO is hidden, ONNX Runtime lacks a library, the others are left out."""
    monkeypatch.setattr(engines_module, "engine_names", lambda: ("openvino", "onnxruntime", "torch-compile"))
    runtimes = ("openvino", "onnxruntime", "tiernas.engines.openvino", "tiernas.engines.onnxruntime")
    for module in [name for name in sys.modules if name.startswith(runtimes)]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "openvino", None)
    (tmp_path / "onnxruntime.py").write_text("raise OSError('libonnxruntime.so.1: cannot open shared object file')")
    monkeypatch.syspath_prepend(tmp_path)
    missing, broken, *slow = try_engines()
    assert (missing.engine, missing.status) == ("openvino", Status.NOT_INSTALLED)
    assert install_command("openvino") in missing.detail
    assert (broken.engine, broken.status) == ("onnxruntime", Status.FAILS)
    assert broken.detail == "OSError: libonnxruntime.so.1: cannot open shared object file"
    assert {trial.engine for trial in slow} == set(SLOW_ENGINES)
    assert all("tiernas doctor --all" in trial.detail for trial in slow if trial.status is Status.NOT_TRIED)


@pytest.mark.slow
def test_command_tries_every_engine(tmp_path: Path) -> None:
    command_line = CommandLine(tmp_path)
    found = command_line.json("doctor")
    assert found["works"]
    assert list(dict.fromkeys(trial["engine"] for trial in found["engines"])) == list(engine_names())
    worked = [trial for trial in found["engines"] if trial["status"] == "works"]
    assert ("openvino", "fp32") in [(trial["engine"], trial["precision"]) for trial in worked]
    assert all(trial["seconds"] > 0 and trial["version"] and trial["device"] for trial in worked)
    assert all(trial["detail"] for trial in found["engines"] if trial["status"] != "works")
    assert all(finding["why"] and finding["fix"] for finding in found["findings"])
    assert found["noise"] is None
