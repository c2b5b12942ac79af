from __future__ import annotations

import logging
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tiernas.errors import NothingFoundError, UsageError
from tiernas.installing import install_command
from tiernas.ledger import Ledger, Location
from tiernas.testing.postgresql import PostgresqlServer


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("postgresql://ann:s3cret@db:5433/nas", "postgresql://ann@db:5433/nas"),
        ("postgres://ann:s3cret@db/nas?sslmode=require", "postgresql://ann@db/nas"),
        ("postgresql://db/nas?user=ann&password=s3cret", "postgresql://db/nas"),
        ("postgresql:///nas?host=/run/postgresql&password=s3cret", "postgresql:///nas?host=%2Frun%2Fpostgresql"),
    ],
)
def test_a_name_holds_no_password(url: str, name: str) -> None:
    location = Location.of(url)
    assert location.name == name
    assert "s3cret" not in repr(location)


@pytest.mark.parametrize("url", ["postgresql://ann:s3c@ret@db/nas", "postgresql://ann:s3cret"])
def test_a_password_that_is_not_quoted_is_not_shown(url: str) -> None:
    with pytest.raises(UsageError, match="write @ as %40") as caught:
        Location.of(url)
    assert "cret" not in str(caught.value)
    assert "s3" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "postgres:/ann:s3cret@host/db",
        "postgresql//ann:s3cret@host/db",
        "postgresql+foo://ann:s3cret@host/db",
        "postgresql:///ann:s3cret@host/db",
        "postgres:ann:s3cret@host",
        "ann:s3cret@host/db",
        "ann:s3cret@db://nas",
        "sqlite://ann:s3cret@host",
        "host=db password=s3cret",
        "postgresql://host/db?port=x&password=s3cret",
    ],
)
def test_what_was_meant_as_a_url_is_no_path_and_shows_no_password(text: str) -> None:
    with pytest.raises(UsageError, match=r"ledger .*URL|give a path, sqlite:///PATH or postgresql://USER") as caught:
        Ledger(text)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("text", ["ledger.sqlite", "runs/a:b.sqlite", "./a:b.sqlite", "C:/runs/x", "runs/a=1@b.sqlite"])
def test_a_path_is_a_path(text: str) -> None:
    assert Location.of(text).path == Path(text)


def test_urls_of_other_kinds_are_one_message() -> None:
    with pytest.raises(UsageError, match=r"ledger mysql://\.\.\.: neither SQLite nor PostgreSQL; give a") as caught:
        Location.of("mysql://ann:s3cret@db/nas")
    assert "s3cret" not in str(caught.value)
    with pytest.raises(UsageError, match="no path"):
        Location.of("sqlite://")


def test_a_url_of_sqlite_is_its_path(tmp_path: Path) -> None:
    with Ledger(f"sqlite:///{tmp_path}/ledger.sqlite") as ledger:
        assert ledger.path == tmp_path / "ledger.sqlite"
    assert Location.of("sqlite:///ledger.sqlite").path == Path("ledger.sqlite")


def test_a_database_that_is_not_there_is_named(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(UsageError, match=rf"127\.0\.0\.1:{port}/nas: cannot be reached") as caught:
            Ledger(f"postgresql://ann:s3cret@127.0.0.1:{port}/nas")
    assert "s3cret" not in str(caught.value) + str(caught.value.__cause__) + caplog.text


def test_a_wrong_password_is_not_shown(postgresql: PostgresqlServer) -> None:
    with pytest.raises(UsageError, match="password authentication failed") as caught:
        Ledger(f"postgresql://postgres:s3cret@127.0.0.1:{postgresql.port}/postgres")
    assert "s3cret" not in str(caught.value)


def test_a_missing_driver_is_the_command_that_installs_it() -> None:
    program = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from tiernas.ledger import Ledger\n"
        "try: Ledger('postgresql://db/nas')\n"
        "except Exception as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert install_command("postgres") in done.stdout


def test_a_search_that_has_not_begun_is_nothing_found(location: Path | str) -> None:
    with pytest.raises(NothingFoundError, match="the search has not started"):
        Ledger.of_begun_search(location)
    with Ledger(location) as ledger:
        ledger.open_study("0.1-0.2", {})
    with Ledger.of_begun_search(location) as ledger:
        assert [study.name for study in ledger.studies()] == ["0.1-0.2"]


def test_another_search_is_read_and_stays_as_it_is(location: Path | str) -> None:
    with pytest.raises(UsageError, match="no ledger"), Ledger.copy_of(location):
        pass
    with Ledger(location) as ledger:
        ledger.propose(ledger.open_study("0.1-0.2", {}), [1], "digest", 0.15)
        with Ledger.copy_of(location) as copy:
            assert [c.digest for c in copy.candidates(copy.studies()[0])] == ["digest"]


@pytest.mark.parametrize("name", ["../../home", "/etc", "a/b", "..", ".", "", "a\x00b", "a\nb"])
def test_a_name_cannot_lead_out_of_the_folder(ledger: Ledger, name: str) -> None:
    if "\x00" not in name:  # PostgreSQL keeps no such text
        with pytest.raises(UsageError, match="could lead out of the folder"):
            ledger.open_study(name, {})
    assert ledger.studies() == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE studies SET name = '../../../root'",
        "UPDATE candidates SET number = '../../../root'",
        "UPDATE candidates SET state = 'GONE'",
        "UPDATE candidates SET vector = 'no JSON'",
        "UPDATE candidates SET vector = X'80049500'",
    ],
)
def test_a_ledger_that_something_else_changed_is_one_message(tmp_path: Path, change: str) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger:
        ledger.propose(ledger.open_study("0.1-0.2", {}), [1], "digest", 0.15)
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(change)
        with pytest.raises(UsageError, match=r"ledger\.sqlite: "):
            [ledger.candidates(study) for study in ledger.studies()]
