"""The process between a server and a Ray cluster: `RayExecutor` starts it, and nothing else imports Ray.

It is a separate process because Ray ends a driver process that has lost the cluster's head (observed with Ray 2.60:
exit code 1, 60 s after the head was killed); the server survives that and starts another driver.

Commands and messages use a channel of their own. When it closes, the server is gone, and every worker is ended.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError

import tiernas
from tiernas.executors.channel import READY, Channel
from tiernas.executors.code_version import code_version
from tiernas.executors.executor import Job
from tiernas.executors.ray_pool import RayPool
from tiernas.executors.ray_settings import RaySettings
from tiernas.plugins import module_path


def main() -> None:
    """Connects, and serves until the server is gone."""
    channel, (settings_json,) = Channel.of_this_process()
    settings = RaySettings(**json.loads(settings_json))
    try:
        _connect(settings)
    except (ConnectionError, OSError, RuntimeError, ValueError, RayError) as error:
        channel.send("unreachable", text=f"{type(error).__name__}: {error}".splitlines()[0])
        return
    channel.send(READY)
    channel.send("connected")
    asyncio.run(_serve(settings, channel))
    ray.shutdown()


def _connect(settings: RaySettings) -> None:
    packages = [str(Path(tiernas.__file__).parent), *filter(None, map(module_path, settings.modules))]
    code_version()  # of the files that are being sent along now
    ray.init(
        address=settings.address or "local",
        include_dashboard=None if settings.address else False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        runtime_env={"py_modules": packages, "excludes": ["**/__pycache__/**"]},
    )


async def _serve(settings: RaySettings, channel: Channel) -> None:
    loop = asyncio.get_running_loop()
    closed = asyncio.Event()
    pool = RayPool(settings, channel.send)

    def command(kind: str, values: dict[str, Any]) -> None:
        match kind:
            case "run":
                pool.run(values["worker"], Job(**values["job"]))
            case "kill":
                pool.kill(values["worker"])

    def read() -> None:
        try:
            for kind, values in channel.receive():
                loop.call_soon_threadsafe(command, kind, values)
        finally:
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
