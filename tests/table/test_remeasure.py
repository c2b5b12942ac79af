"""Entries are measured again by a real engine, and only their latency changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tiernas.cli.commands import app
from tiernas.doctor.tiny_network import write_tiny_network
from tiernas.engines import CompiledNetwork, Engine, InTurn, Measurement, TurnRule, get_engine, graph_digest
from tiernas.errors import NothingFoundError, UsageError
from tiernas.latency.measuring.ladder import Ladder, Rung
from tiernas.latency.measuring.subject import find_subject
from tiernas.remeasuring import remeasure_table
from tiernas.table import Entry, ModelTable
from tiernas.table.adding import Collection, StatedNetwork, add_stated
from tiernas.table.remeasure import Remeasured, remeasure, with_latest_latency
from tiernas.testing.entries import SPACE, VECTOR, entry

OTHERS = (replace(entry("elsewhere"), network="timm:resnet18"), replace(entry("of-torch"), network="x", engine="gone"))
"""Of another device, and of an engine that does not exist here; neither is kept in the table."""


def small_ladder(engine: Engine) -> Ladder:
    return Ladder([Rung((), SPACE.decode(VECTOR).resized(32), 3, 1.0)], engine)


@pytest.fixture
def table(tmp_path: Path) -> ModelTable:
    """One ONNX file that was added here, whose interval stayed wide, and entries from elsewhere."""
    write_tiny_network(tmp_path / "tiny.onnx")
    stated = StatedNetwork(network=str(tmp_path / "tiny.onnx"), accuracy=0.97, data="parts", source="own test")
    table = ModelTable(tmp_path / "table")
    (added,) = add_stated(table, Collection("mine", [stated]), get_engine("onnxruntime"), limit_s=0.05).entries
    table.update(replace(added, latency_ms=777.0, latency_interval_ms=(1.0, 999.0), latency_unstable=True))
    for each in OTHERS:
        table.add_named(each)
    return table


def again(table: ModelTable, ladder: Callable[[Engine], Ladder] = small_ladder) -> Remeasured:
    return remeasure(table, table.entries(), limit_s=0.05, ladder=ladder)


class RestlessLadder(Ladder):
    """Every interval stays wide."""

    def measure(self, network: CompiledNetwork, rule: TurnRule | None = None, number: int | None = None) -> Measurement:
        return replace(super().measure(network, rule, number), unstable=True)


def of_here(table: ModelTable) -> Entry:
    return next(entry for entry in table.entries() if entry.network == "tiny.onnx")


def test_only_the_latency_changes_and_the_old_one_is_kept(table: ModelTable) -> None:
    before = of_here(table)
    found = again(table)
    after = of_here(table)
    assert (found.entries, found.unsettled, found.failed, found.elsewhere) == ([after], [], {}, 2)
    assert 0 < after.latency_ms < 100
    assert after.latency_in_turn is not None
    assert before.latency_in_turn is not None
    assert after.latency_in_turn.anchor != before.latency_in_turn.anchor, "it was its own anchor before"
    (earlier,) = after.earlier_latencies
    assert (earlier.latency_ms, earlier.measured_at) == (777.0, before.latency_in_turn.measured_at)
    changed = {key for key in before.to_dict() if getattr(before, key, None) != getattr(after, key, None)}
    assert changed <= {*(k for k in before.to_dict() if k.startswith("latency")), "earlier_latencies", "provenance"}
    assert (after.name, after.digest) == (before.name, before.digest)
    assert Entry.from_json(after.to_json()) == after
    assert {e.name: e for e in table.entries()}.items() >= {e.name: e for e in OTHERS}.items()
    assert table.onnx_path(after).exists()


def test_a_narrow_interval_is_not_replaced_by_a_wide_one(table: ModelTable) -> None:
    settled = replace(of_here(table), latency_unstable=False)
    table.update(settled)
    found = again(table, lambda engine: RestlessLadder(small_ladder(engine).rungs, engine))
    assert (found.entries, found.unsettled) == ([], [settled])
    assert of_here(table) == settled


@pytest.mark.parametrize(("key", "value"), [("engine_version", "0.1"), ("device", "another CPU"), ("threads", 10**6)])
def test_what_was_measured_under_other_conditions_is_left_alone(table: ModelTable, key: str, value: Any) -> None:
    there = of_here(table)
    other = replace(there, **{key: value})
    (table.path / there.name / "entry.json").write_text(other.to_json())
    found = again(table)
    assert (found.entries, found.failed, found.elsewhere) == ([], {}, 3)
    assert of_here(table) == other


def test_a_damaged_file_is_told_and_its_entry_stays(table: ModelTable) -> None:
    there = of_here(table)
    (table.artefact_path(there) / "network.onnx").write_bytes(b"")
    found = again(table)
    assert "is damaged or was changed" in found.failed[there.name]
    assert of_here(table) == there


def test_a_network_that_is_not_kept_must_still_be_the_same_one(table: ModelTable, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(SPACE.decode(VECTOR).resized(32).to_json())
    with find_subject(str(file)).onnx_file(1) as path:
        graph = graph_digest(path)
    added = replace(
        of_here(table), name="mine", network=str(file), architecture_digest=graph, resolution=32, classes=()
    )
    table.add_named(added)
    found = remeasure(table, [table.get(added.name)], limit_s=0.05, ladder=small_ladder)
    assert [e.name for e in found.entries] == [added.name]
    file.write_text(SPACE.decode(SPACE.sample(3, seed=1)[2]).resized(32).to_json())
    found = remeasure(table, [table.get(added.name)], limit_s=0.05, ladder=small_ladder)
    assert "is another network now" in found.failed[added.name]


def test_a_search_keeps_what_was_measured_since(table: ModelTable) -> None:
    before = of_here(table)
    again(table)
    known = of_here(table)
    assert with_latest_latency(before, known) == known
    assert before.latency_in_turn is not None
    later = replace(before, latency_in_turn=replace(before.latency_in_turn, measured_at="9999-01-01T00:00:00+00:00"))
    assert with_latest_latency(later, known) == later
    assert isinstance(known.latency_in_turn, InTurn)
    newer_engine = replace(before, engine_version="99.0")
    assert with_latest_latency(newer_engine, known) == newer_engine


def test_an_entry_that_was_removed_does_not_come_back(table: ModelTable) -> None:
    there = of_here(table)
    for file in sorted((table.path / there.name).rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    with pytest.raises(UsageError, match="was removed meanwhile"):
        table.update(there)
    assert not list((table.path / there.name).iterdir())


def test_the_command(table: ModelTable) -> None:
    name = of_here(table).name
    call = ["remeasure", str(table.path), "--entry", name, "--seconds", "0.05"]
    found = CliRunner().invoke(app, [*call, "--json"])
    assert found.exit_code == 0, found.output
    told = json.loads(found.stdout)
    assert [e["name"] for e in told["remeasured"]] == [name]
    assert len(told["remeasured"][0]["earlier_latencies"]) == 1
    shown = CliRunner().invoke(app, ["remeasure", str(table.path), "--entry", "elsewhere"])
    assert "0 measured again; 1 left alone: of another device, engine, or version of it" in shown.stdout
    with pytest.raises(NothingFoundError, match=r"no entry 'nothing' to measure; there are: .*elsewhere"):
        remeasure_table(table, ["nothing"], 1.0)
    refused = CliRunner().invoke(app, [*call, "--set", "study.seed=1"])
    assert isinstance(refused.exception, UsageError)
    assert "is a model table" in str(refused.exception)
