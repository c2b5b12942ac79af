"""`Ledger`: the single source of truth about a search; everything else is rebuilt from its rows.

Only the server writes it, except for the user's orders.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import select

from tiernas.errors import NothingFoundError, UsageError
from tiernas.ledger.database import Database, copy_database
from tiernas.ledger.lease import Lease, Server, Serving, leased, read_serving
from tiernas.ledger.location import Location
from tiernas.ledger.models import Study
from tiernas.ledger.orders import Ordered
from tiernas.ledger.proposed import Proposed
from tiernas.ledger.reading import require_safe
from tiernas.ledger.summary import Summarized
from tiernas.ledger.trained import Trained
from tiernas.plain import plain_json


class Ledger(Proposed, Trained, Ordered, Summarized):
    """Studies, candidates and attempts in an SQLite file or a PostgreSQL database.

    Every method is one transaction, except inside `together`, so a process killed at any moment leaves complete rows.

    Args:
        location: A path or URL (see `Location.of`); created if it is missing or empty, upgraded if an older version
            wrote it.

    Attributes:
        name: Its name in messages: the path, or the URL without password.

    Raises:
        UsageError: It is not a ledger, was written by a newer version, or cannot be reached or written. From every
            method: it can no longer be reached or written.
        NotInstalledError: The driver of PostgreSQL is missing.
    """

    def __init__(self, location: Path | str) -> None:
        self._open(Location.of(location), make=True)

    def _open(self, location: Location, *, make: bool) -> None:
        self.name = location.name
        self._location = location
        self._database = Database(location, make=make)

    @property
    def path(self) -> Path:
        """The SQLite file.

        Raises:
            ValueError: It is a PostgreSQL database.
        """
        if self._location.path is None:
            raise ValueError(f"ledger {self.name} is not a file")
        return self._location.path

    @classmethod
    def of_begun_search(cls, location: Path | str) -> Ledger:
        """The ledger of a search that has started, for reading its progress and giving orders.

        Raises:
            NothingFoundError: There is none.
            UsageError: As for `Ledger`.
        """
        where = Location.of(location)
        if where.path is not None and not where.path.exists():
            raise NothingFoundError(f"no ledger {where.name}: the search has not started; start it: tiernas search")
        ledger = cls(location)
        if where.path is None and not ledger.studies():
            ledger.close()
            raise NothingFoundError(f"ledger {where.name}: the search has not started; start it: tiernas search")
        return ledger

    @classmethod
    @contextmanager
    def copy_of(cls, location: Path | str) -> Iterator[Ledger]:
        """Another search's ledger, for reading; it is not changed, even if another process writes it meanwhile.

        A file is copied; a PostgreSQL database is read in place.

        Raises:
            UsageError: There is no such ledger, an older version wrote it to PostgreSQL, or as for `Ledger`.
        """
        where = Location.of(location)
        if where.path is None:
            ledger = cls.__new__(cls)
            ledger._open(where, make=False)
            with ledger:
                yield ledger
            return
        with TemporaryDirectory() as folder:
            copy = Path(folder) / where.path.name
            copy_database(where.path, copy)
            with cls(copy) as ledger:
                yield ledger

    def close(self) -> None:
        """Closes the database."""
        self._database.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open_study(self, name: str, settings: Mapping[str, Any], defaults: Mapping[str, Any] | None = None) -> Study:
        """The study with this name, created if it is new.

        Args:
            name: Name of its tier.
            settings: Everything that its proposals and accuracies depend on.
            defaults: Values of settings that an earlier version did not have and so did not record.

        Raises:
            UsageError: The study exists with other settings (the message names each that differs), or its name could
                lead out of a folder.
        """
        settings = plain_json(settings)  # as they are read back
        with self._database.writing() as session:
            study = session.scalar(select(Study).where(Study.name == name))
            if study is None:
                study = Study(name=name, settings=dict(settings))
                session.add(study)
                session.flush()
            require_safe(study, self.name)
            added_later = {k: v for k, v in plain_json(defaults or {}).items() if k in settings}
            recorded = added_later | study.settings
            differing = [
                f"{key} was {_shown(recorded.get(key))}, is {_shown(settings.get(key))}"
                for key in sorted(recorded.keys() | settings.keys())
                if recorded.get(key) != settings.get(key)
            ]
            if differing:
                raise UsageError(
                    f"ledger {self.name}: study {name} was started with other settings: {'; '.join(differing)}. "
                    "Set them back to resume it, or choose another output folder."
                )
            return study

    def studies(self) -> Sequence[Study]:
        """All studies, oldest first.

        Raises:
            UsageError: The name of one could lead out of the folder of its checkpoints.
        """
        with self._database.reading() as session:
            studies = session.scalars(select(Study).order_by(Study.id)).all()
        for study in studies:
            require_safe(study, self.name)
        return studies

    def serve(self, server: Server, lease_s: float) -> AbstractContextManager[Lease]:
        """Holds the server's lease during the context; every write of this object checks that it is still held.

        A server that was killed is replaced at once if it ran on this machine, else when its lease has expired. Time is
        that of PostgreSQL's clock. On SQLite, if another machine wrote the lease, entering waits for its duration and
        checks whether it is renewed, because the clocks of two machines may differ.

        Args:
            server: This process, `Server.here()`.
            lease_s: Seconds that the lease lasts without `Lease.renew`.

        Raises:
            UsageError: Another server holds the lease; the message names it and the seconds left.
            LeaseLostError: From everything that writes inside the context: another server has taken over.
        """
        return leased(self._database, server, lease_s)

    def serving(self) -> Serving | None:
        """The server that holds the lease; None after a clean end. One that was killed is not `alive`."""
        return read_serving(self._database)


def _shown(value: object) -> str:
    return "not set" if value is None else repr(value)
