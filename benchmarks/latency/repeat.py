"""The same network measured in five processes, on a quiet machine and beside a load; writes results/repeat.json.

    taskset -c 0 python benchmarks/latency/repeat.py

Beside a load: a process that never rests on every core, also on the one that the network is measured on.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
NETWORKS = ["gpunet_0", "timm:efficientnet_b0", "timm:mobilenetv3_large_100", "timm:mobilenetv3_small_100"]
PRECISIONS = ["fp32", "int8"]
PROCESSES = 5
KEYS = ["latency_ms", "low_ms", "high_ms", "cv", "loads", "load_cv", "runs", "preemptions", "other_load", "unstable"]
BUSY = "import os; os.sched_setaffinity(0, {%d})\nwhile True: pass"


def main() -> None:
    rows = []
    for network in NETWORKS:
        for precision in PRECISIONS:
            quiet = [measure(network, precision) for _ in range(PROCESSES)]
            loads = [subprocess.Popen([sys.executable, "-c", BUSY % core]) for core in range(os.cpu_count() or 1)]
            time.sleep(1.0)
            loaded = measure(network, precision)
            for load in loads:
                load.kill()
                load.wait()
            medians = [m["latency_ms"] for m in quiet if not m["unstable"]]
            all_medians = [m["latency_ms"] for m in quiet]
            row = {
                "network": network,
                "precision": precision,
                "stable": len(medians),
                "largest_over_smallest_stable_median": max(medians) / min(medians) if medians else None,
                "largest_over_smallest_median": max(all_medians) / min(all_medians),
                "quiet": quiet,
                "with_a_load_on_every_core": loaded,
            }
            rows.append(row)
            (RESULTS / "repeat.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
            shown = " ".join(f"{m['latency_ms']:.3f}{'?' if m['unstable'] else ''}" for m in quiet)
            print(f"{network} {precision}: {shown}; loads {[m['loads'] for m in quiet]}")
            print(
                f"  beside a load {loaded['latency_ms']:.3f}, {loaded['other_load']:.1f} cores busy, "
                f"unstable: {loaded['unstable']}",
                flush=True,
            )


def measure(network: str, precision: str) -> dict[str, Any]:
    words = ["latency", "measure", network, "--precision", precision, "--json"]
    found = subprocess.run([sys.executable, "-m", "tiernas", *words], capture_output=True, text=True, check=True)
    measurement = json.loads(found.stdout)["measurement"]
    return {key: measurement[key] for key in KEYS}


if __name__ == "__main__":
    main()
