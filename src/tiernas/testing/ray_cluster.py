"""A Ray cluster on this machine whose nodes start and die on request."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from tiernas.errors import UsageError
from tiernas.executors import RayExecutor, RaySettings

_HOST = "127.0.0.1"


_PATIENCE_S = 120


def connected(settings: RaySettings, folder: Path, rest_s: float = 600) -> RayExecutor:
    """An executor, once its cluster has started.

    Args:
        settings: See `RayExecutor`; with an address.
        folder: Folder for what it writes.
        rest_s: See `RayExecutor`.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return RayExecutor(settings, folder / "logs", reconnect_s=_PATIENCE_S, rest_s=rest_s)
        except UsageError:
            if time.monotonic() > deadline:
                raise


class RayCluster:
    """A Ray cluster on this machine, with its token enabled; a node is a process and those it starts.

    Ray is not imported, so the process that uses this stays like a server's.

    Args:
        folder: Folder of the cluster's sockets and logs, with a short path: that of a socket may have 107 characters.
        environment: Further environment variables of the nodes, besides those of this process.
        cpus: Logical cores of each node.
        gpus: Logical GPUs of each node.

    Attributes:
        address: `HOST:PORT` of its head.
        environment: Variables that a server needs too: the token.
    """

    def __init__(
        self, folder: Path, environment: Mapping[str, str] | None = None, *, cpus: int = 2, gpus: int = 0
    ) -> None:
        self._folder = folder
        self._resources = (f"--num-cpus={cpus}", f"--num-gpus={gpus}", "--object-store-memory=80000000")
        self.environment = {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_gcs_rpc_server_reconnect_timeout_s": "2",  # so that remains of a lost head end soon
            "RAY_worker_niceness": "0",  # by default 15: other work on this machine would starve the workers
            **(environment or {}),
        }
        self._nodes: dict[str, psutil.Process] = {}
        with socket.socket() as free:
            free.bind((_HOST, 0))
            self.address = f"{_HOST}:{free.getsockname()[1]}"

    def start_head(self) -> None:
        """Starts the head, always at the same address; returns before it is ready.

        Nodes left by a lost head end first: Ray refuses an address that is named by a process of the machine.
        """
        psutil.wait_procs(list(self._nodes.values()), timeout=_PATIENCE_S)
        port = self.address.partition(":")[2]
        self._start("head", "--head", f"--port={port}", f"--temp-dir={self._folder}", "--include-dashboard=false")

    def add_node(self, name: str, environment: Mapping[str, str] | None = None) -> None:
        """Starts another node, with some more variables; returns before it is ready."""
        self._start(name, f"--address={self.address}", environment=environment)

    def kill(self, name: str) -> None:
        """Ends every process of a node, like a power cut; the head is named `head`."""
        node = self._nodes.pop(name)
        processes = [node]
        with suppress(psutil.NoSuchProcess):  # it has ended by itself
            processes = [*node.children(recursive=True), node]
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes, timeout=_PATIENCE_S)  # or the next head would find this one at its address

    def close(self) -> None:
        """Ends every node."""
        for name in list(self._nodes):
            self.kill(name)

    def _start(self, name: str, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        executable = str(Path(sys.executable).with_name("ray"))
        ports = ("--min-worker-port=0", "--max-worker-port=0")
        usage = ("--disable-usage-stats",) if name == "head" else ()
        command = [
            executable,
            "start",
            *arguments,
            f"--node-ip-address={_HOST}",
            *ports,
            *self._resources,
            *usage,
            "--block",
        ]
        with (self._folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment, **(environment or {})},
                start_new_session=True,
            )
        self._nodes[name] = psutil.Process(process.pid)
