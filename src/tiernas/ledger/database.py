"""The file of a ledger: opened, made, upgraded, and written in transactions."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, event, insert, inspect, select
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.orm import Session

import tiernas
from tiernas.errors import UsageError
from tiernas.ledger.models import SCHEMA_VERSION, Base, Info, now
from tiernas.ledger.upgrade import upgrade


class Database:
    """An SQLite file with the tables of a ledger.

    Args:
        path: The file; made if it is missing, upgraded if an older version wrote it.

    Raises:
        UsageError: The file is no ledger, a newer version wrote it, or it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine = create_engine(f"sqlite:///{path}")
        _configure_sqlite(self._engine)
        try:
            self._open()
        except OperationalError as error:
            self.close()
            raise UsageError(f"ledger {path}: cannot be opened for writing ({error.orig})") from error
        except DatabaseError as error:
            self.close()
            raise UsageError(f"ledger {path}: not a ledger of tiernas ({error.orig}); choose another output") from error

    def close(self) -> None:
        """Closes the file."""
        self._engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session whose changes are on the disk when it is left, all of them or none.

        Raises:
            UsageError: The disk is full or the file cannot be written.
        """
        try:
            with Session(self._engine, expire_on_commit=False) as session, session.begin():
                yield session
        except OperationalError as error:
            raise UsageError(
                f"ledger {self.path}: cannot be written ({error.orig}); free some space. What is recorded is safe."
            ) from error

    def _open(self) -> None:
        tables = inspect(self._engine).get_table_names()
        if tables and Info.__tablename__ not in tables:
            raise UsageError(f"ledger {self.path}: a database of something else; choose another output folder")
        if not tables:
            self._create()
        with self.transaction() as session:
            info = session.scalars(select(Info)).one()
        if info.schema_version > SCHEMA_VERSION:
            raise UsageError(
                f"ledger {self.path}: version {info.schema_version}, written by tiernas {info.tiernas_version}; "
                f"this tiernas ({tiernas.__version__}) reads up to version {SCHEMA_VERSION}. Update tiernas."
            )
        if info.schema_version < SCHEMA_VERSION:
            with self._engine.connect() as connection:
                upgrade(connection)

    def _create(self) -> None:
        """Makes the tables in one transaction, so that nobody who opens the file meanwhile sees half of them."""
        with self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            if not inspect(connection).get_table_names():
                Base.metadata.create_all(connection)
                info = {"schema_version": SCHEMA_VERSION, "tiernas_version": tiernas.__version__, "created_at": now()}
                connection.execute(insert(Info).values(info))
            connection.commit()


def copy_database(source: Path, target: Path) -> None:
    """Copies an SQLite file as it is at one moment, even while another process writes it.

    Raises:
        UsageError: There is no such file, it cannot be read, or it is no database.
    """
    if not source.is_file():
        raise UsageError(f"no ledger {source}; name the output folder of a search, or the ledger.sqlite in it")
    try:
        with (
            closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)) as old,
            closing(sqlite3.connect(target)) as new,
        ):
            old.backup(new)
    except sqlite3.Error as error:
        raise UsageError(f"ledger {source}: cannot be read ({error})") from error


def _configure_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: object) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA busy_timeout = 5000")
        connection.execute("PRAGMA foreign_keys = ON")
