from __future__ import annotations

import contextlib
import json
import math
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.acme import SPACE as SPACE_CODE
from tests.acme import forget, install_acme

from tiernas.errors import UsageError
from tiernas.latency import LatencyTable, judge_table
from tiernas.latency.estimating import table_file
from tiernas.spaces import ConvNetSpace, StageRange, get_space, referred_space
from tiernas.testing.latency import FINGERPRINT, HEADER, SPACE, records, records_in_turn, wholes

COMMITTED = Path(__file__).parents[3] / "benchmarks/latency/results"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A table of 10 networks."""
    path = tmp_path / "folder" / "table.jsonl"
    table_file.create(path, HEADER)
    for record in records(10):
        table_file.append(path, record)
    return path


def test_round_trip(path: Path) -> None:
    header, found, space = table_file.read(path)
    assert space is SPACE
    assert header == HEADER
    assert [record.vector for record in found] == [record.vector for record in records(10)]
    for one, other in zip(found, records(10), strict=True):
        assert one.observation.layer_ms == pytest.approx(other.observation.layer_ms, abs=1e-6)
        assert one.observation.measurement.latency_ms == pytest.approx(
            other.observation.measurement.latency_ms, abs=1e-6
        )


def test_networks_without_a_profile_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "wholes.jsonl"
    table_file.create(path, HEADER)
    for record in wholes(records(8)):
        table_file.append(path, record)
    assert [record.observation.layer_ms for record in table_file.read(path)[1]] == [()] * 8
    assert LatencyTable.load(path).summary()["networks"] == 8


def test_tables_of_before_there_were_loads_are_read(path: Path) -> None:
    header, *lines = map(json.loads, path.read_text().splitlines())
    for line in lines:
        del line["loads"], line["load_cv"], line["other_load"]
    path.write_text("".join(json.dumps(line) + "\n" for line in [header, *lines]))
    assert [record.observation.measurement.loads for record in table_file.read(path)[1]] == [1] * 10


def test_lines_are_json(path: Path) -> None:
    assert len([json.loads(line) for line in path.read_text().splitlines()]) == 11


@pytest.mark.parametrize("cut", [1, 7, 200])
def test_torn_last_line_is_dropped(path: Path, cut: int) -> None:
    path.write_bytes(path.read_bytes()[:-cut])
    assert len(table_file.read(path)[1]) == 9
    table_file.drop_torn_line(path)
    table_file.append(path, records(10)[9])
    assert table_file.read(path)[1][9].vector == records(10)[9].vector


def test_damaged_line_is_named(path: Path) -> None:
    lines = path.read_text().splitlines()
    lines[4] = lines[4][:50]
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(UsageError, match="line 5 is damaged"):
        table_file.read(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("layer_ms", None),
        ("layer_ms", [0.0]),
        ("layer_ms", [0.1, -0.1]),
        ("layer_ms", ["0.1"]),
        ("layer_ms", [0.1, math.nan]),
        ("layer_ms", [0.1, 0.1]),  # as many as no network has
        ("latency_ms", -1.0),
        ("latency_ms", True),
        ("latency_ms", math.inf),
        ("latency_ms", 10**400),
        ("low_ms", math.nan),
        ("p99_ms", "1"),
        ("cv", -0.1),
        ("runs", 1.5),
        ("loads", 0),
        ("unstable", 0),
        ("device_state", []),
        ("graph", 7),
        ("vector", "no"),
        ("vector", [7, 8]),
        ("vector", [2**70] * 41),
        ("vector", [[32]] * 41),
    ],
)
def test_wrong_value_is_named_by_line_and_key(path: Path, key: str, value: object) -> None:
    change_line(path, 3, {key: value})
    with pytest.raises(UsageError, match=r"table\.jsonl: line 3 is damaged") as error:
        table_file.read(path)
    message = str(error.value)
    assert key in message
    assert "\n" not in message
    assert len(message) < 500


@pytest.mark.parametrize(
    ("key", "value"),
    [("space", 3), ("num_classes", "10"), ("seed", -1), ("tiernas", None), ("fingerprint", []), ("space_digest", 1)],
)
def test_wrong_value_of_the_header_is_named(path: Path, key: str, value: object) -> None:
    change_line(path, 1, {key: value})
    with pytest.raises(UsageError, match=rf"line 1 is damaged \({key}"):
        table_file.read(path)


def test_wrong_value_of_the_fingerprint_is_named(path: Path) -> None:
    change_line(path, 1, {"fingerprint": FINGERPRINT.to_dict() | {"threads": "two"}})
    with pytest.raises(UsageError, match=r"line 1 is damaged \(fingerprint: threads = 'two': must be a whole number"):
        table_file.read(path)


def change_line(path: Path, number: int, changes: dict[str, object]) -> None:
    """Replaces values of a line, counted from 1."""
    lines = path.read_text().splitlines()
    lines[number - 1] = json.dumps(json.loads(lines[number - 1]) | changes)
    path.write_text("\n".join(lines) + "\n")


_JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_is_a_usage_error(path: Path, data: st.DataObject) -> None:
    whole = file_lines()
    number = data.draw(st.integers(0, len(whole) - 1))
    if data.draw(st.booleans()):
        line = json.loads(whole[number])
        line[data.draw(st.sampled_from(sorted(line)))] = data.draw(_JSON_VALUES)
        damaged = json.dumps(line).encode()
    else:
        begin = data.draw(st.integers(0, len(whole[number])))
        end = begin + data.draw(st.integers(0, 40))
        damaged = whole[number][:begin] + data.draw(st.binary(max_size=3)) + whole[number][end:]
    path.write_bytes(b"\n".join([*whole[:number], damaged, *whole[number + 1 :]]) + b"\n")
    with contextlib.suppress(UsageError):
        _, found, _ = table_file.read(path)
        assert len(found) >= 2


@cache
def file_lines() -> list[bytes]:
    """The lines of a table of 3 networks."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.jsonl"
        table_file.create(path, HEADER)
        for record in records(3):
            table_file.append(path, record)
        return path.read_bytes().splitlines()


@pytest.mark.parametrize("name", sorted(path.name for path in COMMITTED.glob("gpunet*fp32.jsonl")))
def test_tables_of_earlier_versions_are_read_and_match(name: str) -> None:
    header, found, space = table_file.read(COMMITTED / name)
    assert header.space_digest is None
    assert space.name == header.space
    assert len(found) >= 47
    here = replace(header.fingerprint, recipe="1", options="a=b", governor="performance")
    assert here.differences(header.fingerprint) == {}


def test_newer_version_is_refused(path: Path) -> None:
    first, rest = path.read_text().split("\n", 1)
    newer = json.loads(first) | {"tiernas_latency_table": table_file.FORMAT_VERSION + 1, "tiernas": "9.9"}
    path.write_text(json.dumps(newer) + "\n" + rest)
    with pytest.raises(UsageError, match=r"9\.9"):
        table_file.read(path)


@pytest.mark.parametrize("content", ["", "hello\n", "[1]\n", '{"a": 1}\n', '{"tiernas_latency_table": 1}\n'])
def test_other_files_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "other.jsonl"
    path.write_text(content)
    with pytest.raises(UsageError, match="line 1"):
        table_file.read(path)


def test_missing_file_tells_the_command(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="tiernas latency build"):
        LatencyTable.load(tmp_path / "none.jsonl")


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        table_file.create(tmp_path / "file" / "table.jsonl", HEADER)


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


def test_measurements_in_turn_are_kept(path: Path) -> None:
    measured = records_in_turn(8)
    for record in measured:
        table_file.append(path, record)
    for one, other in zip(table_file.read(path)[1][10:], measured, strict=True):
        found, expected = one.observation.measurement.in_turn, other.observation.measurement.in_turn
        assert found is not None
        assert expected is not None
        assert (found.anchor, found.pairs, found.measured_at) == (expected.anchor, expected.pairs, expected.measured_at)
        assert found.ratio == pytest.approx(expected.ratio, rel=1e-5)
        assert found.anchor_quiet_ms == pytest.approx(expected.anchor_quiet_ms, abs=1e-6)


@pytest.mark.parametrize(
    ("key", "value"), [("ratio", "2"), ("ratio_low", -1.0), ("anchor", 7), ("anchor_quiet_ms", None), ("pairs", 1.5)]
)
def test_wrong_value_in_turn_is_named_by_line_and_key(path: Path, key: str, value: object) -> None:
    table_file.append(path, records_in_turn(1)[0])
    line = json.loads(path.read_text().splitlines()[-1])
    change_line(path, 12, {"in_turn": line["in_turn"] | {key: value}})
    with pytest.raises(UsageError, match=rf"table\.jsonl: line 12 is damaged \(in_turn: {key} = "):
        table_file.read(path)
    change_line(path, 12, {"in_turn": {k: v for k, v in line["in_turn"].items() if k != key}})
    with pytest.raises(UsageError, match=rf"line 12 is damaged \(in_turn: key '{key}' is missing"):
        table_file.read(path)


def test_other_device_is_refused_unless_asked_for() -> None:
    table = LatencyTable(HEADER, records(8))
    table.require_device(FINGERPRINT)
    other = replace(FINGERPRINT, device="another", flags=())
    with pytest.raises(UsageError, match="--other-device"):
        table.require_device(other)
    with pytest.raises(UsageError, match=r"use it anyway with latency\.other_device = true, or"):
        table.require_device(other, option="latency.other_device = true")
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


def own_space(name: str = "mine", head_filters: int = 64) -> ConvNetSpace:
    """A space that no name leads to."""
    stage = StageRange(filters=(8, 24, 8), layers=(1, 2), kernel=(3, 7))
    return ConvNetSpace(
        name,
        resolution=(16, 40),
        stem_filters=(8, 16),
        stem_layers=(1, 2),
        stages=(stage,) * 6,
        head_filters=head_filters,
        num_classes=5,
    )


def test_a_space_of_a_package(site: Path, tmp_path: Path) -> None:
    install_acme(site)
    path, space = tmp_path / "acme.jsonl", get_space("acme.spaces:SPACE")
    table_file.create(path, table_file.new_header(space, 10, 0, FINGERPRINT))
    for record in records(8, space=space):
        table_file.append(path, record)
    header = json.loads(path.read_text().splitlines()[0])
    assert (header["space"], header["space_reference"]) == ("acme", "acme.spaces:SPACE")
    assert header["space_package"] == "acme 1.0"
    table = LatencyTable.load(path)
    assert table.space is space, "its package offers it by the name that the file records"
    assert "--space acme.spaces:SPACE" in judge_table(table, path).command
    assert table_file.read(path)[0] == table.header

    (site / "acme-1.0.dist-info" / "entry_points.txt").unlink()
    with pytest.raises(UsageError, match=r"your own, 'acme': give it with --space acme\.spaces:SPACE, or LatencyTable"):
        LatencyTable.load(path)
    assert LatencyTable.load(path, referred_space("acme.spaces:SPACE")).space is space
    assert referred_space("acme") is None

    forget("acme")
    install_acme(site, version="1.1", spaces=SPACE_CODE.replace("(16, 32)", "(16, 48)"))
    changed = get_space("acme.spaces:SPACE")
    with pytest.raises(UsageError, match=r"with other values or networks \(of acme 1\.0; this one is of acme 1\.1\)"):
        LatencyTable.load(path, changed)


def test_headers_of_tiernas_spaces_are_written_as_ever(tmp_path: Path) -> None:
    path = tmp_path / "table.jsonl"
    table_file.create(path, table_file.new_header(get_space("gpunet-small"), 10, 0, FINGERPRINT))
    assert not {"space_reference", "space_package"} & set(json.loads(path.read_text()))
    assert "plugin" not in json.loads(path.read_text())["fingerprint"]


@pytest.mark.parametrize("key", ["space_reference", "space_package"])
def test_a_damaged_reference_is_told(tmp_path: Path, key: str) -> None:
    path = tmp_path / "table.jsonl"
    table_file.create(path, HEADER)
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: 7}) + "\n")
    with pytest.raises(UsageError, match=f"line 1 is damaged .{key} = 7: must be a string"):
        table_file.read(path)


def test_a_space_of_ones_own_is_given_along(tmp_path: Path) -> None:
    path, space = tmp_path / "mine.jsonl", own_space()
    table_file.create(path, table_file.new_header(space, 5, 0, FINGERPRINT))
    for record in records(8, space=space):
        table_file.append(path, record)
    table = LatencyTable.load(path, space)
    assert (table.estimate(space.sample(20, seed=5)) > 0).all()
    table.require_space(own_space())
    with pytest.raises(
        UsageError,
        match=r"mine\.jsonl: was built for a space of your own, 'mine': give it with LatencyTable\.load\(path, space\)",
    ):
        LatencyTable.load(path)
    with pytest.raises(UsageError, match=r"mine\.jsonl: .*another space that was also called 'mine'"):
        LatencyTable.load(path, own_space(head_filters=72))
    with pytest.raises(UsageError, match=r"mine\.jsonl: .*built for space 'mine', not 'gpunet-small'"):
        LatencyTable.load(path, SPACE)
