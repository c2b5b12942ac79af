"""Screen, repeats and reuse with real trainings, through the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.conftest import CommandLine, write_tiny

from tiernas.ledger import Ledger, Outcome, Purpose, State

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

LEARNING = [
    ("train_limit = 100", "train_limit = 1000"),  # of networks that guess all are equal, and none is pruned
    ("epochs = 2", "epochs = 3"),
]
CHEAP = [
    *LEARNING,
    ("pool = 1024", "pool = 1024\n[search.screen]\nepochs = [1, 2]\nkeep = 0.5\naudit = 4"),
    ("trainings = 4\npending = 1", 'trainings = 8\norder = "asynchronous"'),
    ("TWO_TIERS", "ONE_TIER"),
    ("repeats = 0", "repeats = 1\nrepeat_best = 8"),
]


@pytest.fixture(scope="module")
def screened(tmp_path_factory: pytest.TempPathFactory, latency_table: Path) -> CommandLine:
    """A folder in which a search with a screen and repeats has been done."""
    folder = tmp_path_factory.mktemp("screened")
    write_tiny(folder, latency_table, changes=CHEAP)
    command_line = CommandLine(folder)
    command_line.run("search", "tiny.toml")
    return command_line


def test_poor_networks_are_trained_for_a_part_of_their_epochs(screened: CommandLine) -> None:
    with Ledger(screened.folder / "run" / "ledger.sqlite") as ledger:
        (study,) = ledger.studies()
        candidates = ledger.candidates(study)
    assert sorted(c.ended_order for c in candidates if c.ended_order is not None) == list(range(8))
    assert {c.state for c in candidates} == {State.DONE, State.PRUNED}
    for c in candidates:
        rungs = c.rungs or []
        kept = all(r["kept"] for r in rungs)
        assert (c.state is State.DONE) == (kept or c.index % 4 == 3)
        assert c.attempts[-1].epochs == (3 if c.state is State.DONE else rungs[-1]["epochs"])
        assert {a.outcome for a in c.attempts} <= {Outcome.PAUSED, Outcome.DONE}
        folder = screened.folder / "run" / "checkpoints" / study.name / "search" / f"{c.index:05d}"
        assert folder.exists() == (c.state is State.DONE)


def test_status_shows_what_the_screen_saved_and_how_far_it_can_be_relied_on(screened: CommandLine) -> None:
    status = screened.json("status", "tiny.toml")
    (tier,) = status["tiers"]
    assert tier["done"] + tier["pruned"] == 8
    assert tier["repeats_done"] == tier["repeats"] == tier["done"]
    assert [rung["epochs"] for rung in tier["screen"]["rungs"]] == [1, 2]
    assert [rung["pairs"] for rung in tier["screen"]["rungs"]] == [tier["done"]] * 2
    assert tier["screen"]["epochs_spent"] < tier["screen"]["epochs_without"] == 24
    shown = screened.run("status", "tiny.toml")
    assert f"{tier['screen']['epochs_spent']} epochs trained instead of 24" in shown
    assert "Kendall's tau" in shown


def test_the_best_are_repeated_with_another_seed(screened: CommandLine) -> None:
    with Ledger(screened.folder / "run" / "ledger.sqlite") as ledger:
        (study,) = ledger.studies()
        done = {c.digest: c for c in ledger.candidates(study) if c.state is State.DONE}
        repeats = {c.digest: c for c in ledger.candidates(study, Purpose.REPEAT)}
        finalists = ledger.candidates(study, Purpose.FINAL)
    assert repeats.keys() == done.keys()
    for digest, repeat in repeats.items():
        assert repeat.result is not None
        assert (repeat.result["seed"], repeat.result["epochs"]) == (1, 3)
        assert done[digest].repeated == {
            "accuracy": repeat.accuracy,
            "standard_error": None,
            "seeds": 1,
            "rank_accuracy": pytest.approx(((done[digest].accuracy or 0) + (repeat.accuracy or 0)) / 2),
        }
    for entry, finalist in zip(screened.json("table", "list", "--table", "models"), finalists, strict=True):
        assert (entry["repeats"], entry["repeats_accuracy"]) == (1, repeats[finalist.digest].accuracy)


def test_another_search_knows_all_of_it_and_trains_none_of_it_again(
    screened: CommandLine, tmp_path: Path, latency_table: Path
) -> None:
    first = screened.folder / "run"
    with Ledger(first / "ledger.sqlite") as ledger:
        trained = {c.digest: c for c in ledger.candidates(ledger.studies()[0]) if c.state is State.DONE}
    *_, slow_ms, slowest_ms = sorted(c.estimated_latency_ms for c in trained.values())
    limit_ms = (slow_ms + slowest_ms) / 2  # the tier is without the slowest of them, however fast the machine is
    more = [
        ("trainings = 4\npending = 1", f'trainings = 1\nreuse = ["{first}"]'),
        ("TWO_TIERS", f"[0.01, {limit_ms!r}]"),
    ]
    write_tiny(tmp_path, latency_table, changes=[*more, *LEARNING])
    command_line = CommandLine(tmp_path)
    message = command_line.run("search", "tiny.toml", "--set", "recipe.epochs=2", exit_code=2)
    assert "recipe.epochs is 3 there and 2 here" in message.splitlines()[-1]
    entries = command_line.json("search", "tiny.toml")["entries"]
    with Ledger(tmp_path / "run" / "ledger.sqlite") as ledger:
        (study,) = ledger.studies()
        *reused, new = ledger.candidates(study)
        history = ledger.candidates(study, Purpose.HISTORY)
    assert {c.digest: c.accuracy for c in (*reused, *history)} == {d: c.accuracy for d, c in trained.items()}
    assert all(c.estimated_latency_ms < limit_ms for c in reused)
    assert all(c.estimated_latency_ms >= limit_ms for c in history)
    assert new.digest not in trained
    assert len(new.attempts) == 1
    assert study.reused == {str(first): len(trained)}
    (tier,) = command_line.json("status", "tiny.toml")["tiers"]
    assert (tier["done"], tier["reused"]) == (1, len(reused))
    for entry in entries:
        origins = {c.digest: c.origin or "" for c in (*reused, new)}
        assert entry["reused_from"] == origins[entry["architecture_digest"]]
    assert command_line.json("search", "tiny.toml")["entries"] == entries
