"""`Ledger`: the only truth about a search; everything else is rebuilt from its rows.

Only the server writes it, but for the orders of the user.
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

    Every method is one transaction, but for those called in `together`, so a process killed at any moment leaves whole
    rows.

    Args:
        location: A path or URL (see `Location.of`); made if it is missing or empty, upgraded if an older version
            wrote it.

    Attributes:
        name: What messages call it: the path, or the URL without password.

    Raises:
        UsageError: It is no ledger, a newer version wrote it, or it cannot be reached or written. From every method:
            it cannot be reached or written any more.
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
            raise ValueError(f"ledger {self.name} is no file")
        return self._location.path

    @classmethod
    def of_begun_search(cls, location: Path | str) -> Ledger:
        """The ledger of a search that has begun, for reading what it did and giving orders.

        Raises:
            NothingFoundError: There is none.
            UsageError: As for `Ledger`.
        """
        where = Location.of(location)
        if where.path is not None and not where.path.exists():
            raise NothingFoundError(f"no ledger {where.name}: the search has not begun; start it: tiernas search")
        ledger = cls(location)
        if where.path is None and not ledger.studies():
            ledger.close()
            raise NothingFoundError(f"ledger {where.name}: the search has not begun; start it: tiernas search")
        return ledger

    @classmethod
    @contextmanager
    def copy_of(cls, location: Path | str) -> Iterator[Ledger]:
        """Another search's ledger, for reading; it stays as it is, whoever writes it meanwhile.

        A file is copied; a PostgreSQL database is read where it is.

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
        """The study of a name, made if it is new.

        Args:
            name: Of its tier.
            settings: Everything that its proposals and accuracies depend on.
            defaults: What settings are that an earlier version did not have, and so did not record.

        Raises:
            UsageError: The study is there with other settings (the message names each that differs), or its name
                could lead out of a folder.
        """
        settings = plain_json(settings)  # as they come back
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
                    f"ledger {self.name}: study {name} was begun with other settings: {'; '.join(differing)}. "
                    "Set them back to continue it, or choose another output folder."
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
        """Holds the lease of the server while the context lasts; every write of this object checks that it still does.

        A server that was killed is replaced at once if it ran on this machine, else when its lease has run out. Time
        is told by the clock of PostgreSQL. On SQLite, where another machine wrote the lease, entering waits as long as
        it lasts, and sees whether it is renewed: the clocks of two machines may differ.

        Args:
            server: This process, `Server.here()`.
            lease_s: Seconds that the lease lasts without `Lease.renew`.

        Raises:
            UsageError: Another server holds the lease; the message names it and the seconds that are left.
            LeaseLostError: From everything that writes, in the context: another server has taken over.
        """
        return leased(self._database, server, lease_s)

    def serving(self) -> Serving | None:
        """The server that holds the lease; None after a clean end. One that was killed is not `alive`."""
        return read_serving(self._database)


def _shown(value: object) -> str:
    return "not set" if value is None else repr(value)
