"""One network measured and taken apart: the value behind `tiernas latency measure`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tiernas.engines import (
    Anchor,
    CompiledNetwork,
    Engine,
    Fingerprint,
    InTurn,
    Measurement,
    NodeTime,
    TurnRule,
    device_lock,
    graph_digest,
    measure_in_turn,
)
from tiernas.engines.calibration import FloatArray
from tiernas.engines.onnx_file import read_network
from tiernas.errors import UsageError
from tiernas.latency.advice import Advice, Candidate, advise
from tiernas.latency.against import Against
from tiernas.latency.ladder import Ladder, standard_rungs
from tiernas.latency.parts import Part, parts_of
from tiernas.latency.subject import Subject
from tiernas.networks import Cost

LIMIT_S = 10.0
"""How long a network takes turns with another one at most, unless told otherwise."""

BUSY_CORES = 0.25
"""Cores that other work keeps busy from which a measurement is warned of."""

Calibrate = Callable[[tuple[int, int]], FloatArray]
"""Gives the calibration images of int8 for a height and width of the input."""

_WIDTH = 0.01
_LONG_ENOUGH_S = 3.0
_LOADS = 5
"""Of the network, over the time that it may take."""

_PATIENCE = 3
"""So many times the limit is waited for a quiet moment."""

_CLEAR = 0.05
"""The machine was quiet at times where the interval of the anchor's latency is at most so wide, as a share of it."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The same network in a more exact precision; the network was measured in turn with it.

    Attributes:
        precision: The more exact precision.
        measurement: Its latency, measured in turn with an anchor.
        advice: Whether to deploy the lower one.
    """

    precision: str
    measurement: Measurement
    advice: Advice


@dataclass(frozen=True, slots=True)
class MeasuredNetwork:
    """What was measured of one network.

    Attributes:
        network: What the user calls it.
        kind: What that names.
        input_shape: Shape of the images, NCHW.
        cost: Parameters and multiply-accumulates, where they are known.
        fingerprint: What it was measured on.
        graph: `graph_digest` of its ONNX graph.
        measurement: Its latency, measured in turn with an anchor; with the other network itself where it is compared.
        calibration: How many images int8 was calibrated with; 0 for noise, which tells the latency only; None for
            precisions that are not calibrated.
        parts: Layers in the order they run, or nodes, the dearest first; empty without a profile.
        comparison: With a more exact precision; None unless it was asked for.
        against: With another network; None unless it was asked for.
    """

    network: str
    kind: str
    input_shape: tuple[int, int, int, int]
    cost: Cost | None
    fingerprint: Fingerprint
    graph: str
    measurement: Measurement
    calibration: int | None
    parts: tuple[Part, ...]
    comparison: Comparison | None = None
    against: Against | None = None

    @property
    def by_layer(self) -> bool:
        """Whether the parts are layers, not nodes."""
        return any(part.kind for part in self.parts)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What spoiled the measurements and what to do about it; empty if nothing did."""
        measured = [(self.fingerprint.precision, self.measurement)]
        if self.comparison:
            measured.append((self.comparison.precision, self.comparison.measurement))
        if self.against:
            measured = [(self.network, self.measurement), (self.against.network, self.against.measurement)]
        return tuple(message for name, found in measured for message in _warnings(name, found))

    def to_dict(self, top: int | None = None) -> dict[str, Any]:
        """Everything as what JSON can hold.

        Args:
            top: How many nodes to list; layers are always all there.
        """
        compared = self.comparison
        return {
            "network": self.network,
            "kind": self.kind,
            "input_shape": list(self.input_shape),
            "params": self.cost and self.cost.params,
            "macs": self.cost and self.cost.macs,
            "fingerprint": {**self.fingerprint.to_dict(), "graph": self.graph},
            "calibration_images": self.calibration,
            "measurement": dataclasses.asdict(self.measurement),
            "profile": [dataclasses.asdict(part) for part in self.listed(top)],
            "comparison": compared
            and {
                "precision": compared.precision,
                "measurement": dataclasses.asdict(compared.measurement),
                **dataclasses.asdict(compared.advice),
            },
            "against": self.against and self.against.to_dict(self.network),
            "warnings": list(self.warnings),
        }

    def listed(self, top: int | None = None) -> tuple[Part, ...]:
        """The parts to show: all layers, or so many of the dearest nodes."""
        return self.parts if self.by_layer else self.parts[:top]


def measure_subject(
    subject: Subject,
    engine: Engine,
    *,
    calibrate: Calibrate | None = None,
    profile: bool = False,
    compare: bool = False,
    against: Subject | None = None,
    limit_s: float = LIMIT_S,
    ladder: Ladder | None = None,
) -> MeasuredNetwork:
    """Exports, compiles and measures a network in turn with an anchor of its size, the two alone on their device.

    If it is to be compared it takes turns with what it is compared with, and only that one with the anchor.

    Args:
        subject: The network.
        engine: What to measure with.
        calibrate: Gives the calibration images of int8; noise if None.
        profile: Take it apart too.
        compare: Compare it with itself in the engine's next more exact precision.
        against: Another network to compare it with.
        limit_s: How long two networks take turns at most.
        ladder: The anchors of a session in which more networks are measured, on the same engine; its own by default.

    Raises:
        UsageError: The engine cannot run a network, the calibration does not fit, there is no more exact precision to
            compare with, or both comparisons are asked for.
    """
    if compare and against:
        raise UsageError("compare and against: choose one, a more exact precision or another network")
    reference = _more_exact(engine) if compare else engine
    rule = _rule(limit_s)
    comparison = opponent = None
    with subject.onnx_file(engine.batch) as path, Ladder(standard_rungs(), reference) as own:
        ladder = ladder or own
        images = _images(calibrate, path, engine.batch)
        with engine.compile(path, images) as network:
            graph = graph_digest(path)
            if compare:
                with reference.compile(path, images) as exact:
                    measurement, exactly = _measure_both(network, exact, graph, ladder, rule)
                advice = advise(Candidate(engine.precision), Candidate(reference.precision), _turns(measurement))
                comparison = Comparison(reference.precision, exactly, advice)
            elif against:
                with (
                    against.onnx_file(engine.batch) as other_path,
                    engine.compile(other_path, _images(calibrate, other_path, engine.batch)) as other,
                ):
                    other_graph = graph_digest(other_path)
                    measurement, others = _measure_both(network, other, other_graph, ladder, rule)
                opponent = Against(against.name, against.kind, other_graph, others, _turns(measurement))
            else:
                measurement = ladder.measure(network, rule)
            nodes = _profile(network) if profile else ()
            return MeasuredNetwork(
                network=subject.name,
                kind=subject.kind,
                input_shape=network.input_shape,
                cost=subject.cost,
                fingerprint=network.fingerprint,
                graph=graph,
                measurement=measurement,
                calibration=(0 if images is None else len(images)) if engine.precision == "int8" else None,
                parts=parts_of(nodes, subject.architecture, measurement.latency_ms) if nodes else (),
                comparison=comparison,
                against=opponent,
            )


def _rule(limit_s: float) -> TurnRule:
    return TurnRule(
        _WIDTH,
        min_s=min(_LONG_ENOUGH_S, limit_s),
        limit_s=limit_s,
        patience=_PATIENCE,
        reload_s=limit_s / _LOADS,
    )


def _measure_both(
    network: CompiledNetwork, other: CompiledNetwork, other_graph: str, ladder: Ladder, rule: TurnRule
) -> tuple[Measurement, Measurement]:
    """Measures a network in turn with another one, and that one in turn with an anchor."""
    others = ladder.measure(other, rule)
    found = measure_in_turn(network, Anchor(other, other_graph, others.latency_ms), rule)
    low, high = others.low_ms / others.latency_ms, others.high_ms / others.latency_ms
    return dataclasses.replace(found, low_ms=low * found.low_ms, high_ms=high * found.high_ms), others


def _turns(measurement: Measurement) -> InTurn:
    assert measurement.in_turn is not None
    return measurement.in_turn


def _images(calibrate: Calibrate | None, path: Path, batch: int) -> FloatArray | None:
    """Calibration images of the size of a network's input."""
    if calibrate is None:
        return None
    _, _, height, width = read_network(path, batch).input_shape
    return calibrate((height, width))


def _more_exact(engine: Engine) -> Engine:
    more_exact = engine.more_exact()
    if more_exact is None:
        raise UsageError(
            f"compare: {engine.precision} is the most exact precision of {engine.name}; "
            f"choose a lower one, of {', '.join(engine.precisions()[1:]) or 'another engine'}"
        )
    return more_exact


def _profile(network: CompiledNetwork) -> Sequence[NodeTime]:
    with device_lock(network.fingerprint.device_slug):
        return network.profile()


def _warnings(network: str, measurement: Measurement) -> Iterator[str]:
    if measurement.other_load > BUSY_CORES:
        yield (
            f"{network}: {measurement.other_load:.1f} cores were busy with other work while measuring; "
            "stop it and measure again, or the latency may be too high"
        )
    found = _turns(measurement)
    width = max(found.anchor_ms, found.anchor_high_ms) / found.anchor_low_ms - 1
    if width > _CLEAR:
        yield (
            f"{network}: the machine was never quiet: the latency may be up to {100 * width:.0f} % too high; the ratio "
            "holds all the same"
        )
    if measurement.unstable:
        width = (found.ratio_high - found.ratio_low) / found.ratio
        yield f"{network}: the interval of its ratio is {100 * width:.0f} % wide; more --seconds narrow it"
