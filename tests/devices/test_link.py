"""A link to programs that behave like runners, and unlike them."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tiernas.devices.link import EndedError, Link, NotInstalledThereError
from tiernas.errors import NotInstalledError, TiernasError, UsageError

ANSWERING = """
import json, sys, time
for line in sys.stdin.buffer:
    if line == b"\\n":
        print(flush=True)
        continue
    asked = json.loads(line)
    content = sys.stdin.buffer.read(asked.get("bytes", 0))
    if asked["do"] == "end":
        sys.exit(asked["code"])
    if asked["do"] == "say":
        print(asked["text"], file=sys.stderr, flush=True)
    if asked["do"] == "fail":
        print(json.dumps({"id": asked["id"], "error": {"kind": asked["kind"], "message": "so it is"}}), flush=True)
        continue
    time.sleep(asked.get("sleep_s", 0))
    print(json.dumps({"id": asked["id"], "ok": {"size": len(content)}}), flush=True)
"""
NOISY = "print('Welcome to Kitchen OS!\\n{}\\n[1]\\n{\"id\": 7}', flush=True)" + ANSWERING
SILENT = "import time; time.sleep(600)"
DEAF = "import time, sys; sys.stdin.buffer.readline(); time.sleep(600)"

MakeLink = Callable[..., Link]


@pytest.fixture
def make_link() -> Iterator[MakeLink]:
    links = []

    def make(program: str, silence_s: float = 60.0) -> Link:
        pipe = subprocess.PIPE
        process = subprocess.Popen([sys.executable, "-I", "-c", program], stdin=pipe, stdout=pipe, stderr=pipe)
        links.append(Link(process, "there", silence_s))
        return links[-1]

    yield make
    for link in links:
        link.close()


def test_a_request_and_a_file_are_answered(make_link: MakeLink, tmp_path: Path) -> None:
    link = make_link(ANSWERING)
    assert link.ask("hello") == {"size": 0}
    (tmp_path / "file").write_bytes(b"x" * 300_000)
    assert link.ask("keep", payload=tmp_path / "file", bytes=300_000) == {"size": 300_000}
    assert link.ask("hello") == {"size": 0}


def test_what_a_login_shell_prints_is_passed_over(make_link: MakeLink) -> None:
    assert make_link(NOISY).ask("hello") == {"size": 0}


@pytest.mark.parametrize(
    ("kind", "error"),
    [("usage", UsageError), ("not-installed", NotInstalledThereError), ("failed", TiernasError), ("new", TiernasError)],
)
def test_an_error_there_is_one_here(make_link: MakeLink, kind: str, error: type[TiernasError]) -> None:
    link = make_link(ANSWERING)
    with pytest.raises(error, match="there: so it is") as raised:
        link.ask("fail", kind=kind)
    assert type(raised.value) is error
    assert link.ask("hello") == {"size": 0}


def test_what_is_missing_there_counts_as_not_installed() -> None:
    assert issubclass(NotInstalledThereError, NotInstalledError)
    assert str(NotInstalledThereError("x is missing; pip install x")) == "x is missing; pip install x"


@pytest.mark.parametrize("code", [0, 1, 66])
def test_an_end_has_its_exit_code_and_last_words(make_link: MakeLink, code: int) -> None:
    link = make_link(ANSWERING)
    link.ask("say", text="so long")
    with pytest.raises(EndedError) as raised:
        link.ask("end", code=code)
    assert (raised.value.exit_code, raised.value.why, raised.value.last_words) == (code, "", "so long")
    with pytest.raises(EndedError):
        link.ask("hello")


def test_why_a_runner_does_not_start_is_what_it_says(make_link: MakeLink) -> None:
    link = make_link("import sys; sys.exit('tiernas: no NumPy here')")
    with pytest.raises(EndedError) as raised:
        link.ask("hello")
    assert raised.value.refusal == "no NumPy here"
    assert EndedError("", 255, ("tiernas: waiting",)).refusal == ""
    assert EndedError("", 1, ("tiernas: waiting", "MemoryError")).refusal == ""


def test_what_the_runner_says_is_logged_and_the_rest_is_not(
    make_link: MakeLink, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="tiernas")
    link = make_link(ANSWERING)
    link.ask("say", text="tiernas: waiting: another process is measuring")
    link.ask("say", text="a runtime grumbles")
    link.close()
    assert caplog.messages == ["there: waiting: another process is measuring"]


def test_an_answer_that_does_not_come_in_time_ends_it(make_link: MakeLink) -> None:
    with pytest.raises(EndedError, match=r"it did not answer for 0\.5 s"):
        make_link(ANSWERING).ask("hello", sleep_s=600, limit_s=0.5)


@pytest.mark.parametrize("program", [SILENT, DEAF])
def test_a_silent_runner_is_ended(make_link: MakeLink, program: str) -> None:
    with pytest.raises(EndedError, match="nothing was heard of it for 1 s"):
        make_link(program, silence_s=1.0).ask("hello")


def test_a_runner_that_takes_no_file_is_ended(make_link: MakeLink, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 10_000_000)
    with pytest.raises(EndedError, match="nothing was heard of it for 1 s"):
        make_link(DEAF, silence_s=1.0).ask("keep", payload=tmp_path / "file", bytes=10_000_000)


def test_a_runner_that_works_for_long_is_not_silent(make_link: MakeLink) -> None:
    """Signs of life are answered by a thread, which this program does not have; so it may be busy for a moment only."""
    link = make_link(ANSWERING, silence_s=3.0)
    for _ in range(4):
        time.sleep(1.0)
        assert link.ask("hello", sleep_s=0.2) == {"size": 0}


def test_ctrl_c_ends_the_work_there(make_link: MakeLink, monkeypatch: pytest.MonkeyPatch) -> None:
    link = make_link(ANSWERING)
    asked = link._answer

    def interrupted(number: int, limit_s: float) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(link, "_answer", interrupted)
    with pytest.raises(KeyboardInterrupt):
        link.ask("hello", sleep_s=600)
    monkeypatch.setattr(link, "_answer", asked)
    with pytest.raises(EndedError, match="it was stopped"):
        link.ask("hello")


def test_nothing_is_left_after_it_is_closed(make_link: MakeLink) -> None:
    before = threading.active_count()
    link = make_link(ANSWERING)
    link.ask("hello")
    assert threading.active_count() == before + 4
    link.close()
    link.close()
    assert threading.active_count() == before
    assert link._process.returncode == 0
