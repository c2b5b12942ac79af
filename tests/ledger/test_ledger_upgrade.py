from __future__ import annotations

import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from tiernas.errors import UsageError
from tiernas.ledger import Ledger, Location, Orders, Purpose, State


def execute(location: Path | str, statement: str) -> None:
    engine = create_engine(Location.of(location).url)
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


def test_a_newer_ledger_is_refused(location: Path | str) -> None:
    Ledger(location).close()
    execute(location, "UPDATE info SET schema_version = 99, tiernas_version = '9.9'")
    with pytest.raises(UsageError, match=r"version 99, written by tiernas 9\.9.*Update tiernas"):
        Ledger(location)


def shape(path: Path) -> dict[str, set[tuple[object, ...]]]:
    """The columns of each table, whatever their order, and what is unique or indexed."""
    with closing(sqlite3.connect(path)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = 'SELECT name, upper(type), "notnull", pk FROM pragma_table_info(?)'
        unique = (
            'SELECT i."unique", group_concat(c.name) FROM pragma_index_list(?) i, pragma_index_info(i.name) c '
            "GROUP BY i.name"
        )
        return {t: {*connection.execute(columns, (t,)), *connection.execute(unique, (t,))} for t in tables}


def test_an_older_ledger_is_upgraded_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((Path(__file__).parent / "version1.sql").read_text())
    with ThreadPoolExecutor(4) as pool:
        ledger, *others = pool.map(lambda _: Ledger(path), range(4))
    for other in others:
        other.close()
    (study,) = ledger.studies()
    candidates = ledger.candidates(study)
    assert [c.state for c in candidates] == [State.FAILED, State.DONE, State.RUNNING, State.PENDING]
    assert [c.ended_order for c in candidates] == [1, 0, None, None]  # the second was done before the first failed
    assert [[a.worker for a in c.attempts] for c in candidates] == [["host:1"], ["host:1"], ["host:1"], []]
    assert (candidates[1].accuracy, candidates[1].result, candidates[1].seed_offset) == (0.9, {"duration_s": 2.0}, 0)
    assert [c.measurement for c in ledger.candidates(study, Purpose.FINAL)] == [{"latency_ms": 0.17}]
    assert ledger.reclaim("the server ended") == 1
    ledger.start(candidates[3], "host:2")
    ledger.finish(candidates[3], 0.8, {})
    assert ledger.candidates(study)[3].ended_order == 2
    ledger.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        made = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'").fetchall())
    Ledger(tmp_path / "new.sqlite").close()
    with closing(sqlite3.connect(tmp_path / "new.sqlite")) as connection:
        new = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'").fetchall())
    assert made.keys() == new.keys()
    assert shape(path) == shape(tmp_path / "new.sqlite")


def test_a_file_of_something_else_is_refused_and_kept(tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE songs (name)")
    text = tmp_path / "text.sqlite"
    text.write_text("no database " * 100)
    with pytest.raises(UsageError, match="a database of another program"):
        Ledger(other)
    with pytest.raises(UsageError, match="not a ledger"):
        Ledger(text)
    assert text.read_text() == "no database " * 100


def test_many_processes_may_open_a_new_ledger_at_once(location: Path | str) -> None:
    with ThreadPoolExecutor(8) as pool:
        ledgers = list(pool.map(lambda _: Ledger(location), range(8)))
    assert all(not ledger.studies() for ledger in ledgers)
    assert ledgers[0].orders() == Orders(paused=False, trainings=None, changed=0)  # one row
    for ledger in ledgers:
        ledger.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_one_message(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match="cannot be opened for writing"):
        Ledger(tmp_path / "ledger.sqlite")
