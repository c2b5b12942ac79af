"""Finalists are chosen with a real engine, a real ledger and real measurements, short ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tiernas.engines import Engine, Fingerprint, get_engine
from tiernas.finalists import Verdict, choose_finalists, judge, typical
from tiernas.ledger import Candidate, Ledger, Purpose, Study
from tiernas.spaces import get_space
from tiernas.testing.latency import measurement
from tiernas.tiers import Tier

TIER = Tier(0.8, 1.0)
SPACE = get_space("gpunet-small")
WIDE, FAR = Tier(0.0, 1e5), Tier(1e5, 1e6)
"""Tiers that any network measures inside, and outside of, on any machine."""


def record(latency_ms: float, *, width: float = 0.01, unstable: bool = False) -> dict[str, Any]:
    found = measurement(latency_ms, unstable=unstable)
    return asdict(replace(found, low_ms=latency_ms * (1 - width), high_ms=latency_ms * (1 + width)))


@pytest.mark.parametrize(
    ("records", "verdict"),
    [
        ([], Verdict.OPEN),
        ([record(0.9)], Verdict.INSIDE),
        ([record(0.8)], Verdict.INSIDE),
        ([record(0.9, unstable=True)], Verdict.INSIDE),
        ([record(1.2)], Verdict.OUTSIDE),
        ([record(0.7)], Verdict.OUTSIDE),
        ([record(1.005)], Verdict.OPEN),  # its interval begins inside the tier
        ([record(1.0, width=0.0)], Verdict.OUTSIDE),  # the upper edge belongs to the next tier
        ([record(8.5, unstable=True)], Verdict.OPEN),  # beside other load
        ([record(8.5, unstable=True), record(0.97, unstable=True)], Verdict.INSIDE),
        ([record(8.5, unstable=True), record(0.97)], Verdict.INSIDE),
        ([record(0.9, unstable=True), record(1.2)], Verdict.OUTSIDE),  # the stable one counts
        ([record(8.5, unstable=True), record(7.1, unstable=True)], Verdict.OPEN),
        ([record(8.5, unstable=True), record(7.1, unstable=True), record(6.0, unstable=True)], Verdict.OUTSIDE),
        ([record(8.5, unstable=True), record(0.97, unstable=True), record(6.0, unstable=True)], Verdict.OUTSIDE),
        ([record(1.005), record(0.995), record(1.006)], Verdict.OUTSIDE),
    ],
)
def test_verdict(records: Sequence[dict[str, Any]], verdict: Verdict) -> None:
    assert judge(records, TIER) is verdict


def test_typical_is_the_median_of_the_stable_ones() -> None:
    assert typical([record(3.0), record(1.0), record(2.0)])["latency_ms"] == 2.0
    assert typical([record(3.0), record(1.0)])["latency_ms"] == 1.0
    assert typical([record(0.5, unstable=True), record(2.0)])["latency_ms"] == 2.0


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
    smallest = np.argsort([sum(layer.out_channels for layer in a.layers) for a in map(SPACE.decode, vectors)])[:3]
    for vector, accuracy in zip(vectors[smallest], (0.9, 0.8, 0.7), strict=True):
        candidate = ledger.propose(study, vector, SPACE.decode(vector).digest, 0.97)
        ledger.start(candidate, "host:1")
        ledger.finish(candidate, accuracy, {})
    return study


def choose(ledger: Ledger, study: Study, engine: Engine, tier: Tier = WIDE, per_tier: int = 1) -> int:
    return choose_finalists(ledger, study, tier, SPACE, 10, engine, per_tier=per_tier, limit_s=0.05)


def finalists(ledger: Ledger, study: Study) -> list[Candidate]:
    return list(ledger.candidates(study, Purpose.FINAL))


def best(ledger: Ledger, study: Study) -> Candidate:
    return ledger.candidates(study)[0]


def test_the_most_accurate_inside_the_tier_are_finalists_and_measured_once(
    ledger: Ledger, study: Study, engine: Engine
) -> None:
    assert choose(ledger, study, engine, per_tier=2) == 2
    chosen = finalists(ledger, study)
    assert [f.digest for f in chosen] == [c.digest for c in ledger.candidates(study)[:2]]
    assert [c.measurement is not None for c in ledger.candidates(study)] == [True, True, False]
    assert choose(ledger, study, engine, per_tier=2) == 0
    assert [f.measurement for f in finalists(ledger, study)] == [f.measurement for f in chosen]


def test_the_place_of_a_finalist_that_failed_is_taken_by_the_next(ledger: Ledger, study: Study, engine: Engine) -> None:
    first, second, _ = ledger.candidates(study)
    assert choose(ledger, study, engine) == 1
    (finalist,) = finalists(ledger, study)
    assert finalist.digest == first.digest
    ledger.start(finalist, "host:1")
    ledger.fail(finalist, "diverged", retry=False)
    assert choose(ledger, study, engine) == 1
    assert [f.digest for f in finalists(ledger, study)] == [first.digest, second.digest]
    assert choose(ledger, study, engine) == 0


def test_one_unstable_measurement_throws_nothing_out(ledger: Ledger, study: Study, engine: Engine) -> None:
    elsewhere = {**record(2e5, unstable=True), "fingerprint": engine.fingerprint().to_dict()}
    ledger.record_measurement(best(ledger, study), elsewhere)  # as earlier versions wrote it
    assert choose(ledger, study, engine) == 1
    (finalist,) = finalists(ledger, study)
    assert finalist.digest == best(ledger, study).digest
    assert finalist.measurement is not None
    assert WIDE.contains(finalist.measurement["latency_ms"])
    assert finalist.measurement["measurements"][0]["latency_ms"] == 2e5


def test_a_stable_measurement_outside_settles_it(ledger: Ledger, study: Study, engine: Engine) -> None:
    outside = {**record(2e5), "fingerprint": engine.fingerprint().to_dict()}
    ledger.record_measurement(best(ledger, study), outside)
    assert choose(ledger, study, engine) == 1
    assert finalists(ledger, study)[0].digest == ledger.candidates(study)[1].digest
    assert best(ledger, study).measurement == outside


def test_a_measurement_of_before_a_field_of_the_fingerprint_still_counts(
    ledger: Ledger, study: Study, engine: Engine
) -> None:
    before = replace(engine.fingerprint(), recipe=None, options=None, quantizer=None, governor=None)
    outside = {**record(2e5), "fingerprint": before.to_dict()}
    ledger.record_measurement(best(ledger, study), outside)
    assert choose(ledger, study, engine) == 1
    assert finalists(ledger, study)[0].digest == ledger.candidates(study)[1].digest
    assert best(ledger, study).measurement == outside


def test_measurements_that_agree_settle_it(ledger: Ledger, study: Study, engine: Engine) -> None:
    for other in ledger.candidates(study)[1:]:
        ledger.record_measurement(other, {**record(0.9), "fingerprint": engine.fingerprint().to_dict()})
    assert choose(ledger, study, engine, FAR) == 0
    assert finalists(ledger, study) == []
    measured = best(ledger, study).measurement
    assert measured is not None
    assert 1 <= len(measured["measurements"]) <= 3
    assert judge(measured["measurements"], FAR) is Verdict.OUTSIDE


def test_unstable_measurements_that_agree_are_joined_by_one_more_when_the_search_is_continued(
    ledger: Ledger, study: Study, engine: Engine
) -> None:
    shaky = [record(ms, unstable=True) for ms in (2e5, 3e5, 4e5)]
    kept = {**shaky[1], "measurements": shaky, "fingerprint": engine.fingerprint().to_dict()}
    ledger.record_measurement(best(ledger, study), kept)
    choose(ledger, study, engine)
    measured = best(ledger, study).measurement
    assert measured is not None
    assert measured["measurements"][:3] == shaky
    assert len(measured["measurements"]) == 4


def older(engine: Engine) -> dict[str, Any]:
    return replace(engine.fingerprint(), engine_version="2021.4").to_dict()


def test_what_an_older_engine_measured_is_measured_again(ledger: Ledger, study: Study, engine: Engine) -> None:
    ledger.record_measurement(best(ledger, study), {**record(2e5), "fingerprint": older(engine)})
    assert choose(ledger, study, engine) == 1
    (finalist,) = finalists(ledger, study)
    assert finalist.digest == best(ledger, study).digest
    assert finalist.measurement is not None
    assert Fingerprint.from_dict(finalist.measurement["fingerprint"]) == engine.fingerprint()
    assert 2e5 not in [m["latency_ms"] for m in finalist.measurement["measurements"]]


def test_a_finalist_is_measured_and_tried_again_with_another_engine_version(
    ledger: Ledger, study: Study, engine: Engine
) -> None:
    choose(ledger, study, engine)
    (finalist,) = finalists(ledger, study)
    deployed = {**record(0.9), "fingerprint": older(engine), "deployment": {"accuracy": 0.9}}
    ledger.record_measurement(finalist, deployed)
    assert choose(ledger, study, engine) == 0
    (finalist,) = finalists(ledger, study)
    assert finalist.measurement is not None
    assert Fingerprint.from_dict(finalist.measurement["fingerprint"]) == engine.fingerprint()
    assert "deployment" not in finalist.measurement
