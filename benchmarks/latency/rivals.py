"""Reproduces the paper's Fig. 1 for this CPU: accuracy over measured latency of the released GPUNets and twenty rivals.

    taskset -c 0 python -m benchmarks.latency.rivals

measures all networks of rivals.json (the rivals are timm's) at their test resolution with random weights, OpenVINO,
batch 1, one thread, in fp32 and in int8 (quantized with noise, which has the latency of a calibrated network), and
plots the figure. All are interleaved with anchors of one ladder, which are tied to each other at the end, so that they
are on one scale. Results are written after each network, so it can be stopped and resumed; move the results away to
measure again. Accuracies are the published ones, with their source in rivals.json. Needs a quiet machine, about an
hour, and the extras `train`, `openvino` and `rivals`.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.latency.rivals_plot import plot
from benchmarks.shared.one_scale import as_json, from_json, on_one_scale, tie

from tiernas.engines import Engine, TurnRule, get_engine, graph_digest
from tiernas.errors import UsageError
from tiernas.latency import Observation
from tiernas.latency.measuring.ladder import Ladder, standard_rungs
from tiernas.latency.measuring.subject import find_subject
from tiernas.text_file import replace_text

HERE = Path(__file__).parent
RESULTS = HERE / "results"
RULE = TurnRule(relative_width=0.01, min_s=3.0, limit_s=20.0, patience=2.0, reload_s=4.0)
"""Longer than `tiernas latency measure`: the networks are compared with each other."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--precision", nargs="+", default=["fp32", "int8"], help="precisions to measure, in order")
    rivals = json.loads((HERE / "rivals.json").read_text(encoding="utf-8"))["networks"]
    try:
        for precision in parser.parse_args().precision:
            measure_all(rivals, get_engine("openvino", precision=precision), results_path(precision))
    except UsageError as error:
        raise SystemExit(str(error)) from None
    found = {p: scaled(json.loads(results_path(p).read_text(encoding="utf-8"))) for p in measured_precisions()}
    plot(found, RESULTS / "rivals-openvino.png")
    for rival in rivals:
        show(rival["network"], found)


def measure_all(rivals: list[dict[str, Any]], engine: Engine, path: Path) -> None:
    """Measures the networks that the results lack, then ties the anchors; writes the results after each."""
    document: dict[str, Any] = {"fingerprint": engine.fingerprint().to_dict(), "networks": [], "ties": {}}
    if path.exists():
        there = json.loads(path.read_text(encoding="utf-8"))
        if there["fingerprint"] != document["fingerprint"]:
            raise UsageError(f"{path}: was measured on another device or engine; move it away to measure here")
        document = there
    done = {(row["network"], row["resolution"]) for row in document["networks"]}
    with Ladder(standard_rungs(), engine) as ladder:
        for number, rival in enumerate(rivals, start=1):
            if (rival["network"], rival["resolution"]) in done:
                continue
            row = measured(rival, ladder)
            document["networks"].append(row)
            write(document, path)
            latency = row["measurement"]
            unstable = "  unstable" if latency["unstable"] else ""
            print(
                f"{engine.precision} {number}/{len(rivals)}  {rival['label']}@{rival['resolution']}  "
                f"{latency['latency_ms']:.2f} ms{unstable}",
                flush=True,
            )
        rungs = {row["rung"] for row in document["networks"]}
        if len(document["ties"]) < len(rungs) - 1:
            for larger, found in tie(ladder, rungs, RULE):
                document["ties"][str(larger)] = as_json(found)
                write(document, path)


def measured(rival: dict[str, Any], ladder: Ladder) -> dict[str, Any]:
    """One network with its measurement and the index of its anchor."""
    subject = find_subject(rival["network"], resolution=rival["resolution"])
    assert subject.cost is not None
    with subject.onnx_file(ladder.engine.batch) as path, ladder.engine.compile(path) as network:
        rung = ladder.nearest(network)
        found = Observation(graph_digest(path), ladder.measure(network, RULE, rung), ())
    return {**rival, "rung": rung, **asdict(subject.cost), **as_json(found)}


def scaled(document: dict[str, Any]) -> dict[str, Any]:
    """The results with all latencies on one scale; those of earlier versions, which had no anchors, as they are."""
    observations = {number: from_json(row) for number, row in enumerate(document["networks"])}
    measurements, scale = on_one_scale(observations, map(from_json, document.get("ties", {}).values()))
    if scale is not None:
        print(f"{document['fingerprint']['precision']}: {scale.words}")
    rows = [{**row, "measurement": asdict(measurements[number])} for number, row in enumerate(document["networks"])]
    return {**document, "networks": rows}


def write(document: dict[str, Any], path: Path) -> None:
    replace_text(path, json.dumps(document, indent=1) + "\n")


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
