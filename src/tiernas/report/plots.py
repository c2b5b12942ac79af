"""The figures of a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from tiernas.blocks.rows import FloatArray
from tiernas.ledger import Candidate, State
from tiernas.table import Entry
from tiernas.table.name import name_part
from tiernas.table.ties import pareto_front, tied
from tiernas.tiers import Tier

_LINEAR_UP_TO = 0.15
"""Accuracies that differ by no more are drawn on a linear axis."""

_LEAST_ERROR = 1e-3
"""Keeps the logarithm of the error finite for accuracies of 100 %."""

_ACCURACY_TICKS = (0.0, 0.2, 0.4, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999, 1.0)
"""Accuracies that are labeled on a logarithmic axis."""

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Colors that color-blind readers can distinguish (Okabe and Ito, 2008), one per tier."""


def plot_front(
    studies: Mapping[Tier, Sequence[Candidate]],
    entries: Sequence[Entry],
    path: Path,
    title: str,
    published: Sequence[Entry] = (),
) -> None:
    """Draws accuracy over latency: every candidate, the entries, the tiers and the Pareto front.

    Args:
        studies: The candidates of each tier.
        entries: The entries of the model table from this search.
        path: The PNG file to write.
        title: Line above the figure.
        published: Entries with published accuracies that these can be compared with.
    """
    figure, axes = plt.subplots(figsize=(9, 5.5), layout="constrained")
    for colour, (tier, candidates) in zip(_cycle(len(studies)), studies.items(), strict=True):
        done = [c for c in candidates if c.accuracy is not None]
        axes.axvspan(tier.low_ms, tier.high_ms, color=colour, alpha=0.08, lw=0)
        axes.scatter(
            [c.estimated_latency_ms for c in done],
            [c.accuracy or 0.0 for c in done],
            s=22,
            facecolors="none",
            edgecolors=colour,
            label=f"tier {tier.name} ms: {len(done)} candidates (estimated latency, validation)",
        )
    rivals = [e for e in entries if e.rival]
    if found := [e for e in entries if not e.rival]:
        _draw_entries(axes, found)
    if rivals:
        _draw_rivals(axes, rivals)
    if published:
        _draw_published(axes, published)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.tick_params(axis="x", which="minor", labelsize=8)
    axes.set(
        xlabel="latency (ms): circles estimated, stars measured",
        ylabel="top-1 accuracy: circles validation, stars test",
        title=title,
    )
    accuracies = [c.accuracy for cs in studies.values() for c in cs if c.accuracy is not None]
    _scale_accuracy(axes, accuracies, [*entries, *published])
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", fontsize=8, ncols=2)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def plot_progress(studies: Mapping[Tier, Sequence[Candidate]], path: Path, title: str) -> None:
    """Draws the accuracy of each candidate and the best so far, in the order of proposals.

    Args:
        studies: The candidates of each tier.
        path: The PNG file to write.
        title: Line above the figure.
    """
    figure, axes = plt.subplots(figsize=(9, 4.5), layout="constrained")
    everything: list[float] = []
    for colour, (tier, candidates) in zip(_cycle(len(studies)), studies.items(), strict=True):
        done = [c for c in candidates if c.accuracy is not None]
        numbers = [c.number for c in done]
        accuracies = [c.accuracy or 0.0 for c in done]
        everything += accuracies
        failed = [c.number for c in candidates if c.state is State.FAILED]
        axes.scatter(numbers, accuracies, s=14, color=colour, alpha=0.45)
        axes.step(numbers, np.maximum.accumulate(accuracies or [0.0])[: len(numbers)], where="post", color=colour)
        axes.plot([], [], color=colour, label=f"tier {tier.name} ms, best so far; {len(failed)} failed")
    axes.set(xlabel="number of the candidate", ylabel="top-1 accuracy, validation", title=title)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _scale_accuracy(axes, everything, [])
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", fontsize=8, ncols=2)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def _draw_entries(axes: Axes, entries: Sequence[Entry]) -> None:
    latencies_ms, accuracies = [e.latency_ms for e in entries], [e.accuracy for e in entries]
    axes.errorbar(
        latencies_ms,
        accuracies,
        xerr=_beyond(latencies_ms, [e.latency_interval_ms for e in entries]),
        yerr=_beyond(accuracies, [_accuracy_range(e) for e in entries]),
        fmt="*",
        markersize=9,
        color="black",
        ecolor="grey",
        elinewidth=0.8,
        zorder=3,
        label="entries of the model table (measured latency, test; 95 % intervals)",
    )
    for entry in entries:
        axes.annotate(
            short_name(entry),
            (entry.latency_ms, entry.accuracy),
            (5, 5),
            textcoords="offset points",
            fontsize=7,
            zorder=4,
        )
    front = pareto_front(entries)
    for here, there in pairwise(front):
        x, y = [here.latency_ms, there.latency_ms, there.latency_ms], [here.accuracy, here.accuracy, there.accuracy]
        axes.plot(x, y, color="black", lw=1, linestyle="--" if tied(here, there) else "-")
    axes.plot([], [], color="black", lw=1, label="Pareto front of the entries (dashed: a gain within noise)")


def _draw_rivals(axes: Axes, rivals: Sequence[Entry]) -> None:
    """Known networks that were trained like the finalists, and their own Pareto front."""
    front = pareto_front(rivals)
    axes.plot([e.latency_ms for e in front], [e.accuracy for e in front], color="tab:red", lw=0.8, linestyle=":")
    axes.scatter(
        [e.latency_ms for e in rivals],
        [e.accuracy for e in rivals],
        marker="s",
        s=28,
        color="tab:red",
        zorder=3,
        label="rivals: known networks, trained and measured alike (dotted: their Pareto front)",
    )
    for rival in rivals:
        axes.annotate(rival.network, (rival.latency_ms, rival.accuracy), (4, 4), textcoords="offset points", fontsize=6)


def _draw_published(axes: Axes, published: Sequence[Entry]) -> None:
    axes.scatter(
        [e.latency_ms for e in published],
        [e.accuracy for e in published],
        marker="D",
        facecolors="none",
        edgecolors="black",
        zorder=3,
        label="published accuracy, latency measured here",
    )
    for entry in published:
        axes.annotate(entry.network, (entry.latency_ms, entry.accuracy), (4, 4), textcoords="offset points", fontsize=6)


def _beyond(values: Sequence[float], intervals: Sequence[tuple[float, float]]) -> list[list[float]]:
    """How far intervals reach below and above values, `(2, n)`."""
    pairs = list(zip(values, intervals, strict=True))
    return [
        [max(0.0, value - low) for value, (low, _) in pairs],
        [max(0.0, high - value) for value, (_, high) in pairs],
    ]


def _accuracy_range(entry: Entry) -> tuple[float, float]:
    return entry.accuracy_interval or (entry.accuracy, entry.accuracy)


def short_name(entry: Entry) -> str:
    """The part of an entry's name that distinguishes it from others of its search: tier and rank, or the parent."""
    ending = f"-{name_part(entry.engine)}-{name_part(entry.precision)}-{entry.digest}"
    study, _, _ = entry.study.partition(",")
    return entry.name.removesuffix(ending).removeprefix(f"{study}-")


def _scale_accuracy(axes: Axes, accuracies: Sequence[float], entries: Sequence[Entry]) -> None:
    """Scales the vertical axis so that every point is visible, and the best ones are still apart.

    If accuracies differ much, the logarithm of the error is drawn: from 98 to 99 % it is as far as from 80 to 90 %.
    """
    ranges = [(accuracy, accuracy) for accuracy in accuracies] + [_accuracy_range(entry) for entry in entries]
    if ranges:
        low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
        if high - low > _LINEAR_UP_TO:
            _scale_error(axes, low, high)
        else:
            margin = max(0.05 * (high - low), 0.002)
            axes.set_ylim(low - margin, high + margin)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.1%}"))


def _scale_error(axes: Axes, low: float, high: float) -> None:
    """Makes the vertical axis logarithmic in the error, from an accuracy to another one."""
    least = (1 - high) / 2 + _LEAST_ERROR
    perfect = 1 + least

    def forward(accuracy: FloatArray) -> FloatArray:
        return np.asarray(-np.log10(np.maximum(perfect - accuracy, least / 2)))

    def inverse(scaled: FloatArray) -> FloatArray:
        return np.asarray(perfect - 10.0 ** -np.asarray(scaled))

    axes.set_yscale("function", functions=(forward, inverse))
    axes.set_ylim(low - 0.05 * (high - low), min(high + max((1 - high) / 2, least / 3), 1 + least / 3))
    axes.yaxis.set_major_locator(FixedLocator([tick for tick in _ACCURACY_TICKS if low - 0.05 <= tick <= high]))
    axes.yaxis.set_minor_locator(NullLocator())


def _cycle(n: int) -> list[str]:
    return [_COLOURS[i % len(_COLOURS)] for i in range(n)]
