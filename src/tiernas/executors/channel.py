"""A child process's side of the messages to and from the process that started it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

READY = "ready"
"""It has loaded what it needs."""

HEARD = "heard"
"""It has received a message: what follows may be caused by that message, an end before it is not."""

BEAT = "beat"
"""It is alive."""


class Channel:
    """Messages as lines of JSON, over a descriptor of their own.

    Descriptors 1 and 2 are the log: what libraries, child processes or C code write there is not a message. A thread
    sends signs of life from the start.

    Args:
        descriptor: A connected socket; processes that this one starts do not inherit it.
        beat_s: Time between two signs of life.
    """

    def __init__(self, descriptor: int, beat_s: float) -> None:
        os.set_inheritable(descriptor, False)
        self._socket = socket.socket(fileno=descriptor)
        self._one_at_a_time = threading.Lock()
        threading.Thread(target=self._beat, args=(beat_s,), name="beat", daemon=True).start()

    @classmethod
    def of_this_process(cls) -> tuple[Channel, list[str]]:
        """The channel that `ChildProcess` opened for this process, and the remaining arguments."""
        descriptor, beat_s, *arguments = sys.argv[1:]
        return cls(int(descriptor), float(beat_s)), arguments

    def send(self, kind: str, **values: Any) -> None:
        """Sends a message; it is dropped if nobody receives it any more."""
        line = json.dumps([kind, values]) + "\n"
        with self._one_at_a_time, contextlib.suppress(OSError):
            self._socket.sendall(line.encode())

    def receive(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Messages in order; ends when the process that started this one is gone, or wants it to end."""
        with contextlib.suppress(OSError), self._socket.makefile("r", encoding="utf-8") as lines:
            for line in lines:
                kind, values = json.loads(line)
                self.send(HEARD)
                yield kind, values

    def _beat(self, beat_s: float) -> None:
        while True:
            time.sleep(beat_s)
            self.send(BEAT)
