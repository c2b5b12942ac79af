"""Latencies of many networks in one run: every round measures all of them in a new random order."""

from __future__ import annotations

import random
from collections.abc import Mapping
from contextlib import ExitStack
from statistics import median

from benchmarks.shared.results_file import Results

from tiernas.engines import Engine, TurnRule
from tiernas.errors import UsageError
from tiernas.latency.measuring.ladder import Ladder, standard_rungs
from tiernas.latency.measuring.subject import Subject


def measure_in_rounds(
    subjects: Mapping[str, Subject], engine: Engine, results: Results, rounds: int, limit_s: float
) -> None:
    """Measures the networks without results; all stay compiled from the first round to the last.

    Args:
        subjects: The networks by name.
        engine: The engine.
        results: Each measurement is saved here immediately.
        rounds: Number of measurements of each network, interleaved with an anchor of its size.
        limit_s: Limit of one measurement.

    Raises:
        UsageError: The results were measured on another device, or with another engine.
    """
    on, fingerprint = f"fingerprint/{engine.precision}", engine.fingerprint().to_dict()
    if results.found.get(on, fingerprint) != fingerprint:
        raise UsageError(f"{results.path}: has latencies of another device or engine; remove it to measure here")
    results.put(on, fingerprint, tell=False)
    rule = TurnRule(relative_width=0.01, min_s=min(2.0, limit_s), limit_s=limit_s, reload_s=limit_s / 4)
    keys = [(name, number) for number in range(rounds) for name in subjects]
    missing = [key for key in keys if _key(engine, *key) not in results.found]
    with ExitStack() as stack:
        ladder = stack.enter_context(Ladder(standard_rungs(), engine))
        compiled = {}
        for name in dict.fromkeys(name for name, _ in missing):
            path = stack.enter_context(subjects[name].onnx_file(engine.batch))
            compiled[name] = stack.enter_context(engine.compile(path))
        rungs = {name: ladder.nearest(network) for name, network in compiled.items()}
        for number in range(rounds):
            names = [name for name, of_round in missing if of_round == number]
            random.Random(number).shuffle(names)
            for name in names:
                found = ladder.measure(compiled[name], rule, rungs[name])
                kept = {"latency_ms": found.latency_ms, "low_ms": found.low_ms, "high_ms": found.high_ms}
                results.put(_key(engine, name, number), {**kept, "found_ms": found.found_ms})


def latency_ms(results: Mapping[str, Mapping[str, float]], precision: str, name: str) -> float | None:
    """The median over the rounds; None if there is no measurement."""
    beginning = f"latency/{precision}/{name}/"
    found = [value["latency_ms"] for key, value in results.items() if key.startswith(beginning)]
    return median(found) if found else None


def _key(engine: Engine, name: str, number: int) -> str:
    return f"latency/{engine.precision}/{name}/{number}"
