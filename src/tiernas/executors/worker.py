"""The process that trains candidates: jobs and events use a channel of their own.

When the channel closes, the server is gone: the process ends at once, and training resumes from its last checkpoint
when the server is restarted.
"""

from __future__ import annotations

import os
import queue
import threading

from tiernas.executors.channel import READY, Channel
from tiernas.executors.executor import Event, Job
from tiernas.executors.wire import event_message


def main() -> None:
    """Runs jobs until the server is gone."""
    channel, _ = Channel.of_this_process()  # first: what follows takes seconds, or fails
    jobs: queue.Queue[Job] = queue.Queue()
    threading.Thread(target=_read_jobs, args=(channel, jobs), daemon=True).start()

    import torch

    from tiernas.executors.run import run

    torch.set_num_threads(1)
    channel.send(READY)

    def send(event: Event) -> None:
        kind, values = event_message(event)
        channel.send(kind, **values)

    while True:
        run(jobs.get(), send)


def _read_jobs(channel: Channel, jobs: queue.Queue[Job]) -> None:
    try:
        for _, values in channel.receive():
            jobs.put(Job(**values))
    finally:
        os._exit(1)


if __name__ == "__main__":
    main()
