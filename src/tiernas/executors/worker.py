"""The process that trains candidates: jobs come as lines of JSON on stdin, events go as lines of JSON to stdout.

When stdin closes, the server is gone: the process ends at once, and the training goes on from its last checkpoint
when the server is started again.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from typing import TextIO

import torch

from tiernas.executors.executor import Event, Job
from tiernas.executors.run import run
from tiernas.executors.wire import decode_job, encode_event


def main() -> None:
    """Runs jobs until stdin closes."""
    torch.set_num_threads(1)
    events, sys.stdout = sys.stdout, sys.stderr  # a stray print must not look like an event
    jobs: queue.Queue[Job] = queue.Queue()
    threading.Thread(target=_read_jobs, args=(sys.stdin, jobs), daemon=True).start()

    def send(event: Event) -> None:
        events.write(encode_event(event) + "\n")
        events.flush()

    while True:
        run(jobs.get(), send)


def _read_jobs(stdin: TextIO, jobs: queue.Queue[Job]) -> None:
    for line in stdin:
        jobs.put(decode_job(line))
    os._exit(1)


if __name__ == "__main__":
    main()
