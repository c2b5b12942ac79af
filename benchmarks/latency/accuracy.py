"""Measures how accurate a latency table of the whole `gpunet` space is on this device, compared with other methods.

On a quiet machine:

    taskset -c 0 python benchmarks/latency/accuracy.py build openvino fp32 --minutes 10
    taskset -c 0 python benchmarks/latency/accuracy.py check openvino fp32
    taskset -c 0 python benchmarks/latency/accuracy.py alone openvino fp32
    python benchmarks/latency/accuracy.py report openvino fp32

`build` builds the table; `check` measures 50 networks of the space and 25 of one tier that is 20 % wide, none of which
the table has seen; `alone` measures each of their layers in isolation, which is the paper's method as written; `report`
compares the methods. Isolated layers take long in int8, because each is quantized: `--networks 12` measures only those
of the first twelve networks. Each step appends to a file in benchmarks/latency/results and can be resumed.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from scipy.stats import kendalltau

from tiernas.blocks import Block, BlockRows, LayerRows, get_block
from tiernas.engines import Engine, StopRule, get_engine
from tiernas.latency import CheckedNetwork, LatencyTable, build_table, check_table, measure_layer, plot_check
from tiernas.latency.estimating.check_plot import label_log_axes
from tiernas.latency.estimating.looks import Look
from tiernas.spaces import get_space

SPACE = "gpunet"
NETWORKS, SEED = 50, 2026
TIER_NETWORKS, TIER_SEED = 25, 2027
RESULTS = Path(__file__).parent / "results"
ALONE_RULE = StopRule(warmup_s=0.05, relative_width=0.02, min_s=0.05, limit_s=0.5)

EARLIER = {"stem": {"layers": "mid_channels"}, "head": {"filters": "out_channels", "hidden": "mid_channels"}}
"""What fields of layers that were measured alone were called, where they were called otherwise."""

FloatArray = npt.NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("step", choices=["build", "check", "alone", "report"])
    parser.add_argument("engine")
    parser.add_argument("precision")
    parser.add_argument("--minutes", type=float, default=10.0, help="time to build in")
    parser.add_argument("--networks", type=int, default=NETWORKS, help="networks whose layers are measured alone")
    options = parser.parse_args()
    name = f"{SPACE}-{options.engine}-{options.precision}"
    match options.step:
        case "build":
            build(name, get_engine(options.engine, precision=options.precision), options.minutes)
        case "check":
            check(name, get_engine(options.engine, precision=options.precision))
        case "alone":
            alone(name, get_engine(options.engine, precision=options.precision), options.networks)
        case _:
            report(name)


def build(name: str, engine: Engine, minutes: float) -> None:
    begin, cpu_s = time.monotonic(), sum(os.times()[:4])
    table = build_table(
        get_space(SPACE),
        engine,
        RESULTS / f"{name}.jsonl",
        minutes=minutes,
        progress=lambda look, record: print(
            f"{look.place}  {record.observation.measurement.latency_ms:.1f} ms", flush=True
        ),
    )
    built = {
        "build_s": round(time.monotonic() - begin, 1),
        "cpu_s": round(sum(os.times()[:4]) - cpu_s, 1),
        "cores": len(os.sched_getaffinity(0)),
        **table.summary(),
    }
    write(name, "table", built)
    print(json.dumps(built, indent=1))


def check(name: str, engine: Engine) -> None:
    table = LatencyTable.load(RESULTS / f"{name}.jsonl")
    whole = check_table(table, engine, networks=NETWORKS, seed=SEED, progress=_show)
    write(name, "check", {"seed": SEED, **whole.to_dict()})
    plot_check(whole, table.header, RESULTS / f"{name}.png")
    middle_ms = float(np.median(table.estimate(table.space.sample(4096, SEED))))
    tier_ms = middle_ms, 1.2 * middle_ms
    tier = check_table(table, engine, networks=TIER_NETWORKS, seed=TIER_SEED, tier_ms=tier_ms, progress=_show)
    write(name, "check_of_one_tier", {"seed": TIER_SEED, "tier_ms": tier_ms, **tier.to_dict()})


def alone(name: str, engine: Engine, networks: int) -> None:
    space, path = get_space(SPACE), RESULTS / f"{name}-alone.jsonl"
    known = {layer_of(line["layer"]) for line in lines(path)}
    checked = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))["check"]["networks"]
    wanted = dict.fromkeys(layer for network in checked[:networks] for layer in space.decode(network["vector"]).layers)
    missing = [layer for layer in wanted if layer not in known]
    for number, layer in enumerate(missing, start=1):
        found = measure_layer(layer, space.num_classes, engine, ALONE_RULE)
        line = {"layer": layer.to_dict(), "latency_ms": found.latency_ms}
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        print(f"{number}/{len(missing)}  {layer.label}  {found.latency_ms:.3f} ms", flush=True)


def report(name: str) -> None:
    space = get_space(SPACE)
    document = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    networks = document["check"]["networks"]
    measured_ms = np.array([network["latency_ms"] for network in networks])
    layers = [space.decode(network["vector"]).layers for network in networks]
    table = LatencyTable.load(RESULTS / f"{name}.jsonl")
    estimates = {"table": table.estimate(np.array([network["vector"] for network in networks]))}
    built = [(space.decode(r.vector).layers, r.observation.measurement.latency_ms) for r in table.records]
    estimates["multiply-accumulates, scaled"] = scaled_macs(layers, built)
    alone_ms = {layer_of(line["layer"]): line["latency_ms"] for line in lines(RESULTS / f"{name}-alone.jsonl")}
    if alone_ms:
        sums = [sum(alone_ms.get(x, np.nan) for x in each) for each in layers]  # nan: not all layers are measured
        estimates["sum of layers measured alone"] = np.array(sums)
    rows = {method: figures(estimated_ms, measured_ms) for method, estimated_ms in estimates.items()}
    write(name, "methods", rows)
    for method, row in rows.items():
        print(f"{method:32}" + "  ".join(f"{key} {value:.3g}" for key, value in row.items()))
    draw(estimates, measured_ms, RESULTS / f"{name}-methods.png", f"{SPACE} on {name.split('-', 1)[1]}")


def layer_of(fields: dict[str, Any]) -> Block:
    """The layer of a line; earlier lines have the same ten columns for every block."""
    kind = get_block(fields["block"])
    earlier = EARLIER.get(kind.block, {})
    given = [name for name in kind.columns() if name in fields or name not in kind.defaults()]
    return kind(**{name: fields[name if name in fields else earlier[name]] for name in given})


def scaled_macs(layers: list[tuple[Block, ...]], built: list[tuple[tuple[Block, ...], float]]) -> FloatArray:
    """Multiply-accumulates times the median ms per multiply-accumulate of the networks that the table was built of."""

    def macs(each: tuple[Block, ...]) -> float:
        return float(LayerRows.of(each).each(BlockRows.macs).sum())

    ms_per_mac = np.median([latency_ms / macs(each) for each, latency_ms in built])
    return np.array([macs(each) for each in layers]) * ms_per_mac


def figures(estimated_ms: FloatArray, measured_ms: FloatArray) -> dict[str, float]:
    """Mean error as it is, and after the best common factor, which ranking does not need."""
    known = np.isfinite(estimated_ms)
    estimated_ms, measured_ms = estimated_ms[known], measured_ms[known]
    ratio = estimated_ms / measured_ms
    fair = ratio / np.median(ratio)
    return {
        "n": len(ratio),
        "mape": 100 * float(np.abs(ratio - 1).mean()),
        "within_5pct": float((np.abs(ratio - 1) <= 0.05).mean()),
        "within_10pct": float((np.abs(ratio - 1) <= 0.10).mean()),
        "median_ratio": float(np.median(ratio)),
        "mape_after_scaling": 100 * float(np.abs(fair - 1).mean()),
        "kendall_tau": float(kendalltau(estimated_ms, measured_ms).statistic),
    }


def draw(estimates: dict[str, FloatArray], measured_ms: FloatArray, path: Path, title: str) -> None:
    figure = Figure(figsize=(4.2 * len(estimates), 4.4), dpi=130, layout="constrained")
    both = np.concatenate([measured_ms, *estimates.values()])
    ends = np.array([np.nanmin(both) / 1.1, np.nanmax(both) * 1.1])
    for axes, (method, estimated_ms) in zip(
        figure.subplots(1, len(estimates), sharex=True, sharey=True), estimates.items(), strict=True
    ):
        row = figures(estimated_ms, measured_ms)
        axes.fill_between(ends, ends * 0.9, ends * 1.1, color="#dbeafe", lw=0)
        axes.plot(ends, ends, color="#1f2937", lw=0.8)
        axes.scatter(measured_ms, estimated_ms, s=14, color="#2563eb", edgecolor="white", lw=0.4, zorder=3)
        axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends, aspect="equal", xlabel="measured, ms")
        label_log_axes(axes)
        axes.set_title(
            f"{method}, {row['n']} networks\nmean error {row['mape']:.1f} %, tau {row['kendall_tau']:.3f}",
            fontsize=9,
            loc="left",
        )
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("estimated, ms")
    figure.suptitle(f"{title}: fresh networks; the band is 10 %", fontsize=10, x=0.01, ha="left")
    figure.savefig(path)


def write(name: str, key: str, value: Any) -> None:
    path = RESULTS / f"{name}.json"
    document = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps({**document, key: value}, indent=1) + "\n", encoding="utf-8")


def lines(path: Path) -> Iterator[dict[str, Any]]:
    if path.exists():
        yield from map(json.loads, path.read_text(encoding="utf-8").splitlines())


def _show(look: Look, network: CheckedNetwork) -> None:
    measured = network.measurement
    unstable = "  unstable" if measured.unstable else ""
    print(f"{look.place}  {measured.latency_ms:.2f} ms  {100 * network.error:+.1f} %{unstable}", flush=True)


if __name__ == "__main__":
    main()
