"""Estimates one million vectors of each space, sorts them into tiers, and counts their sizes for limits; on one core.

    taskset -c 0 python benchmarks/latency/million.py [SPACE ...]

The default is all built-in spaces, each in a process of its own. Uses the table that accuracy.py built for the space
or, if there is none, a table of made-up latencies, which takes as long. Writes results/million.json.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from tiernas.latency import LatencyTable
from tiernas.spaces import get_space
from tiernas.spaces.catalogue import SPACES
from tiernas.spaces.sizes import network_sizes
from tiernas.testing.latency import HEADER, records
from tiernas.tiers import sample_pools, tiers_between

RESULTS = Path(__file__).parent / "results"
VECTORS, SEED = 1_000_000, 1
NETWORKS = 100
"""Measured networks of a made-up table; as many as are measured by default."""
TIERS = 7


def table_of(name: str) -> LatencyTable:
    path = RESULTS / f"{name}-openvino-fp32.jsonl"
    if path.exists():
        return LatencyTable.load(path)
    space = get_space(name)
    header = replace(HEADER, space=name, space_digest=space.digest, num_classes=space.num_classes)
    return LatencyTable(header, records(NETWORKS, noise=0.03, bend=0.3, space=space))


def measure(name: str) -> dict[str, Any]:
    with threadpool_limits(1):
        table = table_of(name)
        latency_ms = table.estimate(table.space.sample(1024))
        edges_ms = np.unique(np.quantile(latency_ms, np.linspace(0, 1, TIERS + 1))).tolist()
        begin, cpu = time.monotonic(), time.process_time()
        sample_pools(table.space, table, tiers_between(edges_ms), VECTORS, SEED)
        all_s, all_cpu_s = time.monotonic() - begin, time.process_time() - cpu
        vectors = table.space.sample(VECTORS, SEED)
        begin, cpu = time.monotonic(), time.process_time()
        table.estimate(vectors)
        estimate_s, estimate_cpu_s = time.monotonic() - begin, time.process_time() - cpu
        begin, cpu = time.monotonic(), time.process_time()
        network_sizes(table.space, vectors, table.header.num_classes)
        count_s, count_cpu_s = time.monotonic() - begin, time.process_time() - cpu
    return {
        "table": table.header.fingerprint.device,
        "measured_networks": len(table.records),
        "sampled_estimated_sorted_s": round(all_s, 2),
        "sampled_estimated_sorted_cpu_s": round(all_cpu_s, 2),
        "estimated_s": round(estimate_s, 2),
        "estimated_cpu_s": round(estimate_cpu_s, 2),
        "counted_s": round(count_s, 2),
        "counted_cpu_s": round(count_cpu_s, 2),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def main() -> None:
    match sys.argv[1:]:
        case ["--one", name]:
            print(json.dumps(measure(name)))
            return
        case names:
            found = {}
    for name in names or SPACES.built_in:
        command = [sys.executable, __file__, "--one", name]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        found[name] = json.loads(done.stdout)
        print(name, found[name], flush=True)
    text = json.dumps({"vectors": VECTORS, "spaces": found}, indent=1)
    (RESULTS / "million.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
