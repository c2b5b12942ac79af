"""Database errors as one message that says how to fix them."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

Failure = SQLAlchemyError | sqlite3.Error | UnicodeDecodeError
"""What databases raise; the last one if SQLite reports damaged names."""

_CHANGED = (
    "it was damaged or changed by another program: replace it with a copy, or choose another output to start over"
)

_SQLITE = (
    (("SQLITE_FULL",), "the disk is full: free some space"),
    (("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH"), "give this user permission to write the file and its folder"),
    (("SQLITE_CANTOPEN",), "its folder is missing, or this user may not write there"),
    (("SQLITE_IOERR", "SQLITE_PROTOCOL", "SQLITE_NOLFS"), "the disk fails, or is a network disk without file locks"),
    (("SQLITE_NOTADB",), f"not a ledger of tiernas, or {_CHANGED}"),
    (("SQLITE_CORRUPT", "SQLITE_FORMAT"), _CHANGED),
)
"""Fixes for SQLite's errors, by the beginning of their names (https://sqlite.org/rescode.html)."""

_POSTGRESQL = (
    (("53100",), "the disk of the database is full: free some space"),
    (("53300",), "close other connections to the database, or raise its limit"),
    (("53",), "the database server is out of memory"),
    (("28", "42501"), "check the user and the password, or grant that user the privileges"),
    (("55P03", "40"), "another process has locked it: wait until it has finished"),
    (("22", "23", "42", "XX"), _CHANGED),
)
"""The same for PostgreSQL's codes (https://www.postgresql.org/docs/current/errcodes-appendix.html)."""

_AWAY = "start the database, or check the network and the address"


def explain(error: Failure, name: str, done: str, path: Path | None) -> str:
    """One message: which ledger, what the database reports, and how to fix it.

    Args:
        error: The exception.
        name: The ledger's name in messages.
        done: What was tried, such as "read".
        path: The SQLite file; None on PostgreSQL.
    """
    said = " ".join(str(_said(error)).split())
    return f"ledger {name}: cannot be {done} ({said}); {_fix(error, path)}"


def _fix(error: Failure, path: Path | None) -> str:
    if not isinstance(error, DBAPIError | sqlite3.Error):
        return _CHANGED  # a row is missing, or there are two
    if path is None:
        code = getattr(_said(error), "sqlstate", None)
        return _AWAY if code is None else _found(_POSTGRESQL, code) or _AWAY
    name = _sqlite_name(error)
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return f"another process has locked it{_named(path)}: wait until it has finished, or end it; nothing is lost"
    return _found(_SQLITE, name) or _CHANGED


def _said(error: Failure) -> Any:
    """The driver's error."""
    return error.orig if isinstance(error, DBAPIError) else error


def _found(fixes: tuple[tuple[tuple[str, ...], str], ...], name: str) -> str | None:
    return next((fix for beginnings, fix in fixes if name.startswith(beginnings)), None)


def _sqlite_name(error: Failure) -> str:
    return getattr(_said(error), "sqlite_errorname", None) or ""


def _named(path: Path) -> str:
    """Other processes of this user that have the file open."""
    file, found = str(path.resolve()), []
    for process in psutil.process_iter(["pid", "name"]):
        try:
            if process.pid != os.getpid() and any(held.path == file for held in process.open_files()):
                found.append(f"{process.pid}, {process.info['name']}")
        except psutil.Error:
            continue
    return f" (open in process {'; '.join(found)})" if found else ""
