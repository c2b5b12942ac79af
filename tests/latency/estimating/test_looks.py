from __future__ import annotations

from dataclasses import replace

from tiernas.latency import Observation, Record
from tiernas.latency.estimating.looks import best_records, to_repeat
from tiernas.testing.latency import in_turn, measurement, records


def test_a_quarter_of_the_networks_is_measured_once_more_at_most() -> None:
    """All are wide, the later the wider."""
    found = [
        (tuple(record.vector), in_turn(1.0, 1.0, half_width=0.05 + 0.01 * i)) for i, record in enumerate(records(8))
    ]
    once = [Record(vector, Observation("0" * 16, whole, (1.0,))) for vector, whole in found]
    assert to_repeat(once) == [found[7][0], found[6][0]]
    assert to_repeat([*once, once[7]]) == [found[6][0]]
    assert to_repeat([*once, once[7], once[6]]) == []


def test_best_of_several_measurements_counts() -> None:
    record = records(1)[0]

    def measured(latency_ms: float, *, unstable: bool) -> Record:
        found = replace(record.observation, measurement=measurement(latency_ms, unstable=unstable))
        return replace(record, observation=found)

    shaky, slow, fast = measured(1.0, unstable=True), measured(3.0, unstable=False), measured(2.0, unstable=False)
    assert best_records([shaky, slow, fast]) == (fast,)


def test_of_several_measurements_in_turn_the_narrowest_counts() -> None:
    record = records(1)[0]
    alone, wide, narrow = (
        replace(record, observation=replace(record.observation, measurement=found))
        for found in (measurement(0.5), in_turn(1.0, 1.0, half_width=0.1), in_turn(2.0, 1.0, half_width=0.01))
    )
    assert best_records([alone, wide, narrow]) == (narrow,)
    assert best_records([narrow, wide, alone]) == (narrow,)
    assert best_records([alone, wide]) == (wide,)
