"""The process on the device: takes requests from stdin until it ends, and answers on stdout."""

from __future__ import annotations

import io
import logging
import os
import queue
import signal
import sys
import threading
from typing import BinaryIO

from tiernas.errors import UsageError
from tiernas.runner.kept import KeptFiles, cache_folder
from tiernas.runner.protocol import Answers, RunnerRequest, read_request
from tiernas.runner.runtimes import keep_runtimes_silent
from tiernas.runner.service import Service
from tiernas.runner.silence import HeardStream


def main() -> None:
    """Answers requests in their order.

    When stdin ends, or is silent for as long as `hello` allows, the process ends at once, even during a measurement:
    whoever asked is gone, and the system releases the lock of the device.
    """
    keep_runtimes_silent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is meant for whoever asks
    logging.basicConfig(level=logging.INFO, format="tiernas: %(message)s", stream=sys.stderr)
    heard, answers = _take_standard_streams()
    try:
        kept = KeptFiles(cache_folder())
    except UsageError as error:
        sys.exit(f"tiernas: {error}")
    requests: queue.SimpleQueue[RunnerRequest] = queue.SimpleQueue()
    threading.Thread(target=_read_all, args=(io.BufferedReader(heard), kept, requests, answers), daemon=True).start()
    with Service(kept, end_when_silent=lambda silence_s: heard.end_when_silent(silence_s, _end)) as service:
        try:
            while True:
                answers.write(service.answer(requests.get()))
        except OSError:  # nobody reads the answers
            _end()


def _take_standard_streams() -> tuple[HeardStream, Answers]:
    """Streams of requests and answers; whatever runtimes print goes to stderr, and they find an empty stdin."""
    heard, answers = HeardStream(os.dup(0)), Answers(os.fdopen(os.dup(1), "wb"))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return heard, answers


def _read_all(source: BinaryIO, kept: KeptFiles, requests: queue.SimpleQueue[RunnerRequest], answers: Answers) -> None:
    try:
        while True:
            request = read_request(source, kept)
            if request is None:
                answers.give_sign_of_life()
            else:
                requests.put(request)
    finally:
        _end()


def _end() -> None:
    """Ends the process without waiting for a runtime that computes."""
    os._exit(0)


if __name__ == "__main__":
    main()
