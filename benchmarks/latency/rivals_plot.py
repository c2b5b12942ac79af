"""The figure of rivals.py: published accuracy over measured latency, one panel per precision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.text import Annotation
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from matplotlib.transforms import Bbox

GPUNET = ("GPUNet", "GPUNet, distilled")
GPUNET_COLOUR = "#d55e00"
COLOURS = ("#0072b2", "#00795a", "#c2559d", "#7a5195", "#6b8e23", "#8c6d1f", "#333333", "#a52a2a", "#5f7285")
"""One color per family of rivals, dark enough for small letters; markers distinguish families, too."""
MARKERS = "osD^vP<>X"

OFFSETS = [
    (x * distance, y * distance)
    for distance in (1.0, 1.8, 2.8, 4.0)
    for x, y in ((5, 5), (5, -5), (-5, 5), (-5, -5), (0, 7), (0, -7), (8, 0), (-8, 0))
]
"""Where a label may stand beside its point, in printer's points, the best first."""


def plot(found: dict[str, Any], path: Path) -> None:
    """Draws one panel per precision.

    Args:
        found: The results of each precision, the most exact first.
        path: The file to write.
    """
    figure = Figure(figsize=(9.5, 0.9 + 5.2 * len(found)), dpi=150, layout="constrained")
    panels = figure.subplots(len(found), sharex=True, squeeze=False)[:, 0]
    for axes, (precision, document) in zip(panels, found.items(), strict=True):
        draw(axes, precision, document)
    panels[-1].set_xlabel("measured latency of one image, ms")
    on = next(iter(found.values()))["fingerprint"]
    threads = "1 thread" if on["threads"] == 1 else f"{on['threads']} threads"
    figure.suptitle(
        f"{on['device']}, {on['engine']} {on['engine_version']}, batch {on['batch']}, {threads}", fontsize=10
    )
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=6, fontsize=8, frameon=False)
    figure.draw_without_rendering()  # the layout must be final before labels are placed
    for axes in panels:
        place_labels(axes)
    figure.savefig(path)


def draw(axes: Axes, precision: str, document: dict[str, Any]) -> None:
    """Points, lines of families and the front of one precision; labels at their points."""
    families: dict[str, list[dict[str, Any]]] = {}
    for row in document["networks"]:
        families.setdefault(row["family"], []).append(row)
    rivals = [family for family in families if family not in GPUNET]
    for family, rows in families.items():
        rows.sort(key=latency)
        if family in GPUNET:
            filled = GPUNET_COLOUR if family == "GPUNet" else "white"
            style: dict[str, Any] = {
                "color": GPUNET_COLOUR,
                "marker": "*",
                "ms": 13,
                "mfc": filled,
                "lw": 2,
                "zorder": 4,
            }
        else:
            index = rivals.index(family)
            style = {"color": COLOURS[index % 9], "marker": MARKERS[index % 9], "ms": 5, "lw": 1, "alpha": 0.9}
        axes.plot([latency(row) for row in rows], [row["top1"] for row in rows], label=family, **style)
        for row in rows:
            short = row["label"] if family in GPUNET or len(rows) < 3 else row["label"].removeprefix(f"{family}-")
            weight = "bold" if family in GPUNET else "normal"
            axes.annotate(
                short + ("?" if row["measurement"]["unstable"] else ""),
                (latency(row), row["top1"]),
                xytext=(0, 0),
                textcoords="offset points",
                fontsize=7.5,
                fontweight=weight,
                color=style["color"],
                zorder=5,
                path_effects=[withStroke(linewidth=2.5, foreground="white")],
            )
    front = pareto(document["networks"])
    axes.step(
        [latency(row) for row in front],
        [row["top1"] for row in front],
        where="post",
        color="#bdbdbd",
        lw=5,
        alpha=0.5,
        zorder=0,
        label="best at its latency",
    )
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(labelbottom=True)
    axes.margins(x=0.06, y=0.08)
    axes.set_ylabel("published ImageNet top-1, %")
    axes.set_title(precision, loc="left", fontweight="bold")
    axes.grid(color="#e5e7eb", lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if any(row["measurement"]["unstable"] for row in document["networks"]):
        axes.text(0.99, 0.02, "?: unstable measurement", transform=axes.transAxes, ha="right", fontsize=8)


def latency(row: dict[str, Any]) -> float:
    return float(row["measurement"]["latency_ms"])


def pareto(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Networks that no other one beats in both latency and accuracy, fastest first."""
    front: list[dict[str, Any]] = []
    for row in sorted(rows, key=lambda row: (latency(row), -row["top1"])):
        if not front or row["top1"] > front[-1]["top1"]:
            front.append(row)
    return front


def place_labels(axes: Axes) -> None:
    """Moves each label to the first place beside its point where it covers neither a point nor another label.

    Where there is none it takes the place where it covers least. A label stays within the axes.
    """
    labels = [text for text in axes.texts if isinstance(text, Annotation)]
    points = [axes.transData.transform(label.xy) for label in labels]
    taken = [Bbox.from_bounds(x - 8, y - 8, 16, 16) for x, y in points]
    for label in labels:
        boxes: list[tuple[float, tuple[float, float], Bbox]] = []
        for offset in OFFSETS:
            move(label, offset)
            box = label.get_window_extent().padded(1)
            outside = box.width * box.height - overlap(box, axes.bbox)
            boxes.append((outside + sum(overlap(box, other) for other in taken), offset, box))
            if boxes[-1][0] < 1:  # square pixel
                break
        _, offset, box = min(boxes, key=lambda found: found[0])
        move(label, offset)
        taken.append(box)


def move(label: Annotation, offset: tuple[float, float]) -> None:
    x, y = offset
    label.set_position(offset)
    label.set_horizontalalignment("left" if x > 0 else "right" if x < 0 else "center")
    label.set_verticalalignment("bottom" if y > 0 else "top" if y < 0 else "center")


def overlap(one: Bbox, other: Bbox) -> float:
    """Area that two boxes share, in pixels."""
    shared = Bbox.intersection(one, other)
    return 0.0 if shared is None else float(shared.width * shared.height)
