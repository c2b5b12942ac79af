"""The location of a ledger: an SQLite file or a PostgreSQL database."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from tiernas.errors import UsageError

_HOW = "give a path, sqlite:///PATH or postgresql://USER@HOST:PORT/DATABASE"

_POSTGRESQL = ("postgresql", "postgres", "postgresql+psycopg")
"""URL schemes that PostgreSQL's own library accepts, and SQLAlchemy's name of the driver used."""

_URL = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]+:|[A-Za-z][A-Za-z0-9+.-]*//|.*://|.*:.*@|(.*\s)?(host|dbname|password)=", re.DOTALL
)
"""Text meant as a URL, or as PostgreSQL's alternative to one, even if mistyped; `C:` is a drive."""

_KIND = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")


def is_meant_as_url(text: str) -> bool:
    """Whether a text is, or was meant as, a database URL, so that it may contain a password."""
    return _URL.match(text) is not None


@dataclass(frozen=True, slots=True)
class Location:
    """The location of a ledger.

    Attributes:
        name: Its name in messages: the path, or the URL without password and options.
        path: The SQLite file; None on PostgreSQL.
        url: For SQLAlchemy; may contain a password, so it is never shown.
    """

    name: str
    path: Path | None
    url: URL = field(repr=False)

    @classmethod
    def of(cls, location: Path | str) -> Location:
        """Parses a path or URL without connecting.

        Args:
            location: A path, `sqlite:///PATH`, or `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`. The password may be
                omitted in favor of PostgreSQL's own `PGPASSWORD` or `~/.pgpass`.

        Raises:
            UsageError: It is a URL of another kind, or cannot be parsed. The message shows only its scheme, because the
                part that is wrong may be the password.
        """
        if isinstance(location, Path) or not is_meant_as_url(location):
            return cls._of_file(Path(location))
        kind, separator, rest = location.partition("://")
        if kind == "sqlite":
            if len(rest) < 2 or not rest.startswith("/"):
                raise UsageError(f"ledger sqlite://...: no path; {_HOW}")
            return cls._of_file(Path(rest[1:]))
        if kind in _POSTGRESQL and separator:
            return cls._of_postgresql(rest)
        shown = f"{kind}://..." if separator and _KIND.fullmatch(kind) else "..."
        raise UsageError(
            f"ledger {shown}: neither SQLite nor PostgreSQL; {_HOW}. Write a file name with a colon as ./NAME."
        )

    @classmethod
    def _of_file(cls, path: Path) -> Location:
        return cls(name=str(path), path=path, url=URL.create("sqlite", database=str(path)))

    @classmethod
    def _of_postgresql(cls, rest: str) -> Location:
        try:
            url = make_url(f"postgresql+psycopg://{rest}")
        except (ArgumentError, ValueError):
            url = URL.create("postgresql+psycopg", host="@")
        if "@" in f"{url.host}{url.database}":
            raise UsageError(
                f"ledger postgresql://...: cannot be parsed as a URL; {_HOW}. In a password, write @ as %40, / as %2F "
                "and % as %25."
            )
        if isinstance(password := url.query.get("password"), str):
            url = url.set(password=password).difference_update_query(["password"])
        shown = {key: url.query[key] for key in ("host", "port") if key in url.query}
        name = URL.create("postgresql", url.username, None, url.host, url.port, url.database, shown)
        return cls(name=name.render_as_string(), path=None, url=url)
