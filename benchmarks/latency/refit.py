"""Refits the committed tables with this version and compares them with existing measurements.

    python benchmarks/latency/refit.py

Nothing is measured: the raw networks of a table are in results/NAME.jsonl, the fresh networks with their measurements
in results/NAME.json. Estimates, figures and plots are rewritten. The worst layers are omitted: they require the
profiles of the fresh networks, which are not stored. The networks of one tier are those that were chosen by the fit at
the time of the measurement.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import accuracy
import numpy as np

from tiernas.engines import Measurement
from tiernas.latency import Check, CheckedNetwork, LatencyTable, plot_check

RESULTS = Path(__file__).parent / "results"
SMALL = "gpunet-small-openvino-fp32"
LARGE = ("gpunet-openvino-fp32", "gpunet-openvino-int8", "gpunet-onnxruntime-fp32")


def main() -> None:
    for name in (SMALL, *LARGE):
        table = LatencyTable.load(RESULTS / f"{name}.jsonl")
        path = RESULTS / f"{name}.json"
        document = json.loads(path.read_text(encoding="utf-8"))
        document["table"] |= table.summary()
        for key in ("check", "check_of_one_tier"):
            if key in document:
                check = checked(table, document[key]["networks"])
                kept = {k: v for k, v in document[key].items() if k in ("seed", "tier_ms")}
                document[key] = kept | {k: v for k, v in check.to_dict().items() if k != "worst_layers"}
                print(f"{name} {key}: {check.mape:.2f} %, tau {check.kendall_tau:.3f}", flush=True)
            if key == "check":
                plot_check(check, table.header, RESULTS / f"{name}.png")
        path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        if name in LARGE:
            accuracy.report(name)


def checked(table: LatencyTable, networks: list[dict[str, Any]]) -> Check:
    """Fresh networks as they were measured, estimated by the table."""
    estimated_ms = table.estimate(np.array([network["vector"] for network in networks]))
    return Check(
        tuple(
            CheckedNetwork(tuple(network["vector"]), float(ms), Measurement.from_dict(network))
            for network, ms in zip(networks, estimated_ms, strict=True)
        )
    )


if __name__ == "__main__":
    main()
