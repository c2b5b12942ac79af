"""The process between a server and a Ray cluster: `RayExecutor` starts it, and nothing else imports Ray.

It is a process of its own because Ray ends the process of a driver that has lost the cluster's head (observed with
Ray 2.60: exit code 1, 60 s after the head was killed); the server outlives that and starts another one.

Commands come as lines of JSON on stdin, messages go as lines of JSON to stdout. When stdin closes, the server is gone:
every client is ended.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError

import tiernas
from tiernas.executors.code_version import code_version
from tiernas.executors.executor import Event
from tiernas.executors.ray_pool import Pool
from tiernas.executors.ray_settings import RaySettings
from tiernas.executors.wire import decode_job, encode_event


def main() -> None:
    """Connects, and serves until stdin closes."""
    settings = RaySettings(**json.loads(sys.argv[1]))
    messages, sys.stdout = sys.stdout, sys.stderr  # a stray print must not look like a message

    def tell(kind: str, **values: Any) -> None:
        event = values.get("event")
        if isinstance(event, Event):
            values["event"] = encode_event(event)
        messages.write(json.dumps([kind, values]) + "\n")
        messages.flush()

    try:
        _connect(settings)
    except (ConnectionError, OSError, RuntimeError, ValueError, RayError) as error:
        tell("unreachable", text=f"{type(error).__name__}: {error}".splitlines()[0])
        return
    tell("connected")
    asyncio.run(_serve(settings, tell))
    ray.shutdown()


def _connect(settings: RaySettings) -> None:
    package = str(Path(tiernas.__file__).parent)
    code_version()  # that of the files which are sent along now
    ray.init(
        address=settings.address or "local",
        include_dashboard=None if settings.address else False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        runtime_env={"py_modules": [package], "excludes": ["**/__pycache__/**"]},
    )


async def _serve(settings: RaySettings, tell: Callable[..., None]) -> None:
    loop = asyncio.get_running_loop()
    closed = asyncio.Event()
    pool = Pool(settings, tell)

    def command(line: str) -> None:
        kind, values = json.loads(line)
        match kind:
            case "run":
                pool.run(values["worker"], decode_job(values["job"]))
            case "kill":
                pool.kill(values["worker"])

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(command, line)
        loop.call_soon_threadsafe(closed.set)

    threading.Thread(target=read, daemon=True).start()
    keeping = asyncio.create_task(pool.keep_up())
    closing = asyncio.create_task(closed.wait())
    await asyncio.wait({keeping, closing}, return_when=asyncio.FIRST_COMPLETED)
    keeping.cancel()
    await pool.close()
    if not closing.done():
        keeping.result()  # raises what ended it


if __name__ == "__main__":
    main()
