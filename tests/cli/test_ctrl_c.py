"""Ctrl-C, whenever it comes, is one line and exit code 130."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.cli.conftest import CommandLine
from tests.minimal import write_minimal

from tiernas.cli.stopping import keeping
from tiernas.errors import StoppedError
from tiernas.latency.estimating import table_file

AT_IMPORT = """
import os, signal, sys

def hook(event, args):
    if event == "import" and args[0] == {module!r}:
        os.kill(os.getpid(), signal.SIGINT)

sys.addaudithook(hook)
"""
"""A `sitecustomize.py`: Ctrl-C when a module is imported."""


@pytest.mark.parametrize("module", ["typer", "tiernas.cli.table", "tiernas.table"])
def test_while_a_command_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(AT_IMPORT.format(module=module))
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path(__file__).parents[2] / 'src'}")
    assert CommandLine(tmp_path).run("table", "list", exit_code=130) == "tiernas: stopped\n"


def test_while_an_engine_is_tried(tmp_path: Path) -> None:
    process = CommandLine(tmp_path).start("doctor")
    assert process.stderr is not None
    first = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err.splitlines()[-1]) == (130, "tiernas: stopped"), first + err
    assert "Traceback" not in err


@pytest.mark.slow
def test_while_a_search_measures_its_latency_table(tmp_path: Path) -> None:
    path = write_minimal(tmp_path, "[latency]\nnetworks = 200\n[workers]\ncount = 1\n")
    process = CommandLine(tmp_path).start("search", path)
    table = tmp_path / "run" / "latency-table.jsonl"
    try:
        while not table.exists() or table.read_text().count("\n") < 2:
            assert process.poll() is None, process.communicate()
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=100)
    finally:
        process.kill()
    assert process.returncode == 130
    assert re.fullmatch(r"tiernas: stopped; \d+ of 200 networks are measured, .* continues", err.splitlines()[-1])
    assert "Traceback" not in err


def test_pressed_again_while_the_process_ends() -> None:
    code = (
        "import atexit, os, signal; from tiernas.cli import _end; from tiernas.errors import StoppedError; "
        "atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT)); _end(StoppedError('stopped'))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (-signal.SIGINT, "tiernas: stopped\n")


def test_a_command_says_what_it_keeps() -> None:
    with (
        pytest.raises(StoppedError, match="stopped; the same command continues"),
        keeping("the same command continues"),
    ):
        raise KeyboardInterrupt


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "last"),
    [
        pytest.param(
            ["build", "--networks", "200", "--table", "mine.jsonl"],
            "tiernas: stopped; mine.jsonl keeps all networks measured so far; the same command continues",
            marks=pytest.mark.slow,
        ),
        (
            ["measure", "gpunet_0", "--resolution", "64", "--seconds", "60"],
            "tiernas: stopped; no measurement was completed; use fewer --seconds to finish sooner",
        ),
    ],
)
def test_while_latencies_are_measured(tmp_path: Path, words: list[str], last: str) -> None:
    process = CommandLine(tmp_path).start("latency", *words)
    table = tmp_path / "mine.jsonl"
    assert process.stderr is not None
    try:
        said = process.stderr.readline()  # of the first network, or that it begins
        while " waiting: " in said:  # for another test, which measures on this device too
            said = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=100)
    finally:
        process.kill()
    assert (process.returncode, err.splitlines()[-1]) == (130, last), said + err
    assert "Traceback" not in err
    if table.exists():
        assert len(table_file.read(table)[1]) >= 1
