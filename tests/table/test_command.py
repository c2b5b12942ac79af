"""Commands that are suggested must work: they are parsed as a shell would."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiernas.table import Entry, Query, export_command, measure_command, next_command, query_command
from tiernas.table.query import answers
from tiernas.testing.entries import entry


def asked(command: str) -> tuple[Query, str | None]:
    words = shlex.split(command)
    assert words[:3] == ["tiernas", "table", "query"]
    options = dict(zip(words[3::2], words[4::2], strict=True))
    table = options.pop("--table", None)
    values = {key.removeprefix("--").replace("-", "_"): value for key, value in options.items()}
    numbers = {key: float(values.pop(key)) for key in ("max_latency_ms",) if key in values}
    counts = {key: int(values.pop(key)) for key in ("batch", "threads") if key in values}
    return Query(**numbers, **counts, **values), table  # type: ignore[arg-type]


ROWS = st.lists(
    st.tuples(st.floats(1e-3, 99), st.sampled_from(["EPYC", "EPYC 2", "a'b c"]), st.sampled_from([1, 8])), min_size=1
)


@given(ROWS)
def test_a_suggested_query_finds_something(rows: list[tuple[float, str, int]]) -> None:
    entries: list[Entry] = [
        dataclasses.replace(entry(f"e{i}", ms, device=device), batch=batch)
        for i, (ms, device, batch) in enumerate(rows)
    ]
    for one in entries:
        query, _ = asked(query_command(Path("models"), one, entries))
        found = answers(query, entries, "table")[0]
        assert (found.device, found.batch) == (one.device, one.batch)


@pytest.mark.parametrize(("path", "told"), [("model-table", None), ("elsewhere/my models", "elsewhere/my models")])
def test_the_table_is_named_where_it_is_elsewhere(path: str, told: str | None) -> None:
    assert asked(query_command(Path(path), entry(), [entry()]))[1] == told
    words = shlex.split(export_command(Path(path), entry()))
    assert words[:4] == ["tiernas", "table", "export", "a"]
    assert ("--table" in words) == (told is not None)


def test_a_network_that_is_not_in_the_table_is_measured_again() -> None:
    added = dataclasses.replace(entry(), network="timm:resnet18.a1_in1k", source="a paper", batch=8)
    words = shlex.split(measure_command(added))
    assert words[:4] == ["tiernas", "latency", "measure", "timm:resnet18.a1_in1k"]
    options = dict(zip(words[4::2], words[5::2], strict=True))
    assert options == {
        "--resolution": str(added.resolution),
        "--engine": "openvino",
        "--precision": "fp32",
        "--batch": "8",
        "--threads": "1",
    }
    assert next_command(Path("models"), added) == measure_command(added)
    assert next_command(Path("models"), entry()) == export_command(Path("models"), entry())
