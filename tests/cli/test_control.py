"""`tiernas control` and `tiernas export` on a ledger."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.minimal import write_minimal
from typer.testing import CliRunner

from tiernas.cli.commands import app
from tiernas.errors import NothingFoundError, UsageError
from tiernas.ledger import Ledger, Purpose, Server, State
from tiernas.spaces import get_space


class Search:
    """A search without a server: candidate 1 failed, candidate 2 waits."""

    def __init__(self, folder: Path) -> None:
        (folder / "run").mkdir()
        self.file = write_minimal(folder)
        self.ledger = Ledger(folder / "run" / "ledger.sqlite")
        study = self.ledger.open_study("0.2-0.4", {})
        space = get_space("gpunet-small")
        first, _ = [self.ledger.propose(study, x, space.decode(x).digest, 0.3) for x in space.sample(2, seed=0)]
        self.ledger.start(first, "node:1")
        self.ledger.fail(first, "diverged", retry=False)

    def states(self) -> list[State]:
        return [c.state for c in self.ledger.candidates(self.ledger.studies()[0])]

    def command(self, *words: str) -> str:
        group, command, *more = words
        result = CliRunner().invoke(app, [group, command, str(self.file), *more])
        if isinstance(result.exception, Exception):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout

    def json(self, *words: str) -> Any:
        return json.loads(self.command(*words, "--json"))


@pytest.fixture
def search(tmp_path: Path) -> Search:
    return Search(tmp_path)


def test_pause_resume_and_the_number_of_trainings(search: Search) -> None:
    assert search.json("control", "pause") == {"paused": True, "trainings": None, "server": None}
    assert search.ledger.orders().paused
    assert search.json("control", "trainings", "70") == {"paused": True, "trainings": 70, "server": None}
    assert search.json("control", "resume") == {"paused": False, "trainings": 70, "server": None}


def test_requeue_and_drop(search: Search) -> None:
    told = search.command("control", "requeue", "1", "--tier", "0.2-0.4")
    assert told == "candidate 1 of tier 0.2-0.4 ms is requeued; no server is running, the next one will obey\n"
    assert search.states() == [State.PENDING, State.PENDING]
    with search.ledger.serve(Server.here(), 30):
        told = search.command("control", "drop", "2", "--tier", "0.2-0.4", "--reason", "too slow")
    assert told == f"candidate 2 of tier 0.2-0.4 ms is dropped; sent to {Server.here()}\n"
    assert search.states() == [State.PENDING, State.DROPPED]
    assert search.ledger.candidates(search.ledger.studies()[0])[1].reason == "too slow"


def test_all_that_failed_are_requeued_together(search: Search) -> None:
    study = search.ledger.studies()[0]
    final = search.ledger.propose_again(study, search.ledger.candidates(study)[1], Purpose.FINAL)
    search.ledger.start(final, "node:1")
    search.ledger.fail(final, "diverged", retry=False)
    assert search.command("control", "requeue", "--failed", "--for", "final").startswith("1 failed candidate is")
    assert search.states() == [State.FAILED, State.PENDING]
    assert search.command("control", "requeue", "--failed", "--tier", "0.2-0.4").startswith("1 failed candidate")
    assert search.states() == [State.PENDING, State.PENDING]
    assert search.command("control", "requeue", "--failed").startswith("no candidate has failed; no server is running")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("requeue",), "give either the number of a CANDIDATE or --failed"),
        (("requeue", "1", "--failed"), "give either the number of a CANDIDATE or --failed"),
        (("requeue", "1"), "requeue 1: give its tier with --tier TIER"),
        (("requeue", "--failed", "--tier", "1-2"), "tier '1-2': not in the ledger; there are: 0.2-0.4"),
        (("requeue", "2", "--tier", "0.2-0.4"), "is pending; only a failed one can be requeued"),
        (("requeue", "9", "--tier", "0.2-0.4"), "search candidate 9: not in the ledger"),
        (("drop", "1", "--tier", "0.2-0.4"), "is failed; only one that has not ended can be dropped"),
        (("drop", "1", "--tier", "1-2"), "tier '1-2': not in the ledger; there are: 0.2-0.4"),
        (("trainings", "0"), "trainings 0: must be 1 or more"),
    ],
)
def test_what_makes_no_sense_is_refused(search: Search, words: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        search.command("control", *words)


def test_a_search_that_has_not_begun_takes_no_orders(search: Search) -> None:
    with pytest.raises(NothingFoundError, match="has not started"):
        search.command("control", "pause", "--set", "study.output=nowhere")


def test_export_for_optuna(search: Search, tmp_path: Path) -> None:
    file = tmp_path / "optuna.log"
    assert search.json("export", "optuna", str(file)) == {"file": str(file), "studies": {"mine 0.2-0.4 ms": 2}}
    assert f"optuna-dashboard {file}" in search.command("export", "optuna", str(file))


def test_a_finalist_is_named_by_what_it_is_trained_for(search: Search) -> None:
    study = search.ledger.studies()[0]
    search.ledger.propose_again(study, search.ledger.candidates(study)[1], Purpose.FINAL)
    search.command("control", "drop", "1", "--tier", "0.2-0.4", "--for", "final")
    assert [c.state for c in search.ledger.candidates(study, Purpose.FINAL)] == [State.DROPPED]
