"""Real measurements of real networks, as short as they can be; no time is asserted."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from subprocess import PIPE

import numpy as np
import pytest

from tiernas.blocks.rows import IntArray
from tiernas.engines import TurnRule, get_engine
from tiernas.errors import UsageError
from tiernas.latency import (
    LatencyTable,
    Observation,
    Record,
    build_table,
    check_table,
    plot_check,
)
from tiernas.latency.estimating import build as build_module
from tiernas.latency.estimating import table_file
from tiernas.latency.estimating.coverage import networks_of_missing_blocks
from tiernas.latency.estimating.looks import Look
from tiernas.latency.estimating.plan import new_networks
from tiernas.latency.measuring.ladder import rungs_of
from tiernas.spaces import Architecture, ConvNetSpace, StageRange, get_space
from tiernas.testing.latency import HEADER, SPACE, in_turn, records, records_in_turn

STAGE = StageRange(filters=(8, 16, 8), layers=(1, 1), kernel=(3,), expansion=(2, 2))
PARTS = {"resolution": (16,), "stem_filters": (8,), "stem_layers": (1, 2), "head_filters": 16, "num_classes": 3}
QUICK = TurnRule(relative_width=10.0, min_s=0.0, limit_s=0.05)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables of a few networks."""
    monkeypatch.setattr(LatencyTable, "FEWEST", 4)


def ladder_partner(record: Record) -> str:
    """Name of the anchor that a network was measured with."""
    found = record.observation.measurement.in_turn
    assert found is not None
    return found.anchor


@pytest.mark.slow
def test_build_stop_continue_check_and_plot(tmp_path: Path) -> None:
    engine, path = get_engine("openvino"), tmp_path / "table.jsonl"

    def stop(look: Look, _: Record) -> None:
        assert look.wanted == 7
        if look.networks == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_table(SPACE, engine, path, networks=7, rule=QUICK, progress=stop)
    path.write_bytes(path.read_bytes()[:-20])  # and the last line was torn
    first = path.read_bytes().split(b"\n")[:3]
    table = build_table(SPACE, engine, path, networks=7, rule=QUICK)
    assert path.read_bytes().split(b"\n")[:3] == first
    rungs = [rung.vector for rung in rungs_of(SPACE)]
    sobol = [tuple(map(int, row)) for row in SPACE.sample(7 - len(rungs), 0)]
    assert [record.vector for record in table.records] == [*rungs, *sobol]
    names = [record.observation.graph for record in table.records[: len(rungs)]]
    anchors = [ladder_partner(record) for record in table.records[: len(rungs)]]
    assert anchors == [names[1], *names[:-1]]
    assert table.anchors_ms.keys() == set(names)
    np.testing.assert_array_equal(LatencyTable.load(path).estimate(SPACE.sample(9)).shape, (9,))

    size = path.stat().st_size
    again = build_table(SPACE, engine, path, networks=4, rule=QUICK)
    assert len(again.records) == 7
    assert path.stat().st_size == size  # all were measured, and those with a wide interval a second time

    check = check_table(again, engine, networks=3, seed=0, rule=QUICK)
    for network in check.networks:
        found = network.measurement
        assert found.in_turn is not None
        assert found.latency_ms == pytest.approx(found.in_turn.ratio * again.anchors_ms[found.in_turn.anchor])
    keys = check.to_dict()["networks"][0].keys()
    assert {"found_ms", "in_turn"} <= keys
    assert [len(n.layers) for n in check.networks] == [len(SPACE.decode(n.vector).layers) for n in check.networks]
    assert all(sum(c.estimated_ms for c in n.layers) == pytest.approx(n.estimated_ms) for n in check.networks)
    assert not {network.vector for network in check.networks} & {record.vector for record in again.records}
    plot_check(check, again.header, tmp_path / "check.png")
    assert (tmp_path / "check.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(UsageError, match=r"none/check\.png"):
        plot_check(check, again.header, tmp_path / "none" / "check.png")


@pytest.mark.slow
def test_table_of_a_space_of_ones_own(tmp_path: Path) -> None:
    space = ConvNetSpace("mine", stages=(STAGE,) * 6, **PARTS)  # type: ignore[arg-type]
    engine, path = get_engine("openvino"), tmp_path / "mine.jsonl"
    table = build_table(space, engine, path, networks=4, rule=QUICK)
    assert table.space is space
    assert len(build_table(space, engine, path, networks=5, rule=QUICK).records) == 5
    assert LatencyTable.load(path, space).estimate(space.sample(3)).shape == (3,)


class OneNetwork(ConvNetSpace):
    """A space whose every point is the same network."""

    def canonical(self, vectors: IntArray) -> IntArray:
        return np.repeat(vectors[:1], len(vectors), axis=0)


def test_space_with_too_few_networks_is_refused_before_measuring(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    space = OneNetwork("mine", stages=(STAGE,) * 6, **PARTS)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="'mine': 2 different networks among 4; a table needs at least 4"):
        build_table(space, get_engine("openvino"), path, networks=4)
    assert table_file.read(path, space)[1] == []


def test_file_of_other_settings_is_not_continued(tmp_path: Path) -> None:
    engine, path = get_engine("openvino"), tmp_path / "table.jsonl"
    other = replace(engine.fingerprint(), device="another")
    table_file.create(path, table_file.new_header(SPACE, 10, 0, other))
    before = path.read_bytes()
    with pytest.raises(UsageError, match="device is another"):
        build_table(SPACE, engine, path, networks=4)
    assert path.read_bytes() == before


@pytest.mark.parametrize(("options", "message"), [({"networks": 1}, "networks = 1"), ({"minutes": 0.0}, "minutes = 0")])
def test_bad_limits_are_refused(tmp_path: Path, options: dict[str, float], message: str) -> None:
    path = tmp_path / "table.jsonl"
    with pytest.raises(UsageError, match=message):
        build_table(SPACE, get_engine("openvino"), path, **options)  # type: ignore[arg-type]
    assert not path.exists()


def test_networks_whose_interval_is_wide_are_measured_once_more_with_the_same_rung(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second and the seventh network have a wide interval at first; the seventh keeps it."""
    rungs = [rung.architecture for rung in rungs_of(SPACE)]
    asked: list[tuple[Architecture, int | None]] = []

    def profile_fake(architecture: Architecture, *_: object, rung: int | None) -> Observation:
        asked.append((architecture, rung))
        number = list(dict(asked)).index(architecture)
        wide = number == 6 or (number == 1 and len(asked) == 2)
        found = in_turn(1.0 + number, 1.0, half_width=0.05 + 0.01 * (number == 1) if wide else 0.01)
        return Observation("0" * 16, found, (1.0,) * len(architecture.layers))

    monkeypatch.setattr(build_module, "profile_architecture", profile_fake)
    said: list[str] = []
    path = tmp_path / "table.jsonl"
    build_table(SPACE, get_engine("openvino"), path, networks=7, progress=lambda look, _: said.append(look.place))
    assert said == [*(f"{number}/7" for number in range(1, 8)), "once more, 1 of 2", "once more, 2 of 2"]
    assert asked[:6] == list(zip(rungs, [1, 0, 1, 2, 3, 4], strict=True))
    assert [rung for _, rung in asked[6:]] == [None, 0, None]
    assert asked[7] == asked[1]
    assert asked[8] == asked[6]
    build_table(SPACE, get_engine("openvino"), path, networks=7)  # twice is enough
    assert len(asked) == 9


def test_a_table_of_an_earlier_version_goes_on_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    engine, path = get_engine("openvino"), tmp_path / "table.jsonl"
    table_file.create(path, table_file.new_header(SPACE, 10, 0, engine.fingerprint()))
    for record in records(4):
        table_file.append(path, record)
    table = build_table(SPACE, engine, path, networks=5, rule=QUICK)
    assert "measured alone, by an earlier version" in caplog.text
    assert [record.observation.measurement.in_turn is None for record in table.records] == [True] * 4 + [False]
    assert table.scale is not None


def test_what_another_device_takes_is_not_put_on_the_scale_of_this_one() -> None:
    engine = get_engine("openvino")
    there = LatencyTable(HEADER, records_in_turn(8))
    here = LatencyTable(replace(HEADER, fingerprint=engine.fingerprint()), there.records)
    name = next(iter(there.anchors_ms))
    with here.ladder(engine) as known, there.ladder(engine) as unknown:
        assert known.known_ms == here.anchors_ms
        assert name not in unknown.known_ms


HOLD = """
import sys
from filelock import FileLock
with FileLock(sys.argv[1]):
    print("held", flush=True)
    input()
"""


def test_two_processes_do_not_build_one_table(tmp_path: Path) -> None:
    path = tmp_path / "table.jsonl"
    with subprocess.Popen([sys.executable, "-c", HOLD, f"{path}.lock"], stdin=PIPE, stdout=PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(UsageError, match="another process is building it"):
            build_table(SPACE, get_engine("openvino"), path, networks=4)
        other.kill()
    assert not path.exists()


FULL_DISK = """
import resource, sys
from pathlib import Path
from tiernas.engines import TurnRule, get_engine
from tiernas.errors import UsageError
from tiernas.latency import LatencyTable, build_table
from tiernas.latency.estimating import table_file
from tiernas.testing.latency import SPACE

LatencyTable.FEWEST = 4
path, append = Path(sys.argv[1]), table_file.append


def append_to_full_disk(path, record):
    # a file of this process may grow no further, as on a disk without space
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 100, resource.RLIM_INFINITY))
    append(path, record)


table_file.append = append_to_full_disk
try:
    build_table(SPACE, get_engine("openvino"), path, networks=4, rule=TurnRule(10.0, 0.0, 0.05))
except UsageError as error:
    sys.exit(str(error))
"""


@pytest.mark.slow
def test_full_disk_while_building_loses_nothing(tmp_path: Path) -> None:
    engine, path = get_engine("openvino"), tmp_path / "table.jsonl"
    table_file.create(path, table_file.new_header(SPACE, 10, 0, engine.fingerprint()))
    for record in records(3):
        table_file.append(path, record)
    whole = path.read_bytes()
    found = subprocess.run([sys.executable, "-c", FULL_DISK, path], capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert "cannot be written" in found.stderr
    assert "Traceback" not in found.stderr
    assert path.read_bytes().startswith(whole)
    assert len(build_table(SPACE, engine, path, networks=4, rule=QUICK).records) == 4
    assert path.read_bytes().startswith(whole)


def test_networks_of_the_blocks_that_the_rungs_lack_are_measured_first() -> None:
    space = get_space("mobile-small")
    separable = tuple(0 if d.name.endswith(".block") else d.values[0] for d in space.dimensions)
    sample = [tuple(row) for row in space.sample(12, 7).tolist()]
    assert networks_of_missing_blocks(space, [separable], 7) == [sample[0], sample[3]]
    new = new_networks(space, [separable], 7, set(), 12)
    assert new == [separable, sample[0], sample[3], sample[1], sample[2], *sample[4:11]]


@pytest.mark.slow
def test_table_of_a_space_that_searches_kinds_of_blocks(tmp_path: Path) -> None:
    space = get_space("mobile-small")
    table = build_table(space, get_engine("openvino"), tmp_path / "table.jsonl", networks=8, rule=QUICK)
    assert (table.estimate(space.sample(500)) > 0).all()
    assert {cost.layer.block for cost in table.slowest_layers(1000)} == {
        "stem", "separable", "irb", "fused_irb", "conv", "head"
    }  # fmt: skip
