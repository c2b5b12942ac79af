from __future__ import annotations

import dataclasses
import json
import resource
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tiernas.errors import NothingFoundError, UsageError
from tiernas.networks import ConvNet, build
from tiernas.table import Entry, ModelTable, Query
from tiernas.testing.entries import SPACE, VECTOR, entry


def network() -> ConvNet:
    built = build(SPACE.decode(VECTOR), 3)
    assert isinstance(built, ConvNet)
    return built.eval()


@pytest.fixture
def table(tmp_path: Path) -> ModelTable:
    table = ModelTable(tmp_path / "table")
    for name, latency_ms, accuracy in [("fast", 0.2, 0.80), ("middle", 0.5, 0.91), ("slow", 0.9, 0.90)]:
        table.add(entry(name, latency_ms, accuracy), network())
    return table


def test_entries_come_back_as_they_were(table: ModelTable) -> None:
    assert [e.name for e in table.entries()] == ["fast", "middle", "slow"]
    assert table.get("middle") == entry("middle", 0.5, 0.91)


def test_the_network_comes_back_as_it_was(tmp_path: Path) -> None:
    table, built = ModelTable(tmp_path), network()
    table.add(entry("a"), built)
    images = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(table.network(table.get("a"))(images), built(images), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (Query(max_latency_ms=1.0), "middle"),
        (Query(max_latency_ms=0.5), "middle"),
        (Query(max_latency_ms=0.4999), "fast"),
        (Query(max_latency_ms=1.0, device="epyc", engine="openvino", precision="fp32", batch=1), "middle"),
        (Query(), "middle"),
    ],
)
def test_query_gives_the_most_accurate_within_the_budget(table: ModelTable, query: Query, expected: str) -> None:
    assert table.query(query).name == expected


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (Query(max_latency_ms=0.1), r"the nearest, fast, takes 0\.2 ms, more than 0\.1 ms"),
        (Query(min_accuracy=0.95), r"the nearest, middle, has an accuracy of 0\.9100, less than 0\.95"),
        (Query(max_latency_ms=0.3, min_accuracy=0.9), r"the nearest, middle, takes 0\.5 ms"),
        (Query(device="V100"), r"nothing for that device.*AMD EPYC, openvino fp32"),
        (Query(engine="tensorrt"), "nothing for that device"),
    ],
)
def test_query_names_the_nearest_where_nothing_fits(table: ModelTable, query: Query, message: str) -> None:
    with pytest.raises(NothingFoundError, match=message):
        table.query(query)


def test_an_empty_table_says_so(tmp_path: Path) -> None:
    with pytest.raises(NothingFoundError, match="has no entries"):
        ModelTable(tmp_path).query(Query())


@given(st.lists(st.tuples(st.floats(0.1, 9), st.floats(0, 1)), min_size=1, max_size=6), st.floats(0.05, 10))
def test_query_never_misses_the_budget(rows: list[tuple[float, float]], budget: float) -> None:
    class Held(ModelTable):
        def entries(self) -> list[Entry]:
            return [entry(str(i), latency_ms, accuracy) for i, (latency_ms, accuracy) in enumerate(rows)]

    fitting = [accuracy for latency_ms, accuracy in rows if latency_ms <= budget]
    try:
        found = Held(Path("unused")).query(Query(max_latency_ms=budget))
    except NothingFoundError:
        assert not fitting
    else:
        assert found.latency_ms <= budget
        assert found.accuracy == max(fitting)


def test_adding_again_replaces(table: ModelTable) -> None:
    table.add(entry("fast", 0.3, 0.85), network())
    assert table.get("fast").latency_ms == 0.3
    assert sorted(p.name for p in table.path.iterdir()) == ["fast", "middle", "slow"]


def test_a_full_disk_is_one_message_and_leaves_nothing(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))  # no file may become larger
    try:
        with pytest.raises(UsageError, match=r"cannot write .*weights\.safetensors"):
            ModelTable(tmp_path).add(entry("a"), network())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_damaged_weights_are_named(table: ModelTable) -> None:
    weights = table.weights_path(table.get("fast"))
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(UsageError, match=r"weights\.safetensors is missing or damaged"):
        table.network(table.get("fast"))


def test_a_damaged_entry_is_named(table: ModelTable) -> None:
    file = table.path / "fast" / "entry.json"
    data = json.loads(file.read_text())
    file.write_text(json.dumps(data | {"format": 99}))
    with pytest.raises(UsageError, match=r"fast/entry\.json: format 99"):
        table.entries()
    file.write_text("{")
    with pytest.raises(UsageError, match="not JSON"):
        table.entries()
    del data["latency_ms"]
    file.write_text(json.dumps(data))
    with pytest.raises(UsageError, match="latency_ms"):
        table.entries()


@given(st.builds(entry, latency_ms=st.floats(1e-3, 1e3), accuracy=st.floats(0, 1), device=st.text()))
def test_json_round_trip(original: Entry) -> None:
    assert Entry.from_json(original.to_json()) == original


def test_every_field_is_in_the_json() -> None:
    data = json.loads(entry().to_json())
    assert data.keys() == {f.name for f in dataclasses.fields(Entry)} | {"format"}


def test_an_entry_that_is_not_recommended_is_never_the_answer(tmp_path: Path) -> None:
    table = ModelTable(tmp_path)
    model = network()
    slow = dataclasses.replace(
        entry("slow", latency_ms=0.9, accuracy=0.95), recommended=False, advice="int8 is not faster here"
    )
    table.add(slow, model)
    with pytest.raises(NothingFoundError, match="slow, is not recommended: int8 is not faster here"):
        table.query(Query(max_latency_ms=1.0))
    table.add(entry("plain", latency_ms=0.8, accuracy=0.9), model)
    assert table.query(Query(max_latency_ms=1.0)).name == "plain"
