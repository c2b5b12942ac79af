"""Latencies of many networks in one run: every round measures all of them in a new random order."""

from __future__ import annotations

import random
from collections.abc import Mapping
from contextlib import ExitStack
from statistics import median
from typing import Any

from benchmarks.shared.one_scale import as_json, from_json, on_one_scale, tie
from benchmarks.shared.results_file import Results

from tiernas.engines import Engine, TurnRule, graph_digest
from tiernas.errors import UsageError
from tiernas.latency import Observation
from tiernas.latency.estimating.scale import Scale
from tiernas.latency.measuring.ladder import Ladder, standard_rungs
from tiernas.latency.measuring.subject import Subject


def measure_in_rounds(
    subjects: Mapping[str, Subject], engine: Engine, results: Results, rounds: int, limit_s: float
) -> None:
    """Measures the networks without results; all stay compiled from the first round to the last.

    Every round also ties the anchors to each other.

    Args:
        subjects: The networks by name.
        engine: The engine.
        results: Each measurement is saved here immediately.
        rounds: Number of measurements of each network, interleaved with an anchor of its size.
        limit_s: Limit of one measurement.

    Raises:
        UsageError: The results were measured on another device, or with another engine.
    """
    precision, fingerprint = engine.precision, engine.fingerprint().to_dict()
    on = f"fingerprint/{precision}"
    if results.found.get(on, fingerprint) != fingerprint:
        raise UsageError(f"{results.path}: has latencies of another device or engine; move it away to measure here")
    results.put(on, fingerprint, tell=False)
    rule = TurnRule(relative_width=0.01, min_s=min(2.0, limit_s), limit_s=limit_s, reload_s=limit_s / 4)
    missing = [
        (name, number)
        for number in range(rounds)
        for name in subjects
        if f"latency/{precision}/{name}/{number}" not in results.found
    ]
    with ExitStack() as stack:
        ladder = stack.enter_context(Ladder(standard_rungs(), engine))
        compiled, graphs = {}, {}
        for name in dict.fromkeys(name for name, _ in missing):
            path = stack.enter_context(subjects[name].onnx_file(engine.batch))
            compiled[name] = stack.enter_context(engine.compile(path))
            graphs[name] = graph_digest(path)
            print(f"{precision}: {name} is compiled", flush=True)
        rungs = {name: ladder.nearest(network) for name, network in compiled.items()}
        for number in range(rounds):
            names = [name for name, of_round in missing if of_round == number]
            random.Random(number).shuffle(names)
            for name in names:
                found = Observation(graphs[name], ladder.measure(compiled[name], rule, rungs[name]), ())
                results.put(f"latency/{precision}/{name}/{number}", as_json(found), tell=False)
                print(f"{precision}, round {number}: {name} {found.measurement.latency_ms:.3f} ms", flush=True)
            if names:
                for larger, found in tie(ladder, rungs.values(), rule):
                    results.put(f"tie/{precision}/{larger}/{number}", as_json(found), tell=False)


def latencies_ms(results: Mapping[str, Any], precision: str) -> tuple[dict[str, float], Scale | None]:
    """Latencies in a precision by name, medians over the rounds, and the scale that they are on."""

    def below(what: str) -> dict[str, Observation]:
        beginning = f"{what}/{precision}/"
        return {
            key.removeprefix(beginning): from_json(value) for key, value in results.items() if key.startswith(beginning)
        }

    measured, scale = on_one_scale(below("latency"), below("tie").values())
    found: dict[str, list[float]] = {}
    for key, measurement in measured.items():
        found.setdefault(key.rpartition("/")[0], []).append(measurement.latency_ms)
    return {name: median(of_rounds) for name, of_rounds in found.items()}, scale
