"""A ledger that is damaged, held or full is one message that tells how to mend it; see `benchmarks/robustness`."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tiernas.errors import NothingFoundError, UsageError
from tiernas.ledger import Ledger, database

HOLDS = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA locking_mode = EXCLUSIVE")
connection.execute("BEGIN EXCLUSIVE")
connection.execute("UPDATE control SET changed = changed")
print("holds", flush=True)
time.sleep(600)
"""


@contextmanager
def held(path: Path) -> Iterator[int]:
    """Another process that writes the ledger and does not end; its number."""
    with subprocess.Popen([sys.executable, "-c", HOLDS, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"holds\n"
        yield process.pid
        process.kill()


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A ledger as a server leaves it that is killed."""
    path = tmp_path_factory.mktemp("pristine") / "ledger.sqlite"
    with Ledger(path) as ledger:
        study = ledger.open_study("0.1-0.2", {"seed": 0})
        candidates = [ledger.propose(study, [number], f"digest{number}", 0.15) for number in range(20)]
        with ledger.together():
            for candidate in candidates:
                ledger.start(candidate, f"host:{candidate.index}")
                ledger.pause(candidate, 1, 0.5, kept=True, prune=False)
                ledger.start(candidate, f"host:{candidate.index}")
                if candidate.index % 3:
                    ledger.finish(candidate, 0.9, {"duration_s": 2.0})
    return path.read_bytes()


@pytest.fixture
def path(tmp_path: Path, pristine: bytes) -> Path:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(pristine)
    return path


def use(path: Path) -> None:
    """Everything that a server and the commands read and write."""
    with Ledger.of_begun_search(path) as ledger:
        ledger.serving(), ledger.orders(), ledger.failures(), ledger.running()
        ledger.pause_study(True)
        for study in ledger.studies():
            ledger.count(study), ledger.best(study)
            ledger.candidates(study)
        ledger.reclaim("the server ended")
    with Ledger.copy_of(path) as copy:
        copy.studies()


def test_a_ledger_that_another_process_holds_is_told_with_that_process(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_BUSY_S", 0.1)
    with Ledger(path) as ledger:
        study = ledger.studies()[0]
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(UsageError, match="another process has locked it") as caught:
                ledger.propose(study, [1], "digest", 0.1)
    assert "free some space" not in str(caught.value)
    with held(path) as process:
        for use_it in (Ledger, Ledger.of_begun_search):
            with pytest.raises(UsageError, match=rf"has locked it \(open in process {process}, python.*wait until it"):
                use_it(path)
        with pytest.raises(UsageError, match="another process has locked it"), Ledger.copy_of(path):
            pass


def test_a_full_disk_is_told_with_what_helps(path: Path) -> None:
    with Ledger(path) as ledger:
        study = ledger.studies()[0]
        with ledger._database._engine.connect() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")  # as full as the file is
        with pytest.raises(UsageError, match=r"full.*free some space"):
            ledger.propose(study, [1] * 10_000, "digest", 0.1)


@pytest.mark.parametrize("seed", range(60))
def test_flipped_bytes_and_cut_files_are_one_message_or_nothing(path: Path, seed: int) -> None:
    rng = random.Random(seed)
    damaged = bytearray(path.read_bytes())
    if rng.random() < 0.3:
        del damaged[rng.randrange(len(damaged)) :]
    for _ in range(rng.choice([1, 10, 1000])):
        if damaged:
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
    path.write_bytes(damaged)
    message = f"{path}"
    try:
        use(path)
    except (UsageError, NothingFoundError) as error:
        message = str(error)
    assert message.count(str(path)) == 1
    assert "\n" not in message


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DROP TABLE attempts", "no such table"),
        ("ALTER TABLE candidates DROP COLUMN rungs", "no such column"),
        ("DELETE FROM control", "No row was found"),
        ("DELETE FROM lease", "No row was found"),
        ("DELETE FROM info", "No row was found"),
        ("UPDATE candidates SET accuracy = 'much' WHERE number = 1", "'much' is not a number"),
        ("UPDATE candidates SET accuracy = NULL WHERE number = 1", "is done, without an accuracy"),
        ("UPDATE candidates SET digest = X'ff00' WHERE number = 1", "is not text"),
        ("UPDATE candidates SET created_at = 'yesterday' WHERE number = 1", "'yesterday' is not a time"),
        ("UPDATE candidates SET vector = 'null' WHERE number = 1", "should be a valid list"),
        ("UPDATE candidates SET vector = '[1.5]' WHERE number = 1", r"JSON\[0\]: .*integer"),
        ("UPDATE candidates SET vector = '" + "[" * 9999 + "' WHERE number = 1", "no JSON"),
        (
            "UPDATE candidates SET rungs = '[{\"epochs\": 1}]' WHERE number = 1",
            r"JSON\[0\]\['accuracy'\]: Field required",
        ),
        ("UPDATE candidates SET repeated = '{\"seeds\": 1}' WHERE number = 1", "rank_accuracy|Field required"),
        ("UPDATE candidates SET result = '{\"duration_s\": []}' WHERE number = 1", "duration_s"),
        ("DELETE FROM attempts WHERE candidate_id = 1", "is running, without a running attempt"),
        ("UPDATE candidates SET number = 99 WHERE number = 1", "no search candidate 2"),
        ("UPDATE attempts SET epochs = 'two' WHERE candidate_id = 1", "'two' is not a whole number"),
        ("UPDATE control SET paused = 'perhaps'", "neither yes nor no"),
        ("UPDATE lease SET token = 'x'", "a lease without an end"),
        ("UPDATE studies SET settings = '[]'", "should be a valid dictionary"),
        ('UPDATE studies SET reused = \'{"x": "y"}\'', "integer"),
    ],
)
def test_what_tiernas_does_not_write_is_one_message(path: Path, statement: str, words: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(statement)
    with pytest.raises(UsageError, match=words) as caught:
        use(path)
    assert str(caught.value).startswith(f"ledger {path}: ")
    assert "\n" not in str(caught.value)


def test_nothing_is_made_of_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(random.Random(0).randbytes(5000))
    with pytest.raises(UsageError, match="not a ledger of tiernas, or it was damaged"):
        Ledger(path)
    assert path.read_bytes() == random.Random(0).randbytes(5000)


def test_a_ledger_without_a_version(tmp_path: Path) -> None:
    Ledger(tmp_path / "ledger.sqlite").close()
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as connection, connection:
        connection.execute("ALTER TABLE info RENAME TO whole")
        connection.execute("CREATE TABLE info AS SELECT * FROM whole")
        connection.execute("UPDATE info SET schema_version = NULL")
    with pytest.raises(UsageError, match=r"it has no version.*damaged"):
        Ledger(tmp_path / "ledger.sqlite")
