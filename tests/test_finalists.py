"""Finalists are chosen with a real engine, a real ledger and real measurements, short ones."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiernas.engines import Engine, Fingerprint, InTurn, Measurement, get_engine
from tiernas.finalists import TierVerdict, choose_finalists, judge, narrowest
from tiernas.latency import LatencyTable, Record
from tiernas.latency.measuring.ladder import Ladder, rungs_of
from tiernas.ledger import Candidate, Ledger, Purpose, Study
from tiernas.spaces import Architecture, get_space
from tiernas.testing.latency import HEADER, measurement, records, synthetic_table
from tiernas.tier_clock import TierClock
from tiernas.tiers import Tier

TIER = Tier(0.8, 1.0)
SPACE = get_space("gpunet-small")
WIDE, FAR = Tier(0.0, 1e5), Tier(1e5, 1e6)
"""Tiers that any network measures inside, and outside of, on any machine."""


def record(latency_ms: float, *, width: float = 0.01) -> dict[str, Any]:
    """A measurement in turn with an anchor of 1 ms."""
    found = InTurn(
        anchor="0" * 16,
        ratio=latency_ms,
        ratio_low=latency_ms * (1 - width),
        ratio_high=latency_ms * (1 + width),
        ratio_found=latency_ms,
        pairs=100,
        quiet_pairs=90,
        anchor_ms=1.0,
        anchor_low_ms=1.0,
        anchor_high_ms=1.0,
        anchor_found_ms=1.0,
        anchor_quiet_ms=1.0,
        measured_at="2026-01-01T00:00:00+00:00",
    )
    return asdict(
        replace(
            measurement(latency_ms),
            low_ms=found.ratio_low,
            high_ms=found.ratio_high,
            unstable=width > 0.015,
            in_turn=found,
        )
    )


def alone(latency_ms: float) -> dict[str, Any]:
    """A measurement of a version that did not measure in turn."""
    found = asdict(measurement(latency_ms))
    return {key: value for key, value in found.items() if key not in ("in_turn", "found_ms")}


@pytest.mark.parametrize(
    ("records", "verdict"),
    [
        ([], TierVerdict.OPEN),
        ([record(0.9)], TierVerdict.INSIDE),
        ([record(0.9, width=0.1)], TierVerdict.INSIDE),  # wide, but all of it inside
        ([record(1.2)], TierVerdict.OUTSIDE),
        ([record(0.7)], TierVerdict.OUTSIDE),
        ([record(8.5, width=0.5)], TierVerdict.OUTSIDE),  # wide, but all of it outside
        ([record(1.005)], TierVerdict.OPEN),  # its interval begins inside the tier
        ([record(1.0, width=0.0)], TierVerdict.OUTSIDE),  # the upper edge belongs to the next tier
        ([record(0.8, width=0.0)], TierVerdict.INSIDE),
        ([record(0.995)], TierVerdict.OPEN),
        ([record(0.995)] * 3, TierVerdict.INSIDE),
        ([record(1.005)] * 3, TierVerdict.OPEN),
        ([record(1.1, width=0.3), record(0.9)], TierVerdict.INSIDE),  # the narrowest counts
        ([record(0.9, width=0.05), record(1.2)], TierVerdict.OUTSIDE),
    ],
)
def test_verdict(records: Sequence[dict[str, Any]], verdict: TierVerdict) -> None:
    assert judge(records, TIER) is verdict


@given(
    st.lists(st.tuples(st.floats(0.1, 3.0), st.floats(0.0, 0.9)), min_size=1, max_size=5),
    st.floats(0.2, 1.0),
    st.floats(1.01, 3.0),
)
def test_intervals_decide(found: list[tuple[float, float]], low_ms: float, factor: float) -> None:
    tier, records = Tier(low_ms, low_ms * factor), [record(ms, width=width) for ms, width in found]
    told = narrowest(records)
    verdict = judge(records, tier)
    apart = told["high_ms"] < tier.low_ms or told["low_ms"] >= tier.high_ms
    assert (verdict is TierVerdict.OUTSIDE) == apart
    if verdict is TierVerdict.INSIDE:
        assert tier.contains(told["latency_ms"])
    if tier.contains(told["low_ms"]) and tier.contains(told["high_ms"]):
        assert verdict is TierVerdict.INSIDE
    assert judge([{**r, "unstable": not r["unstable"]} for r in records], tier) is verdict


@pytest.fixture
def engine() -> Engine:
    return get_engine("openvino")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        yield ledger


@pytest.fixture
def study(ledger: Ledger) -> Study:
    """Three small networks, the first the most accurate."""
    study = ledger.open_study(WIDE.name, {})
    vectors = SPACE.sample(256)
    smallest = np.argsort([sum(layer.out_shape[0] for layer in a.layers) for a in map(SPACE.decode, vectors)])[:3]
    for vector, accuracy in zip(vectors[smallest], (0.9, 0.8, 0.7), strict=True):
        candidate = ledger.propose(study, vector, SPACE.decode(vector).digest, 0.97)
        ledger.start(candidate, "host:1")
        ledger.finish(candidate, accuracy, {})
    return study


@pytest.fixture(scope="module")
def clock() -> Iterator[TierClock]:
    """One clock for all tests: compiling its anchors takes seconds."""
    with TierClock(synthetic_table, get_engine("openvino"), 0.05) as clock:
        yield clock


def choose(ledger: Ledger, study: Study, clock: TierClock, tier: Tier = WIDE, per_tier: int = 1) -> int:
    return choose_finalists(ledger, study, tier, SPACE, 10, clock, per_tier=per_tier)


def finalists(ledger: Ledger, study: Study) -> list[Candidate]:
    return list(ledger.candidates(study, Purpose.FINAL))


def best(ledger: Ledger, study: Study) -> Candidate:
    return ledger.candidates(study)[0]


@pytest.mark.slow
def test_the_most_accurate_inside_the_tier_are_finalists_and_measured_once(
    ledger: Ledger, study: Study, clock: TierClock, engine: Engine
) -> None:
    assert choose(ledger, study, clock, per_tier=2) == 2
    chosen = finalists(ledger, study)
    assert [f.digest for f in chosen] == [c.digest for c in ledger.candidates(study)[:2]]
    assert [c.measurement is not None for c in ledger.candidates(study)] == [True, True, False]
    assert choose(ledger, study, clock, per_tier=2) == 0
    assert [f.measurement for f in finalists(ledger, study)] == [f.measurement for f in chosen]


def test_a_whole_parent_takes_no_place_and_is_not_trained_twice(ledger: Ledger, study: Study, clock: TierClock) -> None:
    first, second, _ = ledger.candidates(study)
    ledger.propose_again(study, first, Purpose.PARENT)
    assert choose(ledger, study, clock) == 1
    assert [f.digest for f in finalists(ledger, study)] == [second.digest]


@pytest.mark.slow
def test_the_place_of_a_finalist_that_failed_is_taken_by_the_next(
    ledger: Ledger, study: Study, clock: TierClock, engine: Engine
) -> None:
    first, second, _ = ledger.candidates(study)
    assert choose(ledger, study, clock) == 1
    (finalist,) = finalists(ledger, study)
    assert finalist.digest == first.digest
    ledger.start(finalist, "host:1")
    ledger.fail(finalist, "diverged", retry=False)
    assert choose(ledger, study, clock) == 1
    assert [f.digest for f in finalists(ledger, study)] == [first.digest, second.digest]
    assert choose(ledger, study, clock) == 0


def test_what_was_measured_alone_is_measured_in_turn(ledger: Ledger, study: Study, clock: TierClock) -> None:
    before = kept([alone(2e5)], clock.engine)
    ledger.record_measurement(best(ledger, study), before)  # as earlier versions wrote it
    assert choose(ledger, study, clock) == 1
    (finalist,) = finalists(ledger, study)
    assert finalist.digest == best(ledger, study).digest
    assert finalist.measurement is not None
    assert WIDE.contains(finalist.measurement["latency_ms"])
    assert [m["in_turn"] is not None for m in finalist.measurement["measurements"]] == [True]


def test_a_measurement_outside_settles_it(ledger: Ledger, study: Study, clock: TierClock, engine: Engine) -> None:
    outside = kept([record(2e5)], engine)
    ledger.record_measurement(best(ledger, study), outside)
    assert choose(ledger, study, clock) == 1
    assert finalists(ledger, study)[0].digest == ledger.candidates(study)[1].digest
    assert best(ledger, study).measurement == outside


def test_a_measurement_of_before_a_field_of_the_fingerprint_still_counts(
    ledger: Ledger, study: Study, clock: TierClock, engine: Engine
) -> None:
    before = replace(engine.fingerprint(), recipe=None, options=None, quantizer=None, governor=None)
    outside = {**kept([record(2e5)], engine), "fingerprint": before.to_dict()}
    ledger.record_measurement(best(ledger, study), outside)
    assert choose(ledger, study, clock) == 1
    assert finalists(ledger, study)[0].digest == ledger.candidates(study)[1].digest
    assert best(ledger, study).measurement == outside


def test_where_none_is_in_the_tier_none_is_a_finalist(
    ledger: Ledger, study: Study, clock: TierClock, engine: Engine
) -> None:
    for other in ledger.candidates(study)[1:]:
        ledger.record_measurement(other, kept([record(0.9)], engine))
    assert choose(ledger, study, clock, FAR) == 0
    assert finalists(ledger, study) == []
    measured = best(ledger, study).measurement
    assert measured is not None
    assert len(measured["measurements"]) == 1
    assert judge(measured["measurements"], FAR) is TierVerdict.OUTSIDE


@pytest.mark.slow
def test_an_open_question_gives_its_place_to_the_next_and_is_asked_once_more_when_the_search_is_continued(
    ledger: Ledger, study: Study, clock: TierClock, engine: Engine
) -> None:
    near = [record(1.0001e5, width=0.001)] * 3  # narrower than what is measured here
    ledger.record_measurement(best(ledger, study), kept(near, engine))
    assert choose(ledger, study, clock) == 1
    assert finalists(ledger, study)[0].digest == ledger.candidates(study)[1].digest
    measured = best(ledger, study).measurement
    assert measured is not None
    assert measured["measurements"][:3] == near
    assert len(measured["measurements"]) == 4


class LateClock(TierClock):
    """Every measurement is far less precise than the earlier ones, and outside `TIER`."""

    def measure_architecture(self, architecture: Architecture, num_classes: int, tier: Tier | None) -> Measurement:
        return Measurement.from_dict(record(1.05, width=0.1))


def test_the_measurement_that_decides_is_the_one_that_is_shown(
    ledger: Ledger, study: Study, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    ledger.record_measurement(best(ledger, study), kept([record(0.992)] * 2, engine))
    caplog.set_level(logging.INFO, "tiernas.finalists")
    with LateClock(synthetic_table, engine, 0.05) as clock:
        assert choose(ledger, study, clock, TIER) == 1
    assert "takes 0.992 ms (0.9821 to 1.002; estimated 0.97): inside the tier, a finalist" in caplog.text


class FixedClock(TierClock):
    """Every measurement is the same."""

    found: dict[str, Any]

    def measure_architecture(self, architecture: Architecture, num_classes: int, tier: Tier | None) -> Measurement:
        return Measurement.from_dict(self.found)


def test_nothing_is_lost_by_measuring_on_a_busy_machine(ledger: Ledger, study: Study, engine: Engine) -> None:
    with FixedClock(synthetic_table, engine, 0.05) as clock:
        clock.found = record(1.02, width=0.4)  # it did not settle, and may be on either side of the edge
        assert choose(ledger, study, clock, TIER) == 0
        assert all(c.measurement and c.measurement["unstable"] for c in ledger.candidates(study))
        clock.found = record(0.9)
        assert choose(ledger, study, clock, TIER) == 1
        (finalist,) = finalists(ledger, study)
        assert finalist.digest == best(ledger, study).digest
        clock.found = record(1.02, width=0.4)
        assert choose(ledger, study, clock, TIER) == 0
        assert [f.measurement for f in finalists(ledger, study)] == [finalist.measurement]


@pytest.mark.slow
def test_networks_of_a_tier_share_an_anchor_and_those_of_another_one_have_another(
    ledger: Ledger, study: Study, clock: TierClock
) -> None:
    choose(ledger, study, clock, per_tier=2)
    anchors = {f.measurement["in_turn"]["anchor"] for f in finalists(ledger, study) if f.measurement}
    assert len(anchors) == 1
    table = synthetic_table()
    rungs_ms = table.estimate([rung.vector for rung in rungs_of(SPACE)])
    for number, rung_ms in enumerate(rungs_ms):
        assert clock.rung(Tier(0.9 * rung_ms, 1.1 * rung_ms)) == number


@pytest.mark.slow
def test_latencies_are_on_the_scale_of_the_table(ledger: Ledger, study: Study, engine: Engine) -> None:
    rungs = rungs_of(SPACE, HEADER.num_classes)
    with Ladder(rungs, engine) as ladder:
        name = ladder.anchor(len(rungs) - 1).name
    here = replace(HEADER, fingerprint=engine.fingerprint())

    def load() -> LatencyTable:
        return LatencyTable(here, [with_anchor(found, name, 7.0) for found in records(16)])

    scale = load().anchors_ms
    assert scale.keys() == {name}
    with TierClock(load, engine, 0.05) as clock:
        choose(ledger, study, clock)
    (finalist,) = finalists(ledger, study)
    assert finalist.measurement is not None
    in_turn = finalist.measurement["in_turn"]
    assert (in_turn["anchor"], in_turn["anchor_ms"]) == (name, scale[name])
    assert finalist.measurement["latency_ms"] == pytest.approx(in_turn["ratio"] * scale[name])


def with_anchor(found: Record, anchor: str, anchor_ms: float) -> Record:
    """A record measured in turn with an anchor."""
    latency_ms = found.observation.measurement.latency_ms
    in_turn = Measurement.from_dict(record(latency_ms / anchor_ms)).in_turn
    assert in_turn is not None
    in_turn = replace(in_turn, anchor=anchor, anchor_ms=anchor_ms, anchor_quiet_ms=anchor_ms)
    measured = replace(found.observation.measurement, in_turn=in_turn)
    return replace(found, observation=replace(found.observation, measurement=measured))


def kept(measured: Sequence[dict[str, Any]], engine: Engine) -> dict[str, Any]:
    """What the ledger keeps of measurements."""
    return {**measured[0], "measurements": list(measured), "fingerprint": engine.fingerprint().to_dict()}


def older(engine: Engine) -> dict[str, Any]:
    return replace(engine.fingerprint(), engine_version="2021.4").to_dict()


def test_what_an_older_engine_measured_is_measured_again(
    ledger: Ledger, study: Study, clock: TierClock, engine: Engine
) -> None:
    ledger.record_measurement(best(ledger, study), {**kept([record(2e5)], engine), "fingerprint": older(engine)})
    assert choose(ledger, study, clock) == 1
    (finalist,) = finalists(ledger, study)
    assert finalist.digest == best(ledger, study).digest
    assert finalist.measurement is not None
    assert Fingerprint.from_dict(finalist.measurement["fingerprint"]) == engine.fingerprint()
    assert 2e5 not in [m["latency_ms"] for m in finalist.measurement["measurements"]]


@pytest.mark.slow
def test_a_finalist_is_measured_and_tried_again_with_another_engine_version(
    ledger: Ledger, study: Study, clock: TierClock, engine: Engine
) -> None:
    choose(ledger, study, clock)
    (finalist,) = finalists(ledger, study)
    deployed = {**record(0.9), "fingerprint": older(engine), "deployment": {"accuracy": 0.9}}
    ledger.record_measurement(finalist, deployed)
    assert choose(ledger, study, clock) == 0
    (finalist,) = finalists(ledger, study)
    assert finalist.measurement is not None
    assert Fingerprint.from_dict(finalist.measurement["fingerprint"]) == engine.fingerprint()
    assert "deployment" not in finalist.measurement
