"""Requests and answers, as lines of JSON.

A request is `{"id": 1, "do": "hello", ...}`. One that brings a file is followed by the `bytes` bytes of the file, as
they are. Its answer is `{"id": 1, "ok": {...}}`, or `{"id": 1, "error": {"kind": ..., "message": ...}}`. There is one
answer for each request, in their order. The kinds of errors:

- `usage`: the message says what to change.
- `not-installed`: a package is missing on this device; the message has the command that installs it here.
- `failed`: anything else, in one line.

An empty line is a sign of life of whoever asks, and is answered with another one at once, also during a measurement.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from tiernas.errors import NotInstalledError, TiernasError, UsageError, last_line
from tiernas.runner.kept import KeptFiles

PROTOCOL = 1
"""Version of the protocol; raised whenever an older runner would misunderstand a request."""

_SIGN_OF_LIFE = b"\n"

_LONGEST_LINE = 2**24
"""Maximum length of a request, in bytes: that of a list of some hundred thousand digests."""


@dataclass(frozen=True)
class RunnerRequest:
    """A request.

    Attributes:
        id: What its answer is marked with, a number or a string; None if the request has none.
        do: The name of what is to be done.
        fields: Its other fields.
        problem: Why it cannot be answered, if that is known already; None otherwise.
    """

    id: Any
    do: str
    fields: Mapping[str, Any]
    problem: Exception | None = None


def read_request(source: BinaryIO, kept: KeptFiles) -> RunnerRequest | None:
    """The next request. A file that follows it is kept, or at least read to its end.

    Returns:
        The request; None for a sign of life.

    Raises:
        EOFError: There are no more requests.
    """
    line = source.readline(_LONGEST_LINE)
    if line == _SIGN_OF_LIFE:
        return None
    if not line.endswith(b"\n"):
        raise EOFError
    try:
        document = json.loads(line)
    except (ValueError, RecursionError) as error:
        return RunnerRequest(None, "", {}, UsageError(f"a request must be one line of JSON: {error}"))
    if not isinstance(document, dict) or not isinstance(document.get("do"), str):
        return RunnerRequest(None, "", {}, UsageError("a request must be an object with a string `do`"))
    if isinstance(document.get("id"), (dict, list)):
        return RunnerRequest(None, "", {}, UsageError("a request must have a number or a string as its `id`"))
    fields = {name: value for name, value in document.items() if name not in ("id", "do")}
    problem = _receive(source, kept, fields) if "bytes" in fields else None
    return RunnerRequest(document.get("id"), document["do"], fields, problem)


class Answers:
    """The stream of answers, to which several threads may write.

    Args:
        stream: The stream.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._writing = threading.Lock()

    def write(self, answer: Mapping[str, Any]) -> None:
        """Writes an answer; one that JSON cannot express becomes an error.

        Raises:
            OSError: Nobody reads it.
        """
        try:
            line = json.dumps(answer, allow_nan=False)
        except (TypeError, ValueError) as error:
            line = json.dumps({"id": answer["id"], "error": error_of(error)})
        self._write_line(line.encode() + b"\n")

    def give_sign_of_life(self) -> None:
        """Writes an empty line.

        Raises:
            OSError: Nobody reads it.
        """
        self._write_line(_SIGN_OF_LIFE)

    def _write_line(self, line: bytes) -> None:
        with self._writing:
            self._stream.write(line)
            self._stream.flush()


def error_of(error: Exception) -> dict[str, str]:
    """An error as it is answered."""
    if isinstance(error, NotInstalledError):
        return {"kind": "not-installed", "message": str(error)}
    if isinstance(error, UsageError):
        return {"kind": "usage", "message": str(error)}
    message = str(error) if isinstance(error, TiernasError) else f"{type(error).__name__}: {last_line(error)}"
    return {"kind": "failed", "message": message}


def _receive(source: BinaryIO, kept: KeptFiles, fields: Mapping[str, Any]) -> Exception | None:
    """Keeps the file that follows a request; returns what went wrong.

    Raises:
        EOFError: The file is not there to its end, or it is unknown where it ends.
    """
    size = fields["bytes"]
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise EOFError
    try:
        kept.receive(source, size, fields.get("sha256"))
    except UsageError as error:
        return error
    return None
