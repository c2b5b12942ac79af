"""Holds the server's lease while it measures, proposes or waits."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from tiernas.errors import UsageError
from tiernas.ledger import Lease, LeaseLostError, Ledger, Server
from tiernas.study.events import record, recording

LEASE_S = 30.0
"""After this time another node may take over from a server that disappeared."""

_RENEW_S = 5.0
"""A lease survives five failed renewals."""


@contextmanager
def serving(ledger: Ledger, output: Path, *, lease_s: float = LEASE_S) -> Iterator[Heartbeat]:
    """Makes this process the server of a ledger while the context lasts; events go to `events.jsonl` in a folder.

    Args:
        ledger: The ledger.
        output: The folder.
        lease_s: See `LEASE_S`.

    Raises:
        UsageError: Another server is using it.
        LeaseLostError: From everything that is written meanwhile: another server has taken over.
    """
    server = Server.here()
    with ledger.serve(server, lease_s) as lease, recording(output), Heartbeat(lease) as heartbeat:
        record("lease", host=server.host, process=server.pid, ledger=ledger.name)
        try:
            yield heartbeat
        except LeaseLostError as error:
            record("lease lost", level=logging.ERROR, reason=str(error))
            raise


class Heartbeat:
    """Renews a lease from its own thread; used as a context manager.

    Args:
        lease: The lease that this process holds.
    """

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._load = 0, 0
        self._lost: LeaseLostError | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)

    def __call__(self, clients: int, idle: int) -> None:
        """Sets what the next renewal reports about the workers.

        Args:
            clients: Number of workers: how many candidates can be trained at once.
            idle: How many of these have nothing to do.

        Raises:
            LeaseLostError: Another server has taken over.
        """
        self._load = clients, idle
        if self._lost is not None:
            raise self._lost

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._ending.wait(_RENEW_S):
            try:
                self._lease.renew(*self._load)
            except LeaseLostError as error:
                self._lost = error
                return
            except UsageError:  # the database is busy or down; the server's own writes will report it
                continue
