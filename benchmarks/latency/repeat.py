"""Measures the same networks in five processes over some hours, next to a neighbor; writes results/repeat.json.

    python benchmarks/latency/repeat.py --times 5 --every 60

Each time a neighbor with another seed runs (`tiernas.testing.neighbour`), and one new process per pair measures the two
networks interleaved (`tiernas latency measure NETWORK --against OTHER`), for twenty seconds. The results are added to
existing ones; remove the file to start again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tiernas.testing.neighbour import neighbour

PAIRS = (
    ("gpunet_1", "gpunet_0", "fp32"),
    ("gpunet_1", "gpunet_0", "int8"),
    ("timm:efficientnet_b0", "timm:mobilenetv3_large_100", "fp32"),
)
"""Networks, and the precision of both."""

LIMIT_S = 20
RESULTS = Path(__file__).parent / "results" / "repeat.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=1, help="how often to measure (default: once)")
    parser.add_argument("--every", type=float, default=60.0, help="minutes from one time to the next (default: 60)")
    options = parser.parse_args()
    for number in range(options.times):
        if number:
            time.sleep(60 * options.every)
        runs = json.loads(RESULTS.read_text(encoding="utf-8"))["runs"] if RESULTS.exists() else []
        with neighbour(seed=len(runs)):
            runs.append({"seed": len(runs), "measured": [measure(*pair) for pair in PAIRS]})
        document = {"spread_pct": [spread(index, runs) for index in range(len(PAIRS))], "runs": runs}
        RESULTS.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        for row in document["spread_pct"]:
            print("  ".join(f"{k} {v:.3g}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()), flush=True)


def measure(network: str, other: str, precision: str) -> dict[str, Any]:
    """One measurement by a new process."""
    words = ["latency", "measure", network, "--against", other, "--precision", precision]
    command = [sys.executable, "-m", "tiernas", *words, "--seconds", str(LIMIT_S), "--json"]
    found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return {
        "network": network,
        "other": other,
        "precision": precision,
        "of_network": found["measurement"],
        "of_other": found["against"]["measurement"],
    }


def spread(index: int, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """By how much the largest of the runs is above the smallest one, in per cent."""
    measured = [run["measured"][index] for run in runs]
    of_network, of_other = [m["of_network"] for m in measured], [m["of_other"] for m in measured]
    return {
        **{key: measured[0][key] for key in ("network", "other", "precision")},
        "runs": len(runs),
        "ratio": above([m["in_turn"]["ratio"] for m in of_network]),
        "undisturbed": above([m["latency_ms"] for m in of_network]),
        "undisturbed_other": above([m["latency_ms"] for m in of_other]),
        "as_found": above([m["found_ms"] for m in of_network]),
    }


def above(values: list[float]) -> float:
    return 100 * (max(values) / min(values) - 1)


if __name__ == "__main__":
    main()
