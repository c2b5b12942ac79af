"""Why measurements of one network differ: where it lies in memory, or when; writes results/placement.json.

    taskset -c 0 python benchmarks/latency/placement.py

Four processes hold four loads of the network each. In every round each load is timed for a quarter of a second, so that
the same loads are timed again and again. The deviations of the logarithms of their medians divide into that of the
round, of the process, of the load within its process, and a rest that no load keeps; each is given as a standard
deviation in per cent, freed of what the mean of so many rests adds by chance.
"""

from __future__ import annotations

import json
import multiprocessing
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tiernas.engines import get_engine
from tiernas.engines.timing import StopRule, measure_call
from tiernas.latency.subject import find_subject

NETWORKS = ["timm:mobilenetv3_large_100", "timm:efficientnet_b0"]
ENGINE, PRECISION = "openvino", "fp32"
PROCESSES, LOADS, ROUNDS = 4, 4, 8
RULE = StopRule(warmup_s=0.05, relative_width=0.0, min_s=0.25, limit_s=0.25)
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    rows = []
    for network in NETWORKS:
        rows.append({"network": network, "engine": ENGINE, "precision": PRECISION, **analyse(timed(network))})
        print(rows[-1], flush=True)
    (RESULTS / "placement.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def timed(network: str) -> npt.NDArray[np.float64]:
    """Medians in ms, `ROUNDS x PROCESSES x LOADS`, taken round by round."""
    spawned = multiprocessing.get_context("spawn")
    ends = []
    for _ in range(PROCESSES):
        here, there = spawned.Pipe()
        spawned.Process(target=work, args=(network, there), daemon=True).start()
        here.recv()
        ends.append(here)
    medians_ms = np.empty((ROUNDS, PROCESSES, LOADS))
    for turn in range(ROUNDS):
        for load in range(LOADS):
            for process, end in enumerate(ends):
                end.send(load)
                medians_ms[turn, process, load] = end.recv()
    for end in ends:
        end.send(None)
    return medians_ms


def work(network: str, end: Connection) -> None:
    """Holds the loads of one process and times the one it is asked for."""
    engine = get_engine(ENGINE, precision=PRECISION)
    with find_subject(network).onnx_file(1) as path, ExitStack() as stack:
        loads = [stack.enter_context(engine.compile(path)) for _ in range(LOADS)]
        end.send(None)
        while (load := end.recv()) is not None:
            end.send(measure_call(loads[load].time_ns, RULE).latency_ms)


def analyse(medians_ms: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Standard deviations in per cent of what the medians (`rounds x processes x loads`) are made of."""
    deviation = 100 * np.log(medians_ms)
    deviation -= deviation.mean()
    of_round, of_load = deviation.mean((1, 2)), deviation.mean(0)
    of_process = of_load.mean(1)
    rest = deviation - of_round[:, None, None] - of_load
    rounds, processes, loads = deviation.shape
    rest_variance = float((rest**2).sum() / ((rounds - 1) * (processes * loads - 1)))
    load_variance = float(((of_load - of_process[:, None]) ** 2).sum() / (processes * (loads - 1)))
    load_variance -= rest_variance / rounds
    process_variance = float(of_process.var(ddof=1)) - max(load_variance, 0) / loads - rest_variance / (rounds * loads)
    round_variance = float(of_round.var(ddof=1)) - rest_variance / (processes * loads)
    return {
        "median_ms": float(np.median(medians_ms)),
        "rounds_sd_pct": max(round_variance, 0.0) ** 0.5,
        "processes_sd_pct": max(process_variance, 0.0) ** 0.5,
        "loads_in_process_sd_pct": max(load_variance, 0.0) ** 0.5,
        "rest_sd_pct": rest_variance**0.5,
        "medians_ms": np.round(medians_ms, 4).tolist(),
    }


if __name__ == "__main__":
    main()
