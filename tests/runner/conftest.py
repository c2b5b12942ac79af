"""`runner.pyz` as a process, as a device runs it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from tiernas.doctor.tiny_network import write_tiny_network
from tiernas.runner.pyz import write_runner

SHORT = {"relative_width": 0.5, "min_s": 0.05, "limit_s": 0.2}
ONCE = {"tries": 1, "pause_s": 0}


class RunnerProcess:
    """A runner with a cache folder of its own.

    Args:
        pyz: The runner.
        cache: The user's cache.
        options: Options of Python.
        environment: Further variables.
    """

    def __init__(self, pyz: Path, cache: Path, options: tuple[str, ...] = ("-I",), **environment: str) -> None:
        cache.mkdir(exist_ok=True)
        self._log = cache / "stderr.txt"
        self._number = 0
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *options, pyz],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={"PATH": os.environ["PATH"], "XDG_CACHE_HOME": str(cache), **environment},
            )

    def send(self, do: str, payload: bytes = b"", **fields: Any) -> None:
        self._number += 1
        self.send_bytes(json.dumps({"id": self._number, "do": do, **fields}).encode() + b"\n" + payload)

    def send_bytes(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def answer(self) -> Any:
        line = b"\n"
        while line == b"\n":  # a sign of life
            line = self.line()
        return json.loads(line)

    def line(self) -> bytes:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self._log.read_text()
        return line

    def ask(self, do: str, payload: bytes = b"", **fields: Any) -> Any:
        """What a request is answered with."""
        self.send(do, payload, **fields)
        answer = self.answer()
        assert answer["id"] == self._number
        assert "ok" in answer, answer
        return answer["ok"]

    def refused(self, do: str, payload: bytes = b"", **fields: Any) -> Any:
        """The error that a request is answered with, in one line."""
        self.send(do, payload, **fields)
        error = self.answer()["error"]
        assert "\n" not in error["message"]
        return error

    def keep(self, path: Path) -> str:
        """Sends a file and returns its digest."""
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        assert self.ask("keep", content, sha256=digest, bytes=len(content)) == {}
        return digest

    def open(self, digest: str, engine: str = "onnxruntime") -> int:
        """Opens a network in fp32 and returns its handle."""
        opened = self.ask("open", engine=engine, precision="fp32", batch=1, threads=1, files={"network.onnx": digest})
        return int(opened["network"])

    def end(self) -> int:
        """Closes its input and returns its exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            with contextlib.suppress(OSError):  # what the runner did not read
                stream.close()


@pytest.fixture(scope="session")
def pyz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runner") / "runner.pyz"
    write_runner(path)
    return path


@pytest.fixture
def runner(pyz: Path, tmp_path: Path) -> Iterator[RunnerProcess]:
    with RunnerProcess(pyz, tmp_path / "cache") as process:
        yield process


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny network as ONNX."""
    path = tmp_path_factory.mktemp("networks") / "tiny.onnx"
    write_tiny_network(path)
    return path
