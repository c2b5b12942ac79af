from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tiernas.errors import UsageError
from tiernas.latency import LatencyTable, file
from tiernas.latency.table import best_records
from tiernas.spaces import get_space
from tiernas.testing.latency import FINGERPRINT, HEADER, SPACE, measurement, records


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A table of 10 networks."""
    path = tmp_path / "folder" / "table.jsonl"
    file.create(path, HEADER)
    for record in records(10):
        file.append(path, record)
    return path


def test_round_trip(path: Path) -> None:
    header, found = file.read(path)
    assert header == HEADER
    assert [record.vector for record in found] == [record.vector for record in records(10)]
    for one, other in zip(found, records(10), strict=True):
        assert one.observation.layer_ms == pytest.approx(other.observation.layer_ms, abs=1e-6)
        assert one.observation.measurement.latency_ms == pytest.approx(
            other.observation.measurement.latency_ms, abs=1e-6
        )


def test_tables_of_before_there_were_loads_are_read(path: Path) -> None:
    header, *lines = map(json.loads, path.read_text().splitlines())
    for line in lines:
        del line["loads"], line["load_cv"], line["other_load"]
    path.write_text("".join(json.dumps(line) + "\n" for line in [header, *lines]))
    assert [record.observation.measurement.loads for record in file.read(path)[1]] == [1] * 10


def test_lines_are_json(path: Path) -> None:
    assert len([json.loads(line) for line in path.read_text().splitlines()]) == 11


@pytest.mark.parametrize("cut", [1, 7, 200])
def test_torn_last_line_is_dropped(path: Path, cut: int) -> None:
    path.write_bytes(path.read_bytes()[:-cut])
    assert len(file.read(path)[1]) == 9
    file.drop_torn_line(path)
    file.append(path, records(10)[9])
    assert file.read(path)[1][9].vector == records(10)[9].vector


def test_damaged_line_is_named(path: Path) -> None:
    lines = path.read_text().splitlines()
    lines[4] = lines[4][:50]
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(UsageError, match="line 5 is damaged"):
        file.read(path)


@pytest.mark.parametrize(
    ("key", "value"), [("layer_ms", None), ("latency_ms", -1.0), ("vector", "no"), ("layer_ms", [])]
)
def test_wrong_value_is_named_by_line(path: Path, key: str, value: object) -> None:
    lines = path.read_text().splitlines()
    lines[2] = json.dumps(json.loads(lines[2]) | {key: value})
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(UsageError, match="line 3 is damaged"):
        file.read(path)


def test_newer_version_is_refused(path: Path) -> None:
    first, rest = path.read_text().split("\n", 1)
    newer = json.loads(first) | {"tiernas_latency_table": file.FORMAT_VERSION + 1, "tiernas": "9.9"}
    path.write_text(json.dumps(newer) + "\n" + rest)
    with pytest.raises(UsageError, match=r"9\.9"):
        file.read(path)


@pytest.mark.parametrize("content", ["", "hello\n", "[1]\n", '{"a": 1}\n', '{"tiernas_latency_table": 1}\n'])
def test_other_files_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "other.jsonl"
    path.write_text(content)
    with pytest.raises(UsageError, match="line 1"):
        file.read(path)


def test_missing_file_tells_the_command(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="tiernas latency build"):
        LatencyTable.load(tmp_path / "none.jsonl")


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        file.create(tmp_path / "file" / "table.jsonl", HEADER)


def test_too_few_networks_are_refused() -> None:
    with pytest.raises(UsageError, match="at least 8"):
        LatencyTable(HEADER, records(7))


def test_vector_outside_the_space_is_refused() -> None:
    measured = records(8)
    measured[3] = replace(measured[3], vector=(7, *measured[3].vector[1:]))
    with pytest.raises(UsageError, match="resolution"):
        LatencyTable(HEADER, measured)


def test_wrong_number_of_layer_times_is_refused() -> None:
    measured = records(8)
    observation = replace(measured[3].observation, layer_ms=(1.0, 2.0))
    measured[3] = replace(measured[3], observation=observation)
    with pytest.raises(UsageError, match="2 layer_ms"):
        LatencyTable(HEADER, measured)


def test_best_of_several_measurements_counts() -> None:
    record = records(1)[0]

    def measured(latency_ms: float, *, unstable: bool) -> file.Record:
        found = replace(record.observation, measurement=measurement(latency_ms, unstable=unstable))
        return replace(record, observation=found)

    shaky, slow, fast = measured(1.0, unstable=True), measured(3.0, unstable=False), measured(2.0, unstable=False)
    assert best_records([shaky, slow, fast]) == (fast,)


def test_other_device_is_refused_unless_asked_for() -> None:
    table = LatencyTable(HEADER, records(8))
    table.require_device(FINGERPRINT)
    other = replace(FINGERPRINT, device="another", flags=())
    with pytest.raises(UsageError, match="--other-device"):
        table.require_device(other)
    table.require_device(other, allow_other=True)


@pytest.mark.parametrize("change", [{"threads": 2}, {"precision": "int8"}, {"engine": "tensorrt"}, {"batch": 8}])
def test_other_settings_are_always_refused(change: dict[str, object]) -> None:
    table = LatencyTable(HEADER, records(8))
    other = replace(FINGERPRINT, **change)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=next(iter(change))):
        table.require_device(other, allow_other=True)


def test_other_space_is_refused() -> None:
    table = LatencyTable(HEADER, records(8))
    table.require_space(SPACE)
    with pytest.raises(UsageError, match="--space gpunet"):
        table.require_space(get_space("gpunet"))
