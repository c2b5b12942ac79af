"""Reproduces the paper's Fig. 1 for this CPU: accuracy over measured latency of the released GPUNets and twenty rivals.

    taskset -c 0 python benchmarks/latency/rivals.py

measures all networks of rivals.json (the rivals are timm's) at their test resolution with random weights, OpenVINO,
batch 1, one thread, in fp32 and in int8 (quantized with noise, which has the latency of a calibrated network), and
plots the figure. Results are written after each network, so it can be stopped and resumed; remove the results to
measure again. Accuracies are the published ones, with their source in rivals.json. Needs a quiet machine and
the extras `train`, `openvino` and `rivals`.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from rivals_plot import plot

from tiernas.engines import Engine, get_engine
from tiernas.errors import UsageError
from tiernas.latency.measuring.measure import measure_subject
from tiernas.latency.measuring.subject import find_subject

HERE = Path(__file__).parent
RESULTS = HERE / "results"
LIMIT_S = 20.0
"""Twice the default: the networks are compared with each other."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--precision", nargs="+", default=["fp32", "int8"], help="precisions to measure, in order")
    rivals = json.loads((HERE / "rivals.json").read_text(encoding="utf-8"))["networks"]
    for precision in parser.parse_args().precision:
        measure_all(rivals, get_engine("openvino", precision=precision), results_path(precision))
    found = {precision: json.loads(results_path(precision).read_text()) for precision in measured_precisions()}
    plot(found, RESULTS / "rivals-openvino.png")
    for rival in rivals:
        show(rival["network"], found)


def measure_all(rivals: list[dict[str, Any]], engine: Engine, path: Path) -> None:
    """Measures the networks that the results lack, and writes the results after each."""
    document: dict[str, Any] = {"fingerprint": engine.fingerprint().to_dict(), "networks": []}
    if path.exists():
        there = json.loads(path.read_text(encoding="utf-8"))
        if there["fingerprint"] != document["fingerprint"]:
            raise UsageError(f"{path}: was measured on another device or engine; move it away to measure here")
        document = there
    done = {(row["network"], row["resolution"]) for row in document["networks"]}
    for number, rival in enumerate(rivals, start=1):
        if (rival["network"], rival["resolution"]) in done:
            continue
        subject = find_subject(rival["network"], resolution=rival["resolution"])
        found = measure_subject(subject, engine, limit_s=LIMIT_S).to_dict()
        kept = {key: found[key] for key in ("params", "macs", "measurement", "warnings")}
        document["networks"].append({**rival, "graph": found["fingerprint"]["graph"], **kept})
        write(document, path)
        latency = found["measurement"]
        unstable = "  unstable" if latency["unstable"] else ""
        print(
            f"{engine.precision} {number}/{len(rivals)}  {rival['label']}@{rival['resolution']}  "
            f"{latency['latency_ms']:.2f} ms{unstable}",
            flush=True,
        )


def write(document: dict[str, Any], path: Path) -> None:
    """Replaces a file at once: a stop leaves the old or the new one."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    os.replace(partial, path)


def results_path(precision: str) -> Path:
    return RESULTS / f"rivals-openvino-{precision}.json"


def measured_precisions() -> list[str]:
    """Precisions that there are results of, the most exact first."""
    return [p for p in ("fp32", "bf16", "int8") if results_path(p).exists()]


def show(network: str, found: dict[str, Any]) -> None:
    """Prints one network's latency in every precision."""
    rows = {p: row for p, document in found.items() for row in document["networks"] if row["network"] == network}
    if rows:
        any_row = next(iter(rows.values()))
        times = "  ".join(f"{p} {row['measurement']['latency_ms']:8.2f} ms" for p, row in rows.items())
        print(f"{any_row['label']:20} {any_row['resolution']:4} px  {any_row['top1']:6.2f} %  {times}")


if __name__ == "__main__":
    main()
