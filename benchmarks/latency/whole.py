"""Tables fitted to whole networks alone, as those of engines without a profile: 100 networks, 30 fresh ones.

Run on a quiet machine; a table takes 5 to 15 minutes, and an interrupted one is continued:

    python benchmarks/latency/whole.py [ENGINE:SPACE ...]

Writes `results/whole-SPACE-ENGINE-fp32.jsonl` (measurements) and `.json` (figures). ONNX Runtime has a profile: it is
measured as well and left out of the fit, and the same measurements fitted with it are the comparison.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from tiernas.engines import get_engine
from tiernas.latency import LatencyTable, build_table, check_table
from tiernas.spaces import get_space

RESULTS = Path(__file__).parent / "results"
ALL = [f"{engine}:{space}" for engine in ("ncnn", "onnxruntime") for space in ("gpunet-small", "mobile-small")]
NETWORKS, FRESH, SEED = 100, 30, 11


def of_wholes(table: LatencyTable) -> LatencyTable:
    """The table fitted without the times of layers."""
    records = [replace(each, observation=replace(each.observation, layer_ms=())) for each in table.records]
    return LatencyTable(table.header, records, table.space)


def mean_error_pct(table: LatencyTable, vectors: np.ndarray, measured_ms: np.ndarray) -> float:
    """Mean absolute relative error of estimates, in percent."""
    return float(100 * np.abs(table.estimate(vectors) / measured_ms - 1).mean())


def main() -> None:
    for pair in sys.argv[1:] or ALL:
        name, space = pair.split(":")
        engine, stem = get_engine(name), RESULTS / f"whole-{space}-{name}-fp32"
        measured = build_table(get_space(space), engine, stem.with_suffix(".jsonl"), networks=NETWORKS)
        table = of_wholes(measured)
        check = check_table(table, engine, networks=FRESH, seed=SEED)
        document = {"table": table.summary(), "seed": SEED, "check": check.to_dict()}
        said = f"{pair}: mean error {check.mape:.2f} %, Kendall's tau {check.kendall_tau:.3f}"
        if all(record.observation.layer_ms for record in measured.records):
            vectors = np.array([network.vector for network in check.networks])
            document["with_layers_mape"] = mean_error_pct(measured, vectors, check.measured_ms)
            said += f"; with the times of layers {document['with_layers_mape']:.2f} %"
        stem.with_suffix(".json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        print(said, flush=True)


if __name__ == "__main__":
    main()
