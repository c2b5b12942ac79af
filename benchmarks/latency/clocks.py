"""Compares a latency table of interleaved measurements with one of networks measured alone, in the same hour.

    python benchmarks/latency/clocks.py openvino fp32
    python benchmarks/latency/clocks.py openvino fp32 --beside

`--beside` runs a noisy neighbor meanwhile (`tiernas.testing.neighbour`). Each network of the table and of the check is
compiled once, measured interleaved with its anchor, measured alone right after (up to 2 s, like tables of earlier
versions), and profiled. This gives two tables and two checks of the same networks, 50 fresh ones each: `check_in_turn`
compares the estimates of the interleaved table with its own measurements, `check_alone` those of the other table with
its own. Networks whose ratio has a wide interval are measured once more, again by both methods, in tables and checks
alike. The better measurement of each method counts: interleaved, the one with the narrower interval; alone, the stable
one, or else the faster one, as in tables of earlier versions (`Measurement.rank`).

Results are written to results/clocks-SPACE-ENGINE-PRECISION[-beside].json, tables next to it; an existing table is
continued.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tiernas.engines import CompiledNetwork, Engine, Measurement, StopRule, get_engine, measure
from tiernas.latency import CheckedNetwork, LatencyTable, Record, build_table, check_table
from tiernas.latency.estimating import table_file
from tiernas.latency.estimating.build import DEFAULT_NETWORKS
from tiernas.latency.estimating.check import Check
from tiernas.latency.estimating.looks import Look
from tiernas.spaces import get_space
from tiernas.testing.neighbour import neighbour

RESULTS = Path(__file__).parent / "results"
SPACE = "gpunet"
CHECKED, SEED = 50, 2026
ALONE = StopRule(warmup_s=0.2, relative_width=0.01, min_s=0.2, limit_s=2.0)
"""How long tables measured each network before."""


class AlsoAlone:
    """An engine whose networks are measured alone before they are profiled.

    Attributes:
        found: Measurements alone, in order.
        spent_s: Time that they took.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.found: list[Measurement] = []
        self.spent_s = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def compile(self, *arguments: Any) -> CompiledNetwork:
        network = self._engine.compile(*arguments)
        profile = network.profile

        def measure_and_profile() -> Any:
            begin = time.perf_counter()
            self.found.append(measure(network, ALONE))
            self.spent_s += time.perf_counter() - begin
            return profile()

        network.profile = measure_and_profile  # type: ignore[method-assign]
        return network


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engine")
    parser.add_argument("precision")
    parser.add_argument("--space", default=SPACE)
    parser.add_argument("--beside", action="store_true", help="run a neighbour meanwhile")
    parser.add_argument("--networks", type=int, default=DEFAULT_NETWORKS, help="networks of the tables (default: 48)")
    parser.add_argument("--checked", type=int, default=CHECKED, help="fresh networks of the checks (default: 50)")
    options = parser.parse_args()
    name = f"clocks-{options.space}-{options.engine}-{options.precision}{'-beside' if options.beside else ''}"
    engine = AlsoAlone(get_engine(options.engine, precision=options.precision))
    with neighbour(seed=0) if options.beside else nullcontext():
        write(name, {"fingerprint": engine.fingerprint().to_dict(), "beside_a_neighbour": options.beside})
        build(name, options.space, engine, options.networks)
        check(name, engine, options.checked)


def build(name: str, space: str, engine: AlsoAlone, networks: int) -> None:
    path, alone_path = (RESULTS / f"{name}-{how}.jsonl" for how in ("in-turn", "alone"))
    begin, before_s = time.monotonic(), read(name).get("build_s", 0.0)

    def progress(look: Look, record: Record) -> None:
        write(name, {"build_s": round(before_s + time.monotonic() - begin - engine.spent_s, 1)})
        alone = replace(record.observation, measurement=engine.found[-1])
        table_file.append(alone_path, replace(record, observation=alone))
        print(f"{look.place}  {show(record.observation.measurement)}  alone {show(engine.found[-1])}", flush=True)

    if not alone_path.exists():
        of = get_space(space)
        table_file.create(alone_path, table_file.new_header(of, of.num_classes, 0, engine.fingerprint()))
    table = build_table(get_space(space), engine, path, networks=networks, progress=progress)  # type: ignore[arg-type]
    write(name, {"in_turn": table.summary(), "alone": LatencyTable.load(alone_path).summary()})


def check(name: str, engine: AlsoAlone, networks: int) -> None:
    table, alone_table = (LatencyTable.load(RESULTS / f"{name}-{how}.jsonl") for how in ("in-turn", "alone"))
    engine.found, engine.spent_s = [], 0.0
    begin = time.monotonic()
    best_alone: dict[tuple[int, ...], Measurement] = {}

    def progress(look: Look, network: CheckedNetwork) -> None:
        alone = engine.found[-1]
        best_alone[look.vector] = min(best_alone.get(look.vector, alone), alone, key=lambda found: found.rank)
        measured = f"{show(network.measurement)}  {100 * network.error:+.1f} %"
        print(f"{look.place}  {measured}  alone {show(alone)}", flush=True)

    found = check_table(table, engine, networks=networks, seed=SEED, progress=progress)  # type: ignore[arg-type]
    estimates_ms = alone_table.estimate(np.array([network.vector for network in found.networks]))
    alone = Check(
        tuple(
            replace(network, estimated_ms=float(ms), measurement=best_alone[network.vector], layers=())
            for network, ms in zip(found.networks, estimates_ms, strict=True)
        )
    )
    took_s = time.monotonic() - begin - engine.spent_s
    write(name, {"check_in_turn": {"check_s": round(took_s, 1), **found.to_dict()}, "check_alone": alone.to_dict()})
    for how, checked in (("in turn", found), ("alone", alone)):
        print(
            f"{how:8} mean error {checked.mape:.1f} %, within 10 % {100 * checked.within(0.1):.0f} %, "
            f"tau {checked.kendall_tau:.3f}, of pairs within 20 % {checked.near_tau():.2f}"
        )


def show(measurement: Measurement) -> str:
    return f"{measurement.latency_ms:.2f} ms ± {50 * measurement.width:.1f} %"


def write(name: str, values: Mapping[str, Any]) -> None:
    text = json.dumps({**read(name), **values}, indent=1)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def read(name: str) -> dict[str, Any]:
    path = RESULTS / f"{name}.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


if __name__ == "__main__":
    main()
