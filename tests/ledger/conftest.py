"""Ledgers on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tiernas.ledger import Ledger
from tiernas.testing.postgresql import NoPostgresqlError, PostgresqlServer, run_postgresql


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresqlServer]:
    try:
        with run_postgresql() as server:
            yield server
    except NoPostgresqlError as error:
        pytest.skip(str(error))


@pytest.fixture(params=["sqlite", "postgresql"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where a new ledger may be made."""
    if request.param == "sqlite":
        return tmp_path / "ledger.sqlite"
    server: PostgresqlServer = request.getfixturevalue("postgresql")
    return server.empty()


@pytest.fixture
def ledger(location: Path | str) -> Iterator[Ledger]:
    with Ledger(location) as ledger:
        yield ledger
