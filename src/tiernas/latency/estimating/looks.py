"""Looks at networks: one at each, then a second one at those with wide intervals; of both, the narrower counts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tiernas.engines import Measurement
from tiernas.engines.clock.again import to_measure_again
from tiernas.latency.estimating.coverage import Vector
from tiernas.latency.estimating.scale import log_deviation
from tiernas.latency.estimating.table_file import Record


@dataclass(frozen=True, slots=True)
class Look:
    """One measurement of a network, and its place among the others.

    Attributes:
        vector: The network.
        networks: Number of different networks measured so far, including this one.
        wanted: Target number of different networks; None: as many as time allows.
        repeats: Number of networks measured once more so far, including this one; 0 while new ones are measured.
        wide: Number of networks to be measured once more because the intervals of their ratios are wide.
    """

    vector: Vector
    networks: int
    wanted: int | None
    repeats: int = 0
    wide: int = 0

    @property
    def place(self) -> str:
        """The progress in words: "12/48", or "once more, 3 of 7"."""
        if self.repeats:
            return f"once more, {self.repeats} of {self.wide}"
        return f"{self.networks}/{self.wanted or 'as time allows'}"


def looks(new: Iterable[Vector], records: Sequence[Record], wanted: int | None) -> Iterator[Look]:
    """The measurements to make: the new networks, then those with a wide interval once more (`to_repeat`).

    Args:
        new: Networks that are not in `records`.
        records: The measurements so far; the caller appends the result of each look.
        wanted: Target number of different networks; None: as many as time allows.
    """
    networks = len({record.vector for record in records})
    for vector in new:
        networks += 1
        yield Look(vector, networks, wanted)
    wide = to_repeat(records)
    for repeats, vector in enumerate(wide, start=1):
        yield Look(vector, networks, wanted, repeats, len(wide))


def to_repeat(records: Sequence[Record]) -> list[Vector]:
    """The networks that are measured once more (`to_measure_again`)."""
    return to_measure_again([(record.vector, record.observation.measurement.in_turn) for record in records])


def best_records(records: Sequence[Record]) -> tuple[Record, ...]:
    """One record per network, in the order of their first looks: the one with the narrowest interval of its ratio.

    Records of earlier versions, which have no anchor, come last; of those, the one with the least `Measurement.rank`.
    """
    best: dict[Vector, Record] = {}
    for record in records:
        known = best.setdefault(record.vector, record)
        if _rank(record.observation.measurement) < _rank(known.observation.measurement):
            best[record.vector] = record
    return tuple(best.values())


def _rank(measurement: Measurement) -> tuple[float, ...]:
    if measurement.in_turn is None:
        return math.inf, *measurement.rank
    return (log_deviation(measurement.in_turn),)
