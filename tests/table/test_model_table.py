from __future__ import annotations

import dataclasses
import json
import re
import resource
from pathlib import Path

import pytest
import torch

from tiernas.errors import NothingFoundError, UsageError
from tiernas.networks import Network, build
from tiernas.storage import write_tensors
from tiernas.table import ModelTable, Query
from tiernas.testing.entries import SPACE, VECTOR, entry


def network() -> Network:
    built = build(SPACE.decode(VECTOR), 3)
    assert isinstance(built, Network)
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


def test_an_empty_table_says_so(tmp_path: Path) -> None:
    with pytest.raises(NothingFoundError, match="has no entries"):
        ModelTable(tmp_path).query(Query())


def test_a_table_that_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path, message in [("nowhere", "there is no such folder"), ("file", "cannot be read")]:
        for ask in (ModelTable.entries, lambda table: table.query(Query()), lambda table: table.get("a")):
            with pytest.raises(UsageError, match=message):
                ask(ModelTable(tmp_path / path))


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


def test_files_that_an_editor_gave_a_byte_order_mark_are_read(table: ModelTable) -> None:
    for name in ("entry.json", "architecture.json"):
        file = table.path / "fast" / name
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert table.network(table.get("fast")).architecture == network().architecture


def test_an_entry_of_another_resolution_than_its_network_is_refused(table: ModelTable) -> None:
    file = table.path / "fast" / "entry.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"resolution": 10**9}))
    with pytest.raises(UsageError, match=r"fast/architecture\.json is not the network of entry\.json"):
        table.network(table.get("fast"))


def test_damaged_weights_are_named(table: ModelTable) -> None:
    weights = table.weights_path(table.get("fast"))
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(UsageError, match=r"weights\.safetensors is missing or damaged"):
        table.network(table.get("fast"))


def spoil(folder: Path, how: str) -> None:
    file = folder / "entry.json"
    data = json.loads(file.read_text())
    match how:
        case "no entry":
            file.unlink()
        case "no weights":
            (folder / "weights.safetensors").unlink()
        case "no architecture":
            (folder / "architecture.json").unlink()
        case "not UTF-8":
            file.write_bytes(b'{"name": "\xff"}')
        case "renamed":
            folder.rename(folder.with_name("quick"))
        case "newer":
            file.write_text(json.dumps(data | {"format": 99}))
        case "no key":
            del data["latency_ms"]
            file.write_text(json.dumps(data))
        case "no JSON":
            file.write_text("{")
        case "a link to nowhere":
            file.unlink()
            file.symlink_to("nowhere")
        case "outside":
            file.write_text(json.dumps(data | {"name": "../../outside"}))


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("no entry", "entry.json missing"),
        ("no weights", "weights.safetensors missing"),
        ("no architecture", "architecture.json missing"),
        ("a link to nowhere", "entry.json missing"),
        ("not UTF-8", "entry.json: not UTF-8"),
        ("renamed", "entry.json names it 'fast': rename the folder back"),
        ("newer", "entry.json: format 99"),
        ("no key", "entry.json: key latency_ms is missing"),
        ("no JSON", "entry.json: not JSON"),
        ("outside", "entry.json: name '../../outside': must be letters"),
    ],
)
def test_one_bad_entry_is_told_and_passed_over(
    table: ModelTable, how: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    spoil(table.path / "fast", how)
    name = "quick" if how == "renamed" else "fast"
    assert [e.name for e in table.entries()] == ["middle", "slow"]
    assert f"skipped {name}: {reason}" in caplog.text
    assert table.query(Query()).name == "middle"
    with pytest.raises(UsageError, match=re.escape(f"{name}: {reason}")):
        table.get(name)


def test_what_never_was_an_entry_is_left_alone(table: ModelTable, caplog: pytest.LogCaptureFixture) -> None:
    (table.path / "notes").mkdir()
    (table.path / ".new-1").mkdir()
    (table.path / "notes.txt").write_text("mine")
    assert len(table.entries()) == 3
    assert caplog.text == ""


def test_weights_and_architecture_must_be_those_of_the_entry(table: ModelTable) -> None:
    fast, middle = table.get("fast"), table.path / "middle"
    other = SPACE.decode(SPACE.sample(2)[1])
    (middle / "architecture.json").write_text(other.to_json())
    with pytest.raises(UsageError, match=r"middle/architecture\.json is not the network of entry\.json"):
        table.network(table.get("middle"))
    write_tensors(table.weights_path(fast), build(other, 3).state_dict(), {})
    with pytest.raises(UsageError, match=r"fast/weights\.safetensors is not the network of entry\.json"):
        table.network(fast)


def test_another_entry_of_the_same_name_is_not_replaced(table: ModelTable) -> None:
    for change in ({"device": "V100"}, {"precision": "int8"}, {"data_digest": "1" * 16}, {"seed": 1}):
        with pytest.raises(UsageError, match="fast exists already"):
            table.add(dataclasses.replace(entry("fast"), **change), network())
    assert table.get("fast").latency_ms == 0.2


def test_a_damaged_entry_is_written_anew(table: ModelTable) -> None:
    spoil(table.path / "fast", "not UTF-8")
    table.add(entry("fast", 0.3), network())
    assert table.get("fast").latency_ms == 0.3


def test_an_entry_whose_weights_are_damaged_is_not_whole(tmp_path: Path) -> None:
    table, artefact = ModelTable(tmp_path / "table"), tmp_path / "artefact"
    artefact.mkdir()
    table.add(entry(), network(), artefact)
    assert table.is_whole(entry())
    content = bytearray(table.weights_path(entry()).read_bytes())
    content[-1] ^= 1
    table.weights_path(entry()).write_bytes(content)
    assert not table.is_whole(entry())
    table.add(entry(), network(), artefact)
    assert table.is_whole(entry())
    table.add(entry(), network())
    assert not table.is_whole(entry())
