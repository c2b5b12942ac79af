"""Measures the network that a user names, alone or compared with another one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from tiernas.engines import CompiledNetwork, Engine, InTurn, Measurement, NodeTime, TurnRule, graph_digest
from tiernas.engines.calibration import FloatArray
from tiernas.engines.onnx_file import read_network
from tiernas.engines.other_work import spare_cores_of
from tiernas.errors import UsageError
from tiernas.latency.measuring.advice import PrecisionOption, advise
from tiernas.latency.measuring.comparison import NetworkComparison, PrecisionComparison
from tiernas.latency.measuring.ladder import Ladder, standard_rungs
from tiernas.latency.measuring.measured_network import MeasuredNetwork
from tiernas.latency.measuring.profile import parts_of
from tiernas.latency.measuring.subject import Subject

LIMIT_S = 10.0
"""Default maximum time for which two networks are interleaved."""

Calibrate = Callable[[tuple[int, int]], FloatArray]
"""Returns the calibration images of int8 for a height and width of the input."""

_WIDTH = 0.01
_LONG_ENOUGH_S = 3.0
_LOADS = 5
"""Number of loads of the network within the time limit."""

_PATIENCE = 3
"""Measuring waits for quiet moments up to this multiple of the time limit."""


def measure_subject(
    subject: Subject,
    engine: Engine,
    *,
    calibrate: Calibrate | None = None,
    profile: bool = False,
    compare: bool = False,
    against: Subject | None = None,
    limit_s: float = LIMIT_S,
) -> MeasuredNetwork:
    """Exports, compiles and measures a network interleaved with an anchor of its size, alone on their device.

    The anchor of an ONNX file is a copy of itself. That is as good as a rung of the ladder for the latency of one
    network, and needs no torch.

    For a comparison, the network is interleaved with what it is compared with, and only the latter with the anchor.

    Args:
        subject: The network.
        engine: The engine to measure with.
        calibrate: Returns the calibration images of int8; noise if None.
        profile: Also profile it by layer or node.
        compare: Compare it with itself in the engine's next more exact precision.
        against: Another network to compare it with.
        limit_s: Maximum time for which two networks are interleaved.

    Raises:
        UsageError: The engine cannot run a network, the calibration images are unsuitable, there is no more exact
            precision to compare with, both comparisons are requested, or the engine has no profile.
    """
    if compare and against:
        raise UsageError("compare and against: choose one, a more exact precision or another network")
    reference = _more_exact(engine) if compare else engine
    rule = turn_rule(limit_s)
    comparison = opponent = None
    with subject.onnx_file(engine.batch) as path:
        images = _images(calibrate, path, engine.batch)
        with engine.compile(path, images) as network:
            graph = graph_digest(path)
            nodes = _profile(network) if profile else ()
            if compare:
                with reference.compile(path, images) as exact:
                    exactly = _alone(subject, exact, reference, path, images, rule)
                    measurement = _measure_against(network, exact, graph, exactly, rule)
                advice = advise(
                    PrecisionOption(engine.precision), PrecisionOption(reference.precision), _turns(measurement)
                )
                comparison = PrecisionComparison(reference.precision, exactly, advice)
            elif against:
                with against.onnx_file(engine.batch) as other_path:
                    other_images = _images(calibrate, other_path, engine.batch)
                    with engine.compile(other_path, other_images) as other:
                        other_graph = graph_digest(other_path)
                        others = _alone(against, other, engine, other_path, other_images, rule)
                        measurement = _measure_against(network, other, other_graph, others, rule)
                opponent = NetworkComparison(against.name, against.kind, other_graph, others, _turns(measurement))
            else:
                measurement = _alone(subject, network, engine, path, images, rule)
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
                spare_cores=spare_cores_of(engine.threads) if network.is_here else 0,
            )


def turn_rule(limit_s: float) -> TurnRule:
    """How long one network is measured, given the maximum time for which it is interleaved with its anchor."""
    return TurnRule(
        _WIDTH,
        min_s=min(_LONG_ENOUGH_S, limit_s),
        limit_s=limit_s,
        patience=_PATIENCE,
        reload_s=limit_s / _LOADS,
    )


def _alone(
    subject: Subject, network: CompiledNetwork, engine: Engine, path: Path, images: FloatArray | None, rule: TurnRule
) -> Measurement:
    """Measures a network, compiled from an ONNX file, interleaved with an anchor."""
    if subject.is_own_anchor:
        with engine.compile(path, images) as copy:
            return copy.anchor(graph_digest(path)).measure(network, rule)
    with Ladder(standard_rungs(), engine) as ladder:
        return ladder.measure(network, rule)


def _measure_against(
    network: CompiledNetwork, other: CompiledNetwork, other_graph: str, others: Measurement, rule: TurnRule
) -> Measurement:
    """Measures a network interleaved with another one, whose own measurement is known."""
    found = other.anchor(other_graph, others.latency_ms).measure(network, rule)
    low, high = others.low_ms / others.latency_ms, others.high_ms / others.latency_ms
    return dataclasses.replace(found, low_ms=low * found.low_ms, high_ms=high * found.high_ms)


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
            f"choose a lower one: {', '.join(engine.precisions()[1:]) or 'another engine'}"
        )
    return more_exact


def _profile(network: CompiledNetwork) -> Sequence[NodeTime]:
    with network.exclusively():
        nodes = network.profile()
    if not nodes:
        raise UsageError(
            f"{network.fingerprint.engine} cannot time single layers or nodes: profile with another engine"
        )
    return nodes
