"""Builds the latency table of gpunet-small on this machine and checks it with 30 fresh networks.

Run on a quiet machine, takes about two minutes: python benchmarks/latency/check_gpunet_small.py
Writes the measurements, the figures and the scatter plot to benchmarks/latency/results.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from tiernas.engines import get_engine
from tiernas.latency import build_table, check_table, plot_check
from tiernas.spaces import get_space

RESULTS = Path(__file__).parent / "results"
NAME = "gpunet-small-openvino-fp32"
SEED = 11
NETWORKS = 30


def main() -> None:
    engine = get_engine("openvino", precision="fp32")
    path = RESULTS / f"{NAME}.jsonl"
    path.unlink(missing_ok=True)
    begin = time.monotonic()
    table = build_table(get_space("gpunet-small"), engine, path)
    build_s = time.monotonic() - begin
    check = check_table(table, engine, networks=NETWORKS, seed=SEED)
    document = {"build_s": round(build_s, 1), "table": table.summary(), "seed": SEED, "check": check.to_dict()}
    (RESULTS / f"{NAME}.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    plot_check(check, table.header, RESULTS / f"{NAME}.png")
    print(
        f"table of {len(table.records)} networks in {build_s:.0f} s; on {NETWORKS} fresh ones: mean error "
        f"{check.mape:.1f} %, within 5 % {check.within(0.05):.0%}, within 10 % {check.within(0.10):.0%}, "
        f"Kendall's tau {check.kendall_tau:.3f}"
    )


if __name__ == "__main__":
    main()
