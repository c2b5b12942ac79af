"""A runner on another machine, as long as the process that leads to it lives: requests, answers and signs of life."""

from __future__ import annotations

import contextlib
import json
import logging
import queue
import subprocess
import threading
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from tiernas.errors import NotInstalledError, TiernasError, UsageError

SILENCE_S = 180.0
"""Either side ends after this time without a sign of life of the other: a cut cable does not end a stream."""

LIMIT_S = 3600.0
"""Time limit of a request; a slow device may compile a large network for minutes, and wait for another measurement."""

_BEATS = 9
"""Signs of life in the time of `SILENCE_S`."""

_ENDING_S = 5.0
"""Time for the process to end by itself once nothing leads to it any more."""

_CHUNK_BYTES = 2**16
_LINES_SAID = 40
"""Number of lines of stderr that are remembered."""

_SAID = "tiernas: "
"""Beginning of what the runner says on stderr, unlike ssh and runtimes."""

_REFUSED = 1
"""Exit code of a runner that cannot start, after its reason."""

_log = logging.getLogger(__name__)


class EndedError(Exception):
    """The runner ended, or is not heard any more.

    Args:
        why: Why the process was ended from here; empty if it ended by itself.
        exit_code: Its exit code; None if it was ended from here.
        said: The last lines that it wrote to stderr.
    """

    def __init__(self, why: str, exit_code: int | None, said: tuple[str, ...]) -> None:
        super().__init__(why or f"exit code {exit_code}")
        self.why = why
        self.exit_code = exit_code
        self.said = said

    @property
    def last_words(self) -> str:
        """The last line that it wrote to stderr; empty if there was none."""
        return self.said[-1] if self.said else ""

    @property
    def refusal(self) -> str:
        """Why the runner did not start, in its own words; empty if it did."""
        refused = self.exit_code == _REFUSED and self.last_words.startswith(_SAID)
        return self.last_words.removeprefix(_SAID) if refused else ""


class NotInstalledThereError(NotInstalledError):
    """A package is missing on a device.

    Args:
        message: One sentence with the command that installs it there.
    """

    def __init__(self, message: str) -> None:
        UsageError.__init__(self, message)


class Link:
    """A process that leads to a runner: its stdin takes requests, its stdout gives answers.

    Args:
        process: The process, with pipes.
        address: The device, for messages.
        silence_s: Time without a sign of life after which the process is ended.
    """

    def __init__(self, process: subprocess.Popen[bytes], address: str, silence_s: float = SILENCE_S) -> None:
        self._process = process
        self._address = address
        self._silence_s = silence_s
        self._answers: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._said: deque[str] = deque(maxlen=_LINES_SAID)
        self._writing = threading.Lock()
        self._closed = threading.Event()
        self._heard_at = time.monotonic()
        self._asked = 0
        self._why = ""
        self._messages = threading.Thread(target=self._read_messages, daemon=True)
        others = (self._read_answers, self._give_signs_of_life, self._watch)
        self._threads = [self._messages, *(threading.Thread(target=work, daemon=True) for work in others)]
        for thread in self._threads:
            thread.start()

    def ask(
        self, do: str, *, payload: Path | None = None, limit_s: float = LIMIT_S, **fields: Any
    ) -> Mapping[str, Any]:
        """Sends a request and waits for its answer.

        Args:
            do: What is to be done (`tiernas.runner.protocol`).
            payload: A file that follows the request.
            limit_s: Time for the answer.
            fields: The fields of the request.

        Raises:
            EndedError: There is no runner any more, or no answer in time.
            TiernasError: The runner answered with an error; a `UsageError` if the user can do something about it.
        """
        self._asked += 1
        line = json.dumps({"id": self._asked, "do": do, **fields}).encode() + b"\n"
        try:
            self._send(line, payload)
            answer = self._answer(self._asked, limit_s)
        except KeyboardInterrupt:
            self._end("it was stopped")  # nobody waits for the answer any more
            raise
        if "error" in answer:
            raise answered_error(self._address, answer["error"])
        found: Mapping[str, Any] = answer["ok"]
        return found

    def close(self) -> None:
        """Ends the runner and the process; returns when the process is gone."""
        self._closed.set()
        if not self._writing.acquire(timeout=_ENDING_S):
            self._process.kill()  # nobody reads what is being written
            self._writing.acquire()
        with contextlib.suppress(OSError, ValueError):
            self._stdin.close()
        self._writing.release()
        try:
            self._process.wait(_ENDING_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for thread in self._threads:
            thread.join(_ENDING_S)

    @property
    def _stdin(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    def _send(self, line: bytes, payload: Path | None) -> None:
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(payload.open("rb")) if payload else None
            try:
                with self._writing:
                    self._write(line)
                    while file and (chunk := file.read(_CHUNK_BYTES)):
                        self._write(chunk)
                        self._heard_at = time.monotonic()  # the other side takes it
            except (OSError, ValueError) as error:  # ValueError: it is closed
                raise self._ended() from error

    def _write(self, content: bytes) -> None:
        self._stdin.write(content)
        self._stdin.flush()

    def _answer(self, number: int, limit_s: float) -> Mapping[str, Any]:
        """The answer to a request; anything else is passed over, such as what a login shell prints."""
        deadline = time.monotonic() + limit_s
        while True:
            try:
                line = self._answers.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                self._end(f"it did not answer for {limit_s:g} s")
                raise self._ended() from None
            if line is None:
                raise self._ended()
            with contextlib.suppress(ValueError, RecursionError):
                answer = json.loads(line)
                if isinstance(answer, dict) and answer.get("id") == number:
                    return answer

    def _ended(self) -> EndedError:
        self._answers.put(None)  # for whoever asks next
        try:
            exit_code: int | None = self._process.wait(_ENDING_S)
        except subprocess.TimeoutExpired:
            self._end("it does not answer any more")
            exit_code = self._process.wait()
        self._messages.join(_ENDING_S)
        return EndedError(self._why, None if self._why else exit_code, tuple(self._said))

    def _end(self, why: str) -> None:
        self._why = self._why or why
        self._process.kill()

    def _read_answers(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as answers:
            for line in answers:
                self._heard_at = time.monotonic()
                if line.strip():
                    self._answers.put(line)
        self._answers.put(None)

    def _read_messages(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as messages:
            for line in messages:
                said = line.decode("utf-8", "replace").strip()
                if said:
                    self._said.append(said)
                if said.startswith(_SAID):
                    _log.info("%s: %s", self._address, said.removeprefix(_SAID))

    def _give_signs_of_life(self) -> None:
        while not self._closed.wait(self._silence_s / _BEATS):
            try:
                with self._writing:
                    self._write(b"\n")
            except (OSError, ValueError):
                return

    def _watch(self) -> None:
        while not self._closed.wait(self._silence_s / _BEATS) and self._process.poll() is None:
            if time.monotonic() - self._heard_at > self._silence_s:
                self._end(f"nothing was heard of it for {self._silence_s:g} s")


def answered_error(address: str, error: Mapping[str, str]) -> TiernasError:
    """The error with which a device answered.

    Args:
        address: The device.
        error: Its `kind` and `message`.
    """
    message = f"{address}: {error['message']}"
    if error["kind"] == "not-installed":
        return NotInstalledThereError(message)
    return UsageError(message) if error["kind"] == "usage" else TiernasError(message)
