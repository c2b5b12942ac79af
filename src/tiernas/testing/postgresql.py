"""A PostgreSQL server of its own for tests and benchmarks, from the binaries that Debian's package installs."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from sqlalchemy import URL, create_engine, text

_BINARIES = Path("/usr/lib/postgresql")

_USERS = ("postgres", "nobody")
"""The user that runs the server if root runs the tests: it refuses to run as root."""


class NoPostgresqlError(Exception):
    """The binaries are not installed."""


@dataclass(frozen=True, slots=True)
class PostgresqlServer:
    """A server on its own port of this machine, with a password.

    Attributes:
        port: Its port on 127.0.0.1.
        password: Password of its only user, `postgres`.
    """

    port: int
    password: str
    _schemas: Iterator[int] = field(default_factory=count)

    def empty(self) -> str:
        """URL of an empty ledger; each is a separate schema, which is faster to create than a database."""
        schema = f"ledger{next(self._schemas)}"
        engine = create_engine(self.url())
        with engine.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {schema}"))
        engine.dispose()
        return self.url({"options": f"-csearch_path={schema}"}).replace("postgresql+psycopg", "postgresql")

    def url(self, query: dict[str, str] | None = None) -> str:
        """URL of the server for SQLAlchemy, with the password."""
        url = URL.create(
            "postgresql+psycopg", "postgres", self.password, "127.0.0.1", self.port, "postgres", query or {}
        )
        return url.render_as_string(hide_password=False)


@contextmanager
def run_postgresql(*, safe: bool = False) -> Iterator[PostgresqlServer]:
    """Runs a server with its data in a temporary folder; stops it at the end.

    Args:
        safe: Whether it waits for the disk, as a real one does; tests are faster without.

    Raises:
        NoPostgresqlError: It is not installed; the message says how to install it.
    """
    binaries = max(_BINARIES.glob("*/bin/initdb"), default=None, key=lambda path: int(path.parts[-3]))
    if binaries is None:
        raise NoPostgresqlError(f"no PostgreSQL in {_BINARIES}; install it: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="tiernas-postgresql-"))
    user = _user()
    password = secrets.token_hex(8)
    (folder / "password").write_text(password, encoding="ascii")
    if user is not None:
        for path in (folder, folder / "password"):
            shutil.chown(path, user)
    data = folder / "data"

    def run(program: str, *args: str) -> None:
        command = [str(binaries.parent / program), *args]
        with (folder / "output.txt").open("ab") as output:  # not a pipe: the server would keep it open
            done = subprocess.run(
                command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, user=user, cwd=folder
            )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {(folder / 'output.txt').read_text()}")

    try:
        method = ("--auth=scram-sha-256", f"--pwfile={folder / 'password'}")
        run("initdb", f"--pgdata={data}", "--username=postgres", *method, "--encoding=UTF8", "--no-sync")
        port = _free_port()
        settings = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1" + ("" if safe else " -c fsync=off")
        run("pg_ctl", "start", "-w", f"--pgdata={data}", f"--log={folder / 'log.txt'}", f"--options={settings}")
        try:
            yield PostgresqlServer(port, password)
        finally:
            run("pg_ctl", "stop", f"--pgdata={data}", "--mode=immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _user() -> str | None:
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in _USERS if name in names)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
