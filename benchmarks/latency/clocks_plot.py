"""Compares both methods of `clocks.py`: prints the table of docs/latency.md and plots results/clocks.png.

python benchmarks/latency/clocks_plot.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tiernas.latency.estimating.check_plot import label_log_axes

RESULTS = Path(__file__).parent / "results"
METHODS = {"in turn": ("in_turn", "check_in_turn", "#2563eb"), "alone": ("alone", "check_alone", "#d97706")}
"""Keys of a table and of its check, and a colour."""


def main() -> None:
    documents = {
        path.stem.removeprefix("clocks-"): json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(RESULTS.glob("clocks-*.json"))
    }
    documents = {name: document for name, document in documents.items() if "check_alone" in document}
    for name, document in documents.items():
        for method in METHODS:
            print(row(name, document, method))
    draw(documents)


def row(name: str, document: dict[str, Any], method: str) -> str:
    """One row of the table, in markdown."""
    table, check, _ = METHODS[method]
    found, built = document[check], document[table]
    minutes = f"{document['build_s'] / 60:.0f} min" if method == "in turn" else ""
    return (
        f"| {name} | {method} | {minutes} | {found['mape']:.1f} % | {100 * found['within_10pct']:.0f} % "
        f"| {found['kendall_tau']:.3f} | {found['kendall_tau_within_20pct']:.2f} | {built['cv_mape']:.1f} % "
        f"| {scaled(found):.1f} % |"
    )


def scaled(found: dict[str, Any]) -> float:
    """Mean error in per cent after the best common factor, which ranking does not need."""
    ratio = np.array([network["estimated_ms"] / network["latency_ms"] for network in found["networks"]])
    return 100 * float(np.abs(ratio / np.median(ratio) - 1).mean())


def draw(documents: dict[str, dict[str, Any]]) -> None:
    figure = Figure(figsize=(8, 4.1 * len(documents)), dpi=110, layout="constrained")
    grid = figure.subplots(len(documents), 2, squeeze=False)
    for (name, document), both in zip(documents.items(), grid, strict=True):
        for axes, method in zip(both, METHODS, strict=True):
            found = document[METHODS[method][1]]
            panel(axes, found, METHODS[method][2])
            figures = f"mean error {found['mape']:.1f} %, tau {found['kendall_tau']:.3f}"
            axes.set_title(f"{name}\n{method}: {figures}", fontsize=9, loc="left")
    for axes in grid[:, 0]:
        axes.set_ylabel("estimated, ms")
    for axes in grid[-1]:
        axes.set_xlabel("measured, ms")
    figure.savefig(RESULTS / "clocks.png")


def panel(axes: Axes, found: dict[str, Any], colour: str) -> None:
    measured_ms = np.array([network["latency_ms"] for network in found["networks"]])
    estimated_ms = np.array([network["estimated_ms"] for network in found["networks"]])
    ends = np.array(
        [min(measured_ms.min(), estimated_ms.min()) / 1.1, max(measured_ms.max(), estimated_ms.max()) * 1.1]
    )
    axes.fill_between(ends, ends * 0.9, ends * 1.1, color="#e5e7eb", lw=0)
    axes.plot(ends, ends, color="#1f2937", lw=0.8)
    axes.scatter(measured_ms, estimated_ms, s=14, color=colour, edgecolor="white", lw=0.4, zorder=3)
    axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends, aspect="equal")
    label_log_axes(axes)
    axes.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    main()
