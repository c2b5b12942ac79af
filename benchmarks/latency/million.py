"""One million vectors of `gpunet` estimated and sorted into tiers, on one core.

    taskset -c 0 python benchmarks/latency/million.py

Uses the table that accuracy.py built; writes results/million.json.
"""

from __future__ import annotations

import json
import resource
import time
from pathlib import Path

from threadpoolctl import threadpool_limits

from tiernas.latency import LatencyTable
from tiernas.tiers import sample_pools, tiers_between

RESULTS = Path(__file__).parent / "results"
VECTORS, SEED = 1_000_000, 1
EDGES_MS = [1.0, 50.0, 100.0, 200.0, 300.0, 400.0, 600.0, 5000.0]


def main() -> None:
    with threadpool_limits(1):
        table = LatencyTable.load(RESULTS / "gpunet-openvino-fp32.jsonl")
        begin, cpu = time.monotonic(), time.process_time()
        pools = sample_pools(table.space, table, tiers_between(EDGES_MS), VECTORS, SEED)
        all_s, all_cpu_s = time.monotonic() - begin, time.process_time() - cpu
        vectors = table.space.sample(VECTORS, SEED)
        begin = time.monotonic()
        table.estimate(vectors)
        estimate_s = time.monotonic() - begin
    found = {
        "vectors": VECTORS,
        "sampled_estimated_sorted_s": round(all_s, 2),
        "sampled_estimated_sorted_cpu_s": round(all_cpu_s, 2),
        "of_which_estimated_s": round(estimate_s, 2),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "networks": {tier.name: len(pool) for tier, pool in pools.items()},
    }
    (RESULTS / "million.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
