"""Latencies of many networks on one scale: ratios to anchors of different sizes, which are tied to each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from itertools import pairwise
from typing import Any, TypeVar

from tiernas.engines import Measurement, TurnRule
from tiernas.latency import Observation, measure_architecture
from tiernas.latency.estimating.scale import Scale, find_scale, on_scale
from tiernas.latency.measuring.ladder import Ladder

Key = TypeVar("Key")


def tie(ladder: Ladder, rungs: Iterable[int], rule: TurnRule) -> Iterator[tuple[int, Observation]]:
    """Measures each of some rungs, except the smallest, interleaved with the next smaller one.

    Args:
        ladder: The ladder.
        rungs: Indices of the rungs that networks were measured with.
        rule: When to stop.

    Yields:
        Index of the larger rung, and its measurement.
    """
    for smaller, larger in pairwise(sorted(set(rungs))):
        rung = ladder.rungs[larger]
        found = measure_architecture(rung.architecture, rung.num_classes, ladder, rule, rung=smaller)
        yield larger, Observation(ladder.anchor(larger).name, found, ())


def as_json(observation: Observation) -> dict[str, Any]:
    """A network's graph and its measurement, serializable as JSON."""
    return {"graph": observation.graph, "measurement": asdict(observation.measurement)}


def from_json(data: Mapping[str, Any]) -> Observation:
    """Inverse of `as_json`; other keys are ignored."""
    return Observation(data["graph"], Measurement.from_dict(data["measurement"]), ())


def on_one_scale(
    networks: Mapping[Key, Observation], ties: Iterable[Observation]
) -> tuple[dict[Key, Measurement], Scale | None]:
    """The measurements of networks on the scale of all of them, and the scale.

    Args:
        networks: The measured networks; their measurements may be of several sessions on one device.
        ties: What `tie` returned.
    """
    scale = find_scale([*networks.values(), *ties])
    anchors_ms = {} if scale is None else scale.anchors_ms
    return {key: on_scale(found.measurement, anchors_ms) for key, found in networks.items()}, scale
