"""The server's lease: one server at a time works on a ledger, and one that lost its lease writes nothing more."""

from __future__ import annotations

import datetime as dt
import logging
import os
import platform
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from sqlalchemy.orm import Session

from tiernas.errors import UsageError
from tiernas.ledger.database import Database
from tiernas.ledger.models import LeaseRow

_log = logging.getLogger(__name__)

_WATCH_S = 0.5
"""How often a server on another machine is checked."""


class LeaseLostError(UsageError):
    """Another server has taken over, so this one must stop. Nothing that it tried to write was written."""


@dataclass(frozen=True, slots=True)
class Server:
    """A process that may work on a ledger.

    Attributes:
        host: Name of its machine.
        machine: Distinguishes boots, machines and containers of the same name; empty if the system cannot.
        pid: Its process.
        began_s: When that process started, in seconds since the machine booted; unaffected by changes of its clock.
    """

    host: str
    machine: str
    pid: int
    began_s: float

    @classmethod
    def here(cls) -> Server:
        """This process."""
        return cls(socket.gethostname(), _machine(), os.getpid(), _began_s(psutil.Process()))

    @property
    def gone(self) -> bool:
        """Whether it ran on this machine and no longer does; False if that cannot be determined from here."""
        if not self.is_local:
            return False
        try:
            process = psutil.Process(self.pid)
            return process.status() == psutil.STATUS_ZOMBIE or abs(_began_s(process) - self.began_s) > 1
        except psutil.NoSuchProcess:
            return True

    @property
    def is_local(self) -> bool:
        """Whether it runs, or ran, on this machine since the last boot."""
        return (self.host, self.machine) == (socket.gethostname(), _machine())

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


@dataclass(frozen=True, slots=True)
class Serving:
    """The server that holds the lease.

    Attributes:
        server: The server.
        remaining_s: Seconds until the lease expires; negative if it has.
        alive: Whether it is running, as far as can be determined from here.
        clients: Number of workers at the last renewal.
        idle: How many of these had nothing to do.
    """

    server: Server
    remaining_s: float
    alive: bool
    clients: int
    idle: int


class Lease:
    """The right to write, held by this process; see `Ledger.serve`."""

    def __init__(self, database: Database, server: Server, lease_s: float) -> None:
        self._database = database
        self._server = server
        self._lease_s = lease_s
        self._token = uuid.uuid4().hex

    def renew(self, clients: int, idle: int) -> None:
        """Holds the lease for another `lease_s` seconds; to be called several times in that time.

        Args:
            clients: Number of workers: how many candidates can be trained at once.
            idle: How many of these have nothing to do.

        Raises:
            LeaseLostError: Another server has taken over.
        """
        with self._database.writing(checked=False) as session:
            row = self._held(session)
            row.expires_at = self._database.time(session) + dt.timedelta(seconds=self._lease_s)
            row.renewals = (row.renewals or 0) + 1
            row.clients, row.idle = clients, idle

    def check(self, session: Session) -> None:
        """Locks the row of the lease until the transaction ends.

        Raises:
            LeaseLostError: Another server has taken over.
        """
        self._held(session, shared=True)

    def take(self) -> None:
        """Takes the lease.

        Raises:
            UsageError: Another server holds it.
        """
        watched = self._watch()
        with self._database.writing(checked=False) as session:
            row = session.get_one(LeaseRow, 1, with_for_update=True)
            if row.token is not None:
                serving = _serving(row, self._database.time(session), trusted=self._database.has_clock)
                if serving.alive and (row.token, row.renewals) != watched:
                    raise _held(self._database.name, serving)
                _log.warning("the server that was %s is gone; taking over", serving.server)
            row.token, row.lease_s, row.renewals = self._token, self._lease_s, 0
            row.host, row.machine = self._server.host, self._server.machine
            row.pid, row.began_s = self._server.pid, self._server.began_s
            row.expires_at = self._database.time(session) + dt.timedelta(seconds=self._lease_s)
            row.clients = row.idle = 0

    def release(self) -> None:
        """Gives up the lease; does nothing if it was lost."""
        with self._database.writing(checked=False) as session:
            row = self._held(session)
            row.token = row.expires_at = None

    def _held(self, session: Session, *, shared: bool = False) -> LeaseRow:
        row = session.get_one(LeaseRow, 1, with_for_update={"read": shared})
        if row.token != self._token:
            by = f"{_server(row)} has taken over" if row.token else "another server took over and has ended"
            raise LeaseLostError(
                f"ledger {self._database.name}: this server's lease expired and {by}; this one stops. It was suspended "
                "or could not reach the ledger for longer than its lease lasts. Nothing is lost: the other one resumes "
                "its candidates from the last checkpoints."
            )
        return row

    def _watch(self) -> tuple[str, int | None] | None:
        """On SQLite, watches a server on another machine for the duration of its lease, as their clocks may differ.

        Returns:
            Its token and number of renewals, if none came in that time; None if there was nothing to watch.
        """
        with self._database.reading() as session:
            row = session.get_one(LeaseRow, 1)
        if self._database.has_clock or row.token is None or _server(row).is_local:
            return None
        token, renewals, lease_s = row.token, row.renewals, row.lease_s or 0.0
        _log.warning("watching for up to %.0f s whether the server, %s, is still running", lease_s, _server(row))
        end_s = time.monotonic() + lease_s
        while (remaining_s := end_s - time.monotonic()) > 0:
            time.sleep(min(_WATCH_S, remaining_s))
            with self._database.reading() as session:
                row = session.get_one(LeaseRow, 1)
            if row.token is None:
                return None
            if (row.token, row.renewals) != (token, renewals):
                raise _held(self._database.name, Serving(_server(row), row.lease_s or 0.0, True, 0, 0))
        return token, renewals


@contextmanager
def leased(database: Database, server: Server, lease_s: float) -> Iterator[Lease]:
    """Holds the lease; meanwhile everything written through this database checks that it is still held."""
    lease = Lease(database, server, lease_s)
    lease.take()
    database.check = lease.check
    try:
        yield lease
    finally:
        with suppress(UsageError):  # lost, or the database is gone: it expires by itself
            lease.release()
        database.check = None


def read_serving(database: Database) -> Serving | None:
    """The server that holds the lease, if there is one."""
    with database.reading() as session:
        row = session.get_one(LeaseRow, 1)
        if row.token is None:
            return None
        return _serving(row, database.time(session), trusted=True)


def _serving(row: LeaseRow, time: dt.datetime, *, trusted: bool) -> Serving:
    """Args: trusted: Whether the clock is the one the lease was written by, on any machine."""
    server = _server(row)
    if row.expires_at is None:
        raise LookupError("a lease without an end")
    remaining_s = (row.expires_at - time).total_seconds()
    run_out = remaining_s < 0 and (trusted or server.is_local)
    return Serving(server, remaining_s, not (run_out or server.gone), row.clients or 0, row.idle or 0)


def _server(row: LeaseRow) -> Server:
    return Server(row.host or "", row.machine or "", row.pid or 0, row.began_s or 0.0)


def _held(name: str, serving: Serving) -> UsageError:
    return UsageError(
        f"ledger {name}: another server is using it, {serving.server}. Its lease lasts {serving.remaining_s:.0f} s "
        "more, and is renewed while it runs. Stop it, or wait until its lease has expired."
    )


def _began_s(process: psutil.Process) -> float:
    booted_s = psutil.boot_time()  # first: the other one is computed from it
    return float(process.create_time() - booted_s)


def _machine() -> str:
    """Boot of the kernel and namespace of process ids; empty on other systems than Linux."""
    if platform.system() != "Linux":
        return ""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
