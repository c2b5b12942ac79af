"""The same network measured in five processes, on a quiet machine and beside a load; writes results/repeat.json.

python benchmarks/latency/repeat.py
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
NETWORKS = ["gpunet_0", "timm:mobilenetv3_large_100"]
PRECISIONS = ["fp32", "int8"]
PROCESSES = 5
KEYS = ["latency_ms", "low_ms", "high_ms", "cv", "runs", "preemptions", "other_load", "unstable"]
BUSY = "while True: pass"


def main() -> None:
    rows = []
    for network in NETWORKS:
        for precision in PRECISIONS:
            quiet = [measure(network, precision) for _ in range(PROCESSES)]
            loads = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(os.cpu_count() or 1)]
            time.sleep(1.0)
            loaded = measure(network, precision)
            for load in loads:
                load.kill()
            medians = [m["latency_ms"] for m in quiet if not m["unstable"]]
            row = {
                "network": network,
                "precision": precision,
                "stable": len(medians),
                "largest_over_smallest_stable_median": max(medians) / min(medians) if medians else None,
                "quiet": quiet,
                "with_a_load_on_every_core": loaded,
            }
            rows.append(row)
            shown = " ".join(f"{m['latency_ms']:.3f}{'?' if m['unstable'] else ''}" for m in quiet)
            print(
                f"{network} {precision}: {shown}; loaded {loaded['latency_ms']:.3f}, "
                f"{loaded['other_load']:.1f} cores busy, unstable: {loaded['unstable']}",
                flush=True,
            )
    (RESULTS / "repeat.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def measure(network: str, precision: str) -> dict[str, Any]:
    words = ["latency", "measure", network, "--precision", precision, "--json"]
    found = subprocess.run([sys.executable, "-m", "tiernas", *words], capture_output=True, text=True, check=True)
    measurement = json.loads(found.stdout)["measurement"]
    return {key: measurement[key] for key in KEYS}


if __name__ == "__main__":
    main()
