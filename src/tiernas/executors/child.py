"""`ChildProcess`: a process of tiernas that exchanges messages. Workers and Ray's driver are such processes."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from tiernas.errors import UsageError
from tiernas.executors.channel import BEAT, HEARD, READY
from tiernas.executors.fault import Fault, fault_of_exit

T = TypeVar("T")

SILENCE_S = 300.0
"""A process that is silent for this long is suspended or hangs: it sends 30 signs of life in that time."""

START_S = 900.0
"""Time to become ready, for a process that loads its libraries from a slow network disk."""

_BEATS = 30
"""Signs of life in the time of `SILENCE_S`."""

_LOOK_S = 1.0
"""How often to check whether a silent process still exists."""

_ENDING_S = 2.0
"""Time between the end of a process's messages and its own."""

_LONGEST_BYTES = 2**22
"""A job, an event or a result takes some kilobytes."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The last item from a process.

    Attributes:
        reason: How it ended, in one line.
        fault: What may have caused it.
        was_ready: Whether it had become ready.
    """

    reason: str
    fault: Fault
    was_ready: bool


def heard_within(heard: queue.Queue[T], timeout_s: float) -> Iterator[T]:
    """What there is to hear: waits for the first item, but not for those after it."""
    try:
        yield heard.get(timeout=timeout_s)
        while True:
            yield heard.get_nowait()
    except queue.Empty:
        return


class ChildProcess(Generic[T]):
    """A Python module as a process in its own session, with a socket for messages in both directions.

    A thread reads the messages. However it ends (the process died, was cut off in the middle of a line, sent something
    that is not a message, or is silent), the process and everything it started are gone then, and the last item is
    `Ended`.

    Args:
        module: The module to run; it opens its side with `Channel.of_this_process`.
        arguments: Arguments of the module.
        log: The file for descriptors 1 and 2 of the process.
        environment: Environment variables of the process.
        decode: Makes an item from the kind and the values of a message; raises if it is not valid.
        heard: Called with this object and each item, from the thread.
        silence_s: Time without a message after which the process is ended.
        start_s: Time to become ready.

    Attributes:
        name: Host and process.

    Raises:
        UsageError: The system cannot start a process now, or the log cannot be written.
    """

    def __init__(
        self,
        module: str,
        *arguments: str,
        log: Path,
        environment: Mapping[str, str],
        decode: Callable[[str, dict[str, Any]], T],
        heard: queue.Queue[tuple[ChildProcess[T], T | Ended]],
        silence_s: float = SILENCE_S,
        start_s: float = START_S,
    ) -> None:
        self._log = log
        self._decode = decode
        self._heard = heard
        self._silence_s = silence_s
        self._start_s = start_s
        self._ready = self._said_all = False
        self._unheard = 0
        self._rest = b""
        try:
            self._process = self._begun([module, *arguments], environment)
        except OSError as error:
            raise UsageError(f"a process cannot be started ({error}); its log would be {log}") from error
        self.name = f"{socket.gethostname()}:{self._process.pid}"
        self._thread = threading.Thread(target=self._follow, name=f"messages of {self.name}", daemon=True)
        self._thread.start()

    def _begun(self, command: list[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        self._socket, theirs = socket.socketpair()
        self._socket.settimeout(_LOOK_S)
        module, *arguments = command
        with theirs, self._log.open("ab") as output:
            self._log_from = output.tell()
            return subprocess.Popen(
                [sys.executable, "-m", module, str(theirs.fileno()), str(self._silence_s / _BEATS), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=[theirs.fileno()],
                env=environment,
                start_new_session=True,  # Ctrl-C is the server's to handle
            )

    @property
    def is_alive(self) -> bool:
        """Whether it runs, as far as is known."""
        return not self._said_all and self._process.poll() is None

    def send(self, kind: str, **values: Any) -> None:
        """Sends a message; if the process is dead or does not read, an `Ended` follows."""
        self._unheard += 1
        try:
            self._socket.sendall((json.dumps([kind, values]) + "\n").encode())
        except OSError:
            self._kill()

    def stop(self, grace_s: float = 0.0) -> None:
        """Ends it and everything it started; returns when they are gone.

        Args:
            grace_s: Time to end by itself, once its channel has been closed.
        """
        stop_all([self], grace_s)

    def _ask_to_end(self) -> None:
        with contextlib.suppress(OSError):  # it is dead already
            self._socket.shutdown(socket.SHUT_WR)

    def _await_end(self, wait_s: float) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(wait_s)

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # nothing of it is left
            os.killpg(self._process.pid, signal.SIGKILL)

    def _follow(self) -> None:
        problem = None
        try:
            problem = self._read()
        except Exception as error:  # whatever a line caused, this thread must not end silently
            problem = f"sent an invalid message ({type(error).__name__}: {error})"
        self._said_all = True
        if problem is None:
            self._await_end(_ENDING_S)
        code = self._process.poll()
        self._kill()
        self._process.wait()
        self._socket.close()
        self._heard.put((self, self._ended(code, problem)))

    def _read(self) -> str | None:
        """Reads until nothing more comes; returns what is wrong with a process that may still run."""
        silent_s = starting_s = 0.0
        while True:
            try:
                received = self._socket.recv(65536)
            except TimeoutError:  # counted, as this process may have been suspended
                silent_s += _LOOK_S
                starting_s += _LOOK_S
                if self._process.poll() is not None:  # a process that it started holds the other end
                    return None
                if silent_s >= self._silence_s:
                    return f"said nothing for {self._silence_s:.0f} s, so it is suspended or hangs"
                if not self._ready and starting_s >= self._start_s:
                    return f"was not ready after {self._start_s:.0f} s"
                continue
            except ConnectionError:
                return None
            if not received:
                return None
            *lines, self._rest = (self._rest + received).split(b"\n")
            for line in lines:
                self._take(line)
                silent_s = 0.0
            if len(self._rest) > _LONGEST_BYTES:
                raise ValueError("a line without an end")

    def _take(self, line: bytes) -> None:
        kind, values = json.loads(line)
        if kind == READY:
            self._ready = True
        elif kind == HEARD:
            self._unheard -= 1
        elif kind != BEAT:
            self._heard.put((self, self._decode(kind, values)))

    def _ended(self, code: int | None, problem: str | None) -> Ended:
        how = problem
        if how is None and code is None:
            how = "closed its connection"
        if how is None and code is not None:
            how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        where = "" if self._ready else " before it was ready"
        cut = " in the middle of a message" if self._rest and problem is None else ""
        last = self._last_words()
        said = f", and the last line of its log is: {last}" if last and not self._ready else ""
        at_work = self._ready and not self._unheard and problem is None
        fault = fault_of_exit(code) if at_work else Fault.MACHINE
        return Ended(f"process {self.name} {how}{where}{cut}{said}; its log is {self._log}", fault, self._ready)

    def _last_words(self) -> str:
        """The last line that it wrote, or that others wrote to the same log since it started."""
        try:
            with self._log.open("rb") as log:
                log.seek(max(self._log_from, log.seek(0, os.SEEK_END) - 4096))
                lines = log.read().decode(errors="replace").split("\n")
        except OSError:
            return ""
        return next((line.strip() for line in reversed(lines) if line.strip()), "")


def stop_all(processes: Collection[ChildProcess[Any]], grace_s: float = 0.0) -> None:
    """Ends processes and everything they started; returns when they are gone.

    Args:
        processes: The processes, dead or alive.
        grace_s: Time to end by themselves, once their channels have been closed.
    """
    for process in processes:
        process._ask_to_end()
    if grace_s:
        for process in processes:
            process._await_end(grace_s)
    for process in processes:
        process._kill()
    for process in processes:
        process._thread.join()
