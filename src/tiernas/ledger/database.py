"""The database of a ledger: opened, created, upgraded, and read and written in transactions."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event, func, insert, inspect, select
from sqlalchemy.engine import Engine
from sqlalchemy.exc import ArgumentError, NoResultFound, SQLAlchemyError
from sqlalchemy.orm import Session

import tiernas
from tiernas.errors import NotInstalledError, UsageError
from tiernas.ledger.failures import explain
from tiernas.ledger.location import Location
from tiernas.ledger.models import SCHEMA_VERSION, Control, Info, LeaseRow, LedgerRow, now

_CONNECT_S = 10
"""How long a PostgreSQL server may take to accept a connection."""

_BUSY_S = 5.0
"""How long another process may lock an SQLite file."""

_LOCK = 0x7469_6572
"""Number of PostgreSQL's advisory lock for creating or upgrading tables ("tier" in ASCII)."""


class Database:
    """An SQLite file or PostgreSQL database with the tables of a ledger.

    Args:
        location: Where it is.
        make: Whether to create or upgrade the tables if needed; otherwise it must have this version.

    Attributes:
        name: Its name in messages.
        has_clock: Whether `time` is the same for all machines.
        check: Called in every transaction that writes; raises if the writer has no right to.

    Raises:
        UsageError: It is not a ledger, was written by a newer version, or cannot be reached or written.
    """

    def __init__(self, location: Location, *, make: bool = True) -> None:
        self.name = location.name
        self._path = location.path
        self.has_clock = location.path is None
        self.check: Callable[[Session], None] | None = None
        self._make = make
        self._here = threading.local()
        self._engine = _engine(location)
        self._reader, self._writer = _reader_and_writer(self._engine)
        try:
            with self._translated("reached" if self.has_clock else "opened for writing"):
                self._open()
        except UsageError:
            self.close()
            raise

    def close(self) -> None:
        """Closes the connections."""
        self._engine.dispose()

    def time(self, session: Session) -> dt.datetime:
        """The time: PostgreSQL's, or this machine's on SQLite."""
        return session.execute(select(func.clock_timestamp())).scalar_one() if self.has_clock else now()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that sees the ledger at one moment.

        Raises:
            UsageError: It cannot be read, or contains what this version does not know.
        """
        with self._translated("read"), Session(self._reader, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def writing(self, *, checked: bool = True) -> Iterator[Session]:
        """A session whose changes are committed when it ends, all of them or none; or the session of `together`.

        Args:
            checked: Whether to call `check`.

        Raises:
            UsageError: The disk is full, or the database cannot be written or reached.
        """
        shared: Session | None = getattr(self._here, "session", None)
        if shared is not None:
            yield shared
            return
        with self._translated("written"), Session(self._writer, expire_on_commit=False) as session, session.begin():
            if checked and self.check is not None:
                self.check(session)
            yield session

    @contextmanager
    def together(self) -> Iterator[Session]:
        """Like `writing`; everything this thread writes meanwhile is part of it."""
        with self.writing() as session:
            self._here.session = session
            try:
                yield session
            finally:
                del self._here.session

    @contextmanager
    def _translated(self, done: str) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error, UnicodeDecodeError) as error:
            raise UsageError(explain(error, self.name, done, self._path)) from error
        except LookupError as error:
            if type(error) is not LookupError:
                raise
            raise UsageError(f"ledger {self.name}: contains a value that tiernas does not write ({error})") from error

    def _open(self) -> None:
        tables = inspect(self._engine).get_table_names()
        if tables and Info.__tablename__ not in tables:
            raise UsageError(f"ledger {self.name}: a database of another program; choose another output folder")
        if not tables:
            if not self._make:
                raise UsageError(f"no ledger {self.name}: the database is empty; give that of another search")
            with self._alone() as connection:
                if not inspect(connection).get_table_names():
                    _create(connection)
        with self.reading() as session:
            version, writer = session.execute(select(Info.schema_version, Info.tiernas_version)).one()
            if version is None:  # in a damaged file
                raise NoResultFound("it has no version")
        if version > SCHEMA_VERSION:
            raise UsageError(
                f"ledger {self.name}: version {version}, written by tiernas {writer}; "
                f"this tiernas ({tiernas.__version__}) reads up to version {SCHEMA_VERSION}. Update tiernas."
            )
        if version < SCHEMA_VERSION:
            if not self._make:
                raise UsageError(f"ledger {self.name}: version {version}; update it first: tiernas status")
            from tiernas.ledger.upgrade import upgrade

            with self._alone() as connection:
                upgrade(connection)

    @contextmanager
    def _alone(self) -> Iterator[Connection]:
        """A transaction during which no other process creates or upgrades tables, so that none sees half of them."""
        with self._writer.connect() as connection:
            if not self.has_clock:  # tables may be recreated, and references to them must stay
                driver: Any = connection.connection.driver_connection
                driver.execute("PRAGMA foreign_keys = OFF")
                driver.execute("PRAGMA legacy_alter_table = ON")
            with connection.begin():
                if self.has_clock:
                    connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
                yield connection
            connection.invalidate()  # it has those settings


def copy_database(source: Path, target: Path) -> None:
    """Copies an SQLite file at one moment, even while another process writes it.

    Raises:
        UsageError: There is no such file, it cannot be read, or it is not a database.
    """
    if not source.is_file():
        raise UsageError(f"no ledger {source}; name the output folder of a search, or the ledger.sqlite in it")
    try:
        with (
            closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", timeout=_BUSY_S, uri=True)) as old,
            closing(sqlite3.connect(target)) as new,
        ):
            old.execute("BEGIN")
            old.execute("SELECT count(*) FROM sqlite_master")  # fails if it is locked; a backup would wait forever
            old.backup(new)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise UsageError(explain(error, str(source), "read", source)) from error


def _create(connection: Connection) -> None:
    LedgerRow.metadata.create_all(connection)
    info = {"schema_version": SCHEMA_VERSION, "tiernas_version": tiernas.__version__, "created_at": now()}
    connection.execute(insert(Info).values(info))
    connection.execute(insert(Control).values(id=1, paused=False, changed=0))
    connection.execute(insert(LeaseRow).values(id=1))


def _engine(location: Location) -> Engine:
    if location.path is not None:
        engine = create_engine(location.url, json_serializer=_write_json, json_deserializer=_read_json)
        _configure_sqlite(engine)
        return engine
    try:
        return create_engine(
            location.url,
            json_serializer=_write_json,
            json_deserializer=_read_json,
            pool_pre_ping=True,
            connect_args={"connect_timeout": _CONNECT_S, "application_name": "tiernas"},
        )
    except ArgumentError as error:
        raise UsageError(f"ledger {location.name}: {error}; check the URL") from error
    except ImportError as error:
        raise NotInstalledError("psycopg, the driver of PostgreSQL,", "postgres") from error


def _reader_and_writer(engine: Engine) -> tuple[Engine, Engine]:
    if engine.dialect.name == "sqlite":
        return engine, engine.execution_options(begin="BEGIN IMMEDIATE")
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True), engine


def _configure_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: object) -> None:
        connection.isolation_level = None  # `begin` begins, so that a transaction reads a single moment
        connection.execute(f"PRAGMA busy_timeout = {int(_BUSY_S * 1000)}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


def _write_json(value: Any) -> str:
    return json.dumps(value, allow_nan=False)


def _read_json(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LookupError(f"no JSON: {error}") from error
