from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path

import pytest
from tests.minimal import write_minimal

from tiernas.config import load_config
from tiernas.errors import NothingFoundError
from tiernas.ledger import Ledger
from tiernas.networks import Network, build
from tiernas.report import write_report
from tiernas.report.report import own_entries
from tiernas.table import Entry, ModelTable
from tiernas.testing.entries import SPACE, VECTOR, entry


def add_entry(table: ModelTable, made: Entry) -> None:
    built = build(SPACE.decode(VECTOR), 3)
    assert isinstance(built, Network)
    table.add(made, built)


def test_before_any_training_ends_there_is_nothing_to_draw(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    config = load_config(write_minimal(tmp_path, f'[table]\npath = "{tmp_path}/models"\n'))
    with Ledger(config.ledger) as ledger:
        study = ledger.open_study("0.2-0.4", {})
        candidate = ledger.propose(study, VECTOR, SPACE.decode(VECTOR).digest, 0.3)
    with warnings.catch_warnings(action="error"):
        with pytest.raises(NothingFoundError, match="nothing to draw yet"):
            write_report(config)
        assert not list((tmp_path / "run").glob("*.png"))
        with Ledger(config.ledger) as ledger:
            ledger.start(candidate, "host:1")
            ledger.finish(candidate, 0.9, {})
        assert all(file.exists() for file in write_report(config).files)
        other_edges = load_config(tmp_path / "mine.toml", ["tiers.edges=[0.5, 0.6]"])
        report = write_report(other_edges)  # the tiers of the ledger are drawn
        assert all(file.exists() for file in report.files)
        assert report.page is None  # there is no model table yet
    add_entry(ModelTable(config.table.path), entry("own"))
    assert write_report(config).page == config.study.output / "table.html"
    assert "own" in (config.study.output / "table.html").read_text("utf-8")


def test_limits_are_told_above_the_plots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run").mkdir()
    config = load_config(write_minimal(tmp_path, f'[table]\npath = "{tmp_path}/models"\n'), ["limits.macs=9000000"])
    with Ledger(config.ledger) as ledger:
        candidate = ledger.propose(ledger.open_study("0.2-0.4", {}), VECTOR, SPACE.decode(VECTOR).digest, 0.3)
        ledger.start(candidate, "host:1")
        ledger.finish(candidate, 0.9, {})
    titles: list[str] = []
    monkeypatch.setattr("tiernas.report.report.plot_front", lambda *words: titles.append(words[3]))
    assert write_report(config).plots
    assert titles == ["mine: openvino fp32, batch 1, 1 thread\nat most 9,000,000 multiply-accumulates"]


def test_entries_of_other_searches_in_the_same_table_are_left_out(tmp_path: Path) -> None:
    config = load_config(write_minimal(tmp_path, f'[table]\npath = "{tmp_path}/models"\n'))
    table = ModelTable(config.table.path)
    own = dataclasses.replace(entry("own"), study="mine, tier 0.2-0.4 ms")
    for name, change in {
        "own": {},
        "another": {"study": "mine too, tier 0.2-0.4 ms"},
        "int8": {"precision": "int8"},
        "photos": {"data": "photos"},
        "threads": {"threads": 2},
    }.items():
        add_entry(table, dataclasses.replace(own, name=name, **change))  # type: ignore[arg-type]
    digest = SPACE.decode(VECTOR).digest
    assert [e.name for e in own_entries(config, table.entries(), {digest})] == ["own"]
    assert own_entries(config, table.entries(), {"of another network"}) == []
