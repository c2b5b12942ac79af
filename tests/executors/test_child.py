"""However a process ends or goes wrong, its reader says so, and nothing of it is left."""

from __future__ import annotations

import os
import queue
import re
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tiernas.errors import UsageError
from tiernas.executors.child import ChildProcess, Ended, heard_within, stop_all
from tiernas.executors.fault import Fault
from tiernas.testing.executors import assert_gone

Heard = queue.Queue[tuple[ChildProcess[int], int | Ended]]


def number(kind: str, values: dict[str, Any]) -> int:
    if kind != "number":
        raise ValueError(f"kind {kind}")
    return int(values["value"])


def start(kind: str, log: Path, heard: Heard, **limits: float) -> ChildProcess[int]:
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    return ChildProcess(
        "odd_child",
        kind,
        log=log,
        environment={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        decode=number,
        heard=heard,
        **limits,
    )


def all_of(heard: Heard) -> tuple[list[int], Ended]:
    """What a process said until it ended."""
    numbers: list[int] = []
    while True:
        _, said = heard.get(timeout=30)
        if isinstance(said, Ended):
            assert heard.empty()
            return numbers, said
        numbers.append(said)


@pytest.mark.parametrize(
    ("kind", "words", "fault"),
    [
        ("half a line", r"was killed by SIGKILL in the middle of a message", Fault.CANDIDATE),
        ("exit", r"ended with exit code 7; its log is ", Fault.CANDIDATE),
        ("terminated", r"was killed by SIGTERM", Fault.MACHINE),
        ("no JSON", r"sent an invalid message \(JSONDecodeError", Fault.MACHINE),
        ("no message", r"sent an invalid message \(KeyError: 'value'\)", Fault.MACHINE),
        ("other kind", r"sent an invalid message \(ValueError: kind letter\)", Fault.MACHINE),
        ("bytes", r"sent an invalid message \(UnicodeDecodeError", Fault.MACHINE),
        ("endless line", r"a line without an end", Fault.MACHINE),
        ("closed", r"closed its connection", Fault.MACHINE),
        ("heir", r"ended with exit code 3", Fault.CANDIDATE),
    ],
)
def test_however_it_ends_its_reader_says_so_and_it_is_gone(tmp_path: Path, kind: str, words: str, fault: Fault) -> None:
    heard: Heard = queue.Queue()
    child = start(kind, tmp_path / "log", heard)
    process = psutil.Process(int(child.name.rpartition(":")[2]))
    numbers, ended = all_of(heard)
    assert numbers == [1]
    assert re.search(words, ended.reason), ended.reason
    assert (ended.fault, ended.was_ready) == (fault, True)
    assert child.name in ended.reason
    assert "\n" not in ended.reason
    assert_gone(process)
    for heir in [other for other in psutil.process_iter() if _group(other) == process.pid]:
        assert_gone(heir)


def _group(process: psutil.Process) -> int | None:
    try:
        return os.getpgid(process.pid)
    except ProcessLookupError:
        return None


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (
            "broken",
            "ended with exit code 1 before it was ready, and the last line of its log is: "
            "ModuleNotFoundError: No module named 'no_such_module'; its log is",
        ),
        ("mute", "ended with exit code 4 before it was ready; its log is"),
    ],
)
def test_one_that_cannot_start_says_why(tmp_path: Path, kind: str, words: str) -> None:
    heard: Heard = queue.Queue()
    (tmp_path / "log").write_text("ValueError: of an earlier process\n")
    start(kind, tmp_path / "log", heard)
    _, ended = all_of(heard)
    assert words in ended.reason
    assert (ended.fault, ended.was_ready) == (Fault.MACHINE, False)


@pytest.mark.parametrize(
    ("kind", "limits", "words"),
    [("stopped", {"silence_s": 3.0}, "said nothing for 3 s"), ("unready", {"start_s": 2.0}, "was not ready after 2 s")],
)
def test_one_that_is_silent_or_never_ready_is_ended(
    tmp_path: Path, kind: str, limits: dict[str, float], words: str
) -> None:
    heard: Heard = queue.Queue()
    child = start(kind, tmp_path / "log", heard, **limits)
    numbers, ended = all_of(heard)
    assert numbers == [1]
    assert words in ended.reason
    assert ended.fault is Fault.MACHINE
    assert not child.is_alive


def test_one_that_works_for_longer_than_it_may_be_silent_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tiernas.executors.child._LOOK_S", 0.05)
    heard: Heard = queue.Queue()
    child = start("echo", tmp_path / "log", heard, silence_s=2.0, start_s=2.0)
    assert heard.get(timeout=60) == (child, 1)
    time.sleep(5)
    child.send("number", value=5)
    assert heard.get(timeout=60) == (child, 5)
    child.stop(grace_s=60)
    assert all_of(heard)[1].reason.partition(";")[0].endswith("ended with exit code 0")


def test_what_is_written_to_the_standard_output_goes_to_the_log(tmp_path: Path) -> None:
    heard: Heard = queue.Queue()
    child = start("noisy", tmp_path / "log", heard)
    assert [heard.get(timeout=60)[1] for _ in range(2)] == [1, 3]
    child.stop()
    assert (tmp_path / "log").read_text().count("no JSON") == 3


def test_all_are_stopped_whatever_one_of_them_is(tmp_path: Path) -> None:
    heard: Heard = queue.Queue()
    children = [start(kind, tmp_path / kind, heard) for kind in ("exit", "echo", "stopped", "heir")]
    for _ in range(100):
        if not children[0].is_alive:
            break
        time.sleep(0.1)
    children[0].send("number", value=1)  # to a dead one: `Ended` tells
    stop_all(children)
    assert not any(child.is_alive for child in children)


def test_a_log_that_cannot_be_written_is_one_message(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a process cannot be started .*its log would be"):
        start("echo", tmp_path / "no folder" / "log", queue.Queue())


def test_only_the_first_item_is_waited_for() -> None:
    heard: queue.Queue[int] = queue.Queue()
    assert list(heard_within(heard, 0.01)) == []
    for number in range(3):
        heard.put(number)
    assert list(heard_within(heard, 60)) == [0, 1, 2]
