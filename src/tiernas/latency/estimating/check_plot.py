"""The scatter plot of a check."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from tiernas.errors import UsageError
from tiernas.latency.estimating.check import Check
from tiernas.latency.estimating.table_file import Header

_BAND = 0.10
_INK, _DOTS, _FILL = "#1f2937", "#2563eb", "#dbeafe"


def label_log_axes(axes: Axes) -> None:
    """Labels 1, 2 and 5 of every decade on both logarithmic axes, as plain numbers."""
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())


def plot_check(check: Check, header: Header, path: Path) -> None:
    """Plots estimated over measured latency, both logarithmic, with a band of 10 %; the suffix determines the format.

    Raises:
        UsageError: The file cannot be written.
    """
    measured, estimated = check.measured_ms, check.estimated_ms
    both = np.concatenate([measured, estimated])
    ends = np.array([both.min() / 1.15, both.max() * 1.15])
    figure = Figure(figsize=(5.6, 5.8), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    axes.fill_between(ends, ends * (1 - _BAND), ends * (1 + _BAND), color=_FILL, lw=0, label=f"within {_BAND:.0%}")
    axes.plot(ends, ends, color=_INK, lw=0.9)
    axes.errorbar(
        measured,
        estimated,
        xerr=np.abs([[n.measurement.low_ms, n.measurement.high_ms] for n in check.networks] - measured[:, None]).T,
        fmt="o",
        ms=4.5,
        color=_DOTS,
        mec="white",
        mew=0.5,
        elinewidth=0.8,
        label="network, with the interval of its median",
    )
    axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends, aspect="equal")
    label_log_axes(axes)
    axes.set_xlabel("measured median latency, ms")
    axes.set_ylabel("latency estimated by the table, ms")
    axes.grid(color="#e5e7eb", lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower right", frameon=False, fontsize=8)
    on = header.fingerprint
    threads = "1 thread" if on.threads == 1 else f"{on.threads} threads"
    axes.set_title(
        f"{header.space}: mean error {check.mape:.1f} %, Kendall's tau {check.kendall_tau:.3f}\n"
        f"{len(check.networks)} fresh networks · {on.engine} {on.precision}, batch {on.batch}, {threads}\n{on.device}",
        fontsize=9,
        loc="left",
        color=_INK,
    )
    try:
        figure.savefig(path)
    except OSError as error:
        raise UsageError(f"{path}: the plot cannot be written ({error.strerror}); choose another file") from error
