"""A search does not run on a table that is wrong."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from tests.cli.conftest import CommandLine
from tests.minimal import write_minimal

from tiernas.config import SearchConfig, load_config
from tiernas.engines import get_engine
from tiernas.errors import StoppedError, UsageError
from tiernas.job.latency_table import built_table, given_table, require_same_classes, require_usable
from tiernas.latency import LatencyTable, Record
from tiernas.latency.estimating import table_file
from tiernas.ledger import Ledger
from tiernas.testing.latency import SPACE, measurement, records, shaken

TINY = """
[tiers]
edges = {edges}
pool = 1024
[search]
trainings = 1
[finalists]
per_tier = 0
epochs = 3
[workers]
count = 1
[table]
path = "models"
"""


def write_table(path: Path, measured: Sequence[Record]) -> Path:
    """A table of this device with these networks."""
    table_file.create(path, table_file.new_header(SPACE, 10, 0, get_engine("openvino").fingerprint()))
    for record in measured:
        table_file.append(path, record)
    return path


def configured(folder: Path, latency: str = "networks = 10") -> SearchConfig:
    return load_config(write_minimal(folder, f"[latency]\n{latency}\n"))


def never() -> bool:
    return False


def test_a_table_that_is_wrong_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = write_table(tmp_path / "mine.jsonl", shaken(records(24), 0.4))
    config = configured(tmp_path, f'table = "{path}"')
    table = given_table(config, SPACE, get_engine("openvino"))
    assert table is not None
    with pytest.raises(UsageError) as error:
        require_usable(config, table, begun=False)
    told = str(error.value)
    assert told.startswith(f"{path}: This table of 24 networks is not good enough for a search")
    assert re.search(r"\d\d % off on average; .* [0-4] of 10 are in it \(5 are needed\)", told)
    assert "latency.inaccurate = true" in told
    assert f"tiernas latency build --space gpunet-small --engine openvino --precision fp32 --table {path}" in told
    assert "\n" not in told


def test_it_is_used_where_the_user_says_so_or_the_search_has_begun(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_table(tmp_path / "mine.jsonl", shaken(records(24), 0.4))
    table = LatencyTable.load(path)
    for more, begun, why in (
        ("\ninaccurate = true", False, "latency.inaccurate = true"),
        ("", True, "the search has begun with it"),
    ):
        require_usable(configured(tmp_path, f'table = "{path}"{more}'), table, begun=begun)
        assert caplog.records[-1].levelno == logging.WARNING
        assert f"It is used nevertheless: {why}" in caplog.messages[-1]


def test_a_good_table_is_told_in_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_table(tmp_path / "mine.jsonl", records(24))
    caplog.set_level(logging.INFO)
    require_usable(configured(tmp_path, f'table = "{path}"'), LatencyTable.load(path), begun=False)
    assert re.fullmatch(r".*: This table is good for a search: .* on average and in the right .*", caplog.messages[-1])


def test_a_table_of_networks_with_other_classes_is_refused_unless_the_user_accepts_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_table(tmp_path / "mine.jsonl", records(12))  # of 10 classes
    table = LatencyTable.load(path)
    config, accepting = (configured(tmp_path, f'table = "{path}"{more}') for more in ("", "\nother_classes = true"))
    require_same_classes(config, table, 10, begun=False)
    with pytest.raises(UsageError) as error:
        require_same_classes(config, table, 1000, begun=False)
    assert str(error.value).startswith(f"{path}: its networks have 10 classes, and the data 1000 classes, whose ")
    for way in ("Remove latency.table", "tiernas latency build --classes 1000", "latency.other_classes = true"):
        assert way in str(error.value)
    assert not caplog.messages
    for chosen, begun, why in ((accepting, False, "latency.other_classes = true"), (config, True, "has begun with it")):
        require_same_classes(chosen, table, 2, begun=begun)
        assert caplog.records[-1].levelno == logging.WARNING
        assert "10 classes, and the data 2 classes" in caplog.messages[-1]
        assert caplog.messages[-1].endswith(why)


@pytest.mark.parametrize(
    ("address", "way"),
    [
        ("kit", r"Plan another one with tiernas latency plan --classes 2, or use"),
        ("ssh://pi@kitchen", r"build one with tiernas latency build --classes 2 --device ssh://pi@kitchen, or use"),
    ],
)
def test_a_table_of_another_device_with_other_classes_is_made_there(tmp_path: Path, address: str, way: str) -> None:
    path = write_table(tmp_path / "mine.jsonl", records(12))
    config = load_config(write_minimal(tmp_path, f'[latency]\ntable = "{path}"\n'), [f"device.address={address}"])
    with pytest.raises(UsageError, match=way):
        require_same_classes(config, LatencyTable.load(path), 2, begun=False)


def test_a_tier_out_of_reach_is_refused_before_a_table_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tiernas.job.reachable.measure_architecture", lambda *_: measurement(5.0))
    config = configured(tmp_path)  # its tiers end at 0.8 ms
    with pytest.raises(UsageError, match="no network is as fast as tier"):
        built_table(config, SPACE, get_engine("openvino"), 10, stop=never, grow=False)
    assert not config.latency_table_path.exists()


@pytest.mark.slow
def test_a_table_of_its_own_grows_while_it_is_not_good_enough_but_only_so_far(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config, engine = configured(tmp_path, "networks = 10"), get_engine("openvino")
    path = write_table(config.latency_table_path, shaken(records(19), 0.6))
    kept = built_table(config, SPACE, engine, 10, stop=never, grow=False)
    assert len(kept.records) == 19
    caplog.set_level(logging.INFO)
    grown = built_table(config, SPACE, engine, 10, stop=never, grow=True)  # measures one network, for real
    assert len(grown.records) == len(LatencyTable.load(path).records) == 20
    assert any("continuing to measure, 20 of at most 20 networks" in message for message in caplog.messages)
    size = path.stat().st_size
    assert len(built_table(config, SPACE, engine, 10, stop=never, grow=True).records) == 20
    assert path.stat().st_size == size


def test_a_good_table_of_its_own_does_not_grow(tmp_path: Path) -> None:
    config = configured(tmp_path, "networks = 16")
    path = write_table(config.latency_table_path, records(16))
    size = path.stat().st_size
    assert len(built_table(config, SPACE, get_engine("openvino"), 10, stop=never, grow=True).records) == 16
    assert path.stat().st_size == size


@pytest.mark.slow
def test_a_stop_while_it_measures_on_says_what_is_kept(tmp_path: Path) -> None:
    config = configured(tmp_path, "networks = 10")
    write_table(config.latency_table_path, shaken(records(18), 0.6))
    with pytest.raises(StoppedError, match="stopped; 19 of 20 networks are measured"):
        built_table(config, SPACE, get_engine("openvino"), 10, stop=lambda: True, grow=True)


@pytest.mark.slow
def test_a_search_on_a_wrong_table_trains_nothing(tmp_path: Path) -> None:
    path = write_table(tmp_path / "wrong.jsonl", shaken(records(24), 0.4))
    write_tiny(tmp_path, path)
    err = CommandLine(tmp_path).run("search", "mine.toml", "--set", f"latency.table='{path}'", exit_code=2)
    assert "wrong.jsonl: This table of 24 networks is not good enough" in err.splitlines()[-1]
    assert trained(tmp_path) == 0


@pytest.mark.slow
def test_a_search_on_a_good_table_runs(tmp_path: Path) -> None:
    path = write_table(tmp_path / "good.jsonl", records(24))
    write_tiny(tmp_path, path)
    told = stderr(tmp_path, "--set", f"latency.table='{path}'")
    assert "This table is good for a search" in told
    assert "narrower" not in told
    assert trained(tmp_path) == 1


@pytest.mark.slow
def test_a_search_that_has_begun_goes_on_with_its_table_as_it_is(tmp_path: Path) -> None:
    path = write_table(tmp_path / "run" / "latency-table.jsonl", shaken(records(12), 0.6))
    write_tiny(tmp_path, path)
    before, few = path.read_bytes(), ("--set", "latency.networks=12")
    told = stderr(tmp_path, *few, "--set", "latency.inaccurate=true")
    assert "It is used nevertheless: latency.inaccurate = true" in told
    assert "% wide, narrower than the latency table can resolve" in told
    assert (trained(tmp_path), path.read_bytes()) == (1, before)
    assert "the search has begun with it" in stderr(tmp_path, *few, "--set", "search.trainings=2")
    assert (trained(tmp_path), path.read_bytes()) == (2, before)


def write_tiny(folder: Path, table: Path) -> None:
    """A search of one training, in a tier that is 30 % wide."""
    low_ms = float(np.quantile(LatencyTable.load(table).estimate(SPACE.sample(1024, 0)), 0.05))
    text = write_minimal(folder).read_text()
    head = text[: text.index("[tiers]")].replace("epochs = 3", "epochs = 1")
    head = head.replace('kind = "digits"', 'kind = "digits"\ntrain_limit = 100')
    (folder / "mine.toml").write_text(head + TINY.format(edges=[low_ms, 1.3 * low_ms]))


def stderr(folder: Path, *words: str) -> str:
    """What a search says while it runs to its end."""
    process = CommandLine(folder).start("search", "mine.toml", *words)
    _, err = process.communicate(timeout=280)
    assert process.returncode == 0, err
    return err


def trained(folder: Path) -> int:
    """Attempts at trainings in the ledger."""
    with Ledger(folder / "run" / "ledger.sqlite") as ledger:
        return sum(len(c.attempts) for study in ledger.studies() for c in ledger.candidates(study))
