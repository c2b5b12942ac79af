"""Whether tiers can be made of a table, from tables with known noise."""

from __future__ import annotations

import math
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.parents import parent_space

from tiernas.devices.address import KIT
from tiernas.latency import LatencyTable, Record, judge_table
from tiernas.latency.estimating.agreement import chances_inside, near_pairs
from tiernas.latency.estimating.verdict import Share, Verdict
from tiernas.testing.latency import HEADER, records, shaken, times

PATH = Path("mine.jsonl")
RESULTS = Path(__file__).parents[3] / "benchmarks" / "latency" / "results"


def judged(measured: list[Record]) -> Verdict:
    return judge_table(LatencyTable(HEADER, measured), PATH)


def shuffled(measured: list[Record]) -> list[Record]:
    """Every network with what another one took."""
    order = np.random.default_rng(0).permutation(len(measured))
    took_ms = [record.observation.measurement.latency_ms for record in measured]
    return [times(record, took_ms[i] / ms) for record, ms, i in zip(measured, took_ms, order, strict=True)]


def test_chances_inside_by_hand() -> None:
    # a tier from 1 to 2: off by a quarter of its width on a logarithmic scale, by all of it, by more
    estimated_ms, width = np.array([1.0, 2**0.25, 2**-0.25, 2.0, 9.0]), 1.0
    np.testing.assert_allclose(chances_inside(estimated_ms, np.ones(5), width), [1, 0.75, 0.75, 0, 0], atol=1e-12)


def test_chances_inside_are_what_counting_gives() -> None:
    rng = np.random.default_rng(0)
    measured_ms = np.exp(rng.uniform(-2, 2, 200_000))
    estimated_ms = measured_ms * np.exp(0.08 * rng.standard_normal(len(measured_ms)))
    said, are = ((ms >= 1) & (ms < 1.2) for ms in (estimated_ms, measured_ms))
    counted = (said & are).sum() / said.sum()
    assert chances_inside(estimated_ms, measured_ms).mean() == pytest.approx(counted, abs=0.015)


def test_near_pairs_by_hand() -> None:
    # 1.15 and 1.5 are further apart than a tier is wide
    measured_ms, estimated_ms = np.array([1.0, 1.1, 1.15, 3.0, 3.1, 1.5]), np.array([1.0, 1.2, 1.1, 9.0, 9.1, 0.5])
    found = near_pairs(estimated_ms, measured_ms)
    assert (found.pairs, found.networks, found.tau) == (4, 5, (3 - 1) / 4)
    assert math.isnan(near_pairs(np.array([1.0, 2.0]), np.array([1.0, 2.0])).tau)


@pytest.mark.parametrize(("n", "noise"), [(24, 0.0), (24, 0.03), (48, 0.03)])
def test_a_good_table_is_good(n: int, noise: float) -> None:
    verdict = judged(records(n, noise=noise))
    assert (verdict.usable, verdict.sure) == (True, True)
    assert verdict.words.startswith("This table is good for a search: networks it has not seen are estimated within ")
    assert "\n" not in verdict.words


@pytest.mark.parametrize("n", [8, 10, 16])
@pytest.mark.parametrize("bend", [0.0, 0.3])
def test_a_small_table_of_a_quiet_machine_is_usable(n: int, bend: float) -> None:
    verdict = judged(records(n, noise=0.02, bend=bend))
    assert verdict.usable
    if not verdict.sure:
        assert f"but its {n} networks are too few to be sure" in verdict.words


@pytest.mark.parametrize("n", [10, 16, 24, 48])
def test_a_table_measured_beside_a_neighbour_is_not(n: int) -> None:
    verdict = judged(shaken(records(n), 0.4))
    assert not verdict.usable
    assert "not good enough for a search" in verdict.words
    assert f"{verdict.mape:.0f} % off on average" in verdict.words
    assert f"--networks {2 * n}" in verdict.words


@pytest.mark.parametrize("n", [16, 24])
def test_a_table_of_shuffled_latencies_is_not(n: int) -> None:
    assert not judged(shuffled(records(n))).usable


def test_a_few_wild_measurements_do_not_condemn_a_table() -> None:
    measured = records(48)
    measured[::6] = [replace(r, observation=times(r, 3.0).observation) for r in measured[::6]]
    verdict = judged(measured)
    assert verdict.mape > 8
    assert verdict.usable


def test_words() -> None:
    good = Verdict(48, 2.14, Share(0.9, 0.8, 0.95), Share(0.9, 0.8, 0.95), "tiernas latency build")
    assert good.words == (
        "This table is good for a search: networks it has not seen are estimated within 2.1 % on average and in the "
        "right order inside a tier 9 of 10 times."
    )
    assert replace(good, networks=10, inside=Share(0.6, 0.4, 0.8), in_order=None).words == (
        "This table may be good for a search: networks it has not seen are estimated within 2.1 % on average, but its "
        "10 networks are too few to be sure. Measure more with: tiernas latency build"
    )
    assert replace(good, mape=26.4, inside=Share(0.29, 0.2, 0.4), in_order=Share(0.59, 0.5, 0.65)).words == (
        "This table of 48 networks is not good enough for a search: networks it has not seen are estimated 26 % off on "
        "average; of those estimated in a tier 20 % wide 2 of 10 are in it (5 are needed), and the faster of two in it "
        "is identified 5 of 10 times (7 are needed). Measure more, on a quieter machine if possible, with: "
        "tiernas latency build"
    )


def test_limits_decide_by_what_chance_leaves_possible() -> None:
    sure, verdict = Share(0.9, 0.85, 0.95), judged(records(8))
    cases = [
        (Share(0.45, 0.4, 0.49), sure, False, True),
        (Share(0.45, 0.4, 0.51), sure, True, False),
        (Share(0.6, 0.49, 0.7), sure, True, False),
        (Share(0.6, 0.51, 0.7), sure, True, True),
        (sure, Share(0.6, 0.5, 0.69), False, True),
        (sure, Share(0.6, 0.5, 0.71), True, True),
        (sure, None, True, True),
    ]
    for inside, in_order, usable, certain in cases:
        found = replace(verdict, inside=inside, in_order=in_order)
        assert (found.usable, found.sure) == (usable, certain), (inside, in_order)


def test_what_chance_explains_by_hand() -> None:
    # mean 0.6, standard deviation 0.4 / sqrt(3), t of 3 degrees of freedom 2.3534: 2.3534 * 0.23094 / 2 = 0.27175
    mean = Share.of_mean(np.array([0.4, 0.4, 0.8, 0.8]))
    assert (mean.share, mean.low, mean.high) == pytest.approx((0.6, 0.32825, 0.87175), abs=1e-4)
    # z = 1.64485: (0.7 + 0.13528) / 1.27055 = 0.65741, plus or minus 1.64485 * 0.166625 / 1.27055 = 0.21571
    count = Share.of_count(0.7, 10)
    assert (count.share, count.low, count.high) == pytest.approx((0.7, 0.4417, 0.87312), abs=1e-4)


def test_pairs_count_as_as_many_as_different_networks_make() -> None:
    table = LatencyTable(HEADER, records(24))
    near, in_order = near_pairs(table.held_out_ms, table.measured_ms), judge_table(table, PATH).in_order
    assert near.pairs > near.networks // 2
    assert in_order == Share.of_count((1 + near.tau) / 2, near.networks // 2)


def test_the_order_of_a_few_pairs_is_not_told() -> None:
    verdict = judged(records(8))
    assert verdict.in_order is None
    assert "in the right order" not in verdict.words
    assert verdict.to_dict()["in_order"] is None
    many = judged(records(24))
    assert many.in_order is not None
    assert "and in the right order inside a tier" in many.words


def test_the_command_measures_the_same_table_on() -> None:
    fingerprint = replace(HEADER.fingerprint, precision="int8", batch=4, threads=2)
    table = LatencyTable(replace(HEADER, fingerprint=fingerprint, num_classes=7), records(9))
    words = shlex.split(judge_table(table, Path("a folder/t.jsonl")).command)
    assert words[:3] == ["tiernas", "latency", "build"]
    assert dict(zip(words[3::2], words[4::2], strict=True)) == {
        "--space": "gpunet-small",
        "--engine": "openvino",
        "--precision": "int8",
        "--batch": "4",
        "--threads": "2",
        "--classes": "7",
        "--table": "a folder/t.jsonl",
        "--networks": "18",
    }


def test_the_command_measures_on_the_same_device() -> None:
    words = shlex.split(judge_table(LatencyTable(HEADER, records(9)), PATH, "ssh://pi@kitchen").command)
    assert words[words.index("--device") + 1] == "ssh://pi@kitchen"
    words = shlex.split(judge_table(LatencyTable(HEADER, records(9)), PATH, KIT).command)
    assert words[:3] == ["tiernas", "latency", "plan"]
    assert "--device" not in words


def test_the_command_for_a_space_around_a_parent_names_its_file_and_classes() -> None:
    space = parent_space()
    header = replace(HEADER, space=space.name, space_digest=space.digest, num_classes=space.num_classes)
    table = LatencyTable(header, records(9, space=space), space)
    command = judge_table(table, Path("run/t.jsonl")).command
    assert "--space run/space.json " in command
    assert command.endswith(f"--classes {space.num_classes}"), "the file may have another default"


@pytest.mark.parametrize("name", ["gpunet-openvino-fp32", "gpunet-small-openvino-fp32"])
def test_the_committed_tables_are_good(name: str) -> None:
    verdict = judge_table(LatencyTable.load(RESULTS / f"{name}.jsonl"), PATH)
    assert (verdict.usable, verdict.sure) == (True, True)
