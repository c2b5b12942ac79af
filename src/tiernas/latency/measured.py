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
    Measurement,
    NodeTime,
    TurnRule,
    device_lock,
    graph_digest,
    measure_in_turn,
    measure_loads,
)
from tiernas.engines.calibration import FloatArray
from tiernas.engines.loads import LIMIT_S
from tiernas.engines.onnx_file import read_network
from tiernas.errors import UsageError
from tiernas.latency.advice import Advice, Candidate, advise
from tiernas.latency.observing import by_layer
from tiernas.latency.subject import Subject
from tiernas.networks import Cost
from tiernas.spaces import Architecture, Layer

BUSY_CORES = 0.25
"""Cores that other work keeps busy from which a measurement is warned of."""


@dataclass(frozen=True, slots=True)
class Part:
    """A layer of a network of ours, or a node of the engine.

    Attributes:
        name: Number of the layer, or name of the node.
        kind: Kind of block with its settings; empty for nodes.
        shape: Input and output, channels x height x width; empty for nodes.
        time_ms: Profiled time.
        share: Of the time of all parts, 0 to 1.
    """

    name: str
    kind: str
    shape: str
    time_ms: float
    share: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """The same network in a more exact precision, measured in the same run.

    Attributes:
        precision: The more exact precision.
        measurement: Its latency.
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
        measurement: Its latency.
        calibration: How many images int8 was calibrated with; 0 for noise, which tells the latency only; None for
            precisions that are not calibrated.
        parts: Layers in the order they run, or nodes, the dearest first; empty without a profile.
        comparison: With a more exact precision; None unless it was asked for.
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
    comparison: Comparison | None

    @property
    def by_layer(self) -> bool:
        """Whether the parts are layers, not nodes."""
        return any(part.kind for part in self.parts)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What spoiled the measurements and what to do about it; empty if nothing did."""
        measured = {self.fingerprint.precision: self.measurement}
        if self.comparison:
            measured[self.comparison.precision] = self.comparison.measurement
        return tuple(message for precision, found in measured.items() for message in _warnings(precision, found))

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
            "warnings": list(self.warnings),
        }

    def listed(self, top: int | None = None) -> tuple[Part, ...]:
        """The parts to show: all layers, or so many of the dearest nodes."""
        return self.parts if self.by_layer else self.parts[:top]


def measure_subject(
    subject: Subject,
    engine: Engine,
    *,
    calibrate: Callable[[tuple[int, int]], FloatArray] | None = None,
    profile: bool = False,
    compare: bool = False,
    limit_s: float = LIMIT_S,
) -> MeasuredNetwork:
    """Exports, compiles and measures a network over several loads, alone on its device.

    Args:
        subject: The network.
        engine: What to measure with.
        calibrate: Gives the calibration images of int8 for a height and width of the input; noise if None.
        profile: Take it apart too.
        compare: Measure it in the engine's next more exact precision too.
        limit_s: How long to measure, see `tiernas.engines.measure_loads`.

    Raises:
        UsageError: The engine cannot run the network, the calibration does not fit, or there is no more exact
            precision to compare with.
    """
    more_exact = _more_exact(engine) if compare else None
    with subject.onnx_file(engine.batch) as path:
        images = calibrate(_image_size(path, engine.batch)) if calibrate else None
        comparison = None
        with engine.compile(path, images) as network:
            digest = graph_digest(path)
            measurement = measure_loads(network, limit_s)
            nodes = _profile(network) if profile else ()
            input_shape, fingerprint = network.input_shape, network.fingerprint
            if more_exact:
                with more_exact.compile(path, images) as exact:
                    compared = measure_in_turn(network, Anchor(exact, digest), TurnRule(limit_s=limit_s)).in_turn
                    exact_measurement = measure_loads(exact, limit_s)
                assert compared is not None
                advice = advise(Candidate(engine.precision), Candidate(more_exact.precision), compared)
                comparison = Comparison(more_exact.precision, exact_measurement, advice)
        return MeasuredNetwork(
            network=subject.name,
            kind=subject.kind,
            input_shape=input_shape,
            cost=subject.cost,
            fingerprint=fingerprint,
            graph=digest,
            measurement=measurement,
            calibration=(0 if images is None else len(images)) if engine.precision == "int8" else None,
            parts=_parts(nodes, subject.architecture),
            comparison=comparison,
        )


def _more_exact(engine: Engine) -> Engine:
    more_exact = engine.more_exact()
    if more_exact is None:
        raise UsageError(
            f"compare: {engine.precision} is the most exact precision of {engine.name}; "
            f"choose a lower one, of {', '.join(engine.precisions()[1:]) or 'another engine'}"
        )
    return more_exact


def _image_size(path: Path, batch: int) -> tuple[int, int]:
    """Height and width of a network's input."""
    _, _, height, width = read_network(path, batch).input_shape
    return height, width


def _profile(network: CompiledNetwork) -> Sequence[NodeTime]:
    with device_lock(network.fingerprint.device_slug):
        return network.profile()


def _parts(nodes: Sequence[NodeTime], architecture: Architecture | None) -> tuple[Part, ...]:
    if not nodes:
        return ()
    total_ms = sum(node.time_ms for node in nodes) or 1.0
    if architecture is None:
        dearest = sorted(nodes, key=lambda node: -node.time_ms)
        return tuple(Part(node.name, "", "", node.time_ms, node.time_ms / total_ms) for node in dearest)
    layers = architecture.layers
    return tuple(
        Part(str(number), _kind(layer), _shape(layer), time_ms, time_ms / total_ms)
        for number, (layer, time_ms) in enumerate(zip(layers, by_layer(nodes, len(layers)), strict=True))
    )


def _kind(layer: Layer) -> str:
    words = [layer.block, f"{layer.kernel}x{layer.kernel}"]
    if layer.stride > 1:
        words.append(f"stride {layer.stride}")
    if layer.block in ("irb", "fused_irb"):
        words.append(f"mid {layer.mid_channels}")
    if layer.se_channels:
        words.append(f"SE {layer.se_channels}")
    return " ".join([*words, layer.activation])


def _shape(layer: Layer) -> str:
    return (
        f"{layer.in_channels}x{layer.in_size}x{layer.in_size} -> {layer.out_channels}x{layer.out_size}x{layer.out_size}"
    )


def _warnings(precision: str, measurement: Measurement) -> Iterator[str]:
    if measurement.other_load > BUSY_CORES:
        yield (
            f"{precision}: {measurement.other_load:.1f} cores were busy with other work while measuring; "
            "stop it and measure again, or the latency may be too high"
        )
    if measurement.unstable:
        yield (
            f"{precision}: the measurement is unstable ({measurement.preemptions} interruptions in {measurement.runs} "
            f"runs, coefficient of variation {measurement.cv:.1%}, between {measurement.loads} loads "
            f"{measurement.load_cv:.1%}); measure again on a quiet machine, or longer: `tiernas doctor` tells what "
            "disturbs it"
        )
