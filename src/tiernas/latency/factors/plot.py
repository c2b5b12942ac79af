"""The figure of a factor study: one panel per factor, one line per engine and precision."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from tiernas.errors import UsageError
from tiernas.latency.factors.study import FactorCost, FactorStudy
from tiernas.latency.factors.variants import Factor

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Colors that color-blind readers can distinguish (Okabe and Ito, 2008), one per engine and precision."""
_MARKERS = "osD^vP"
_INK, _GRID, _MACS = "#1f2937", "#e5e7eb", "#6b7280"
_AXIS = {
    Factor.ACTIVATION: "activation, everywhere",
    Factor.KERNEL: "kernel of all stages",
    Factor.EXPANSION: "expansion of all (fused) IRBs",
    Factor.SQUEEZE_EXCITE: "squeeze-and-excitation in (fused) IRBs",
    Factor.FILTERS: "filters of all stages, times the base's",
    Factor.LAYERS: "layers of all stages, times the base's",
    Factor.RESOLUTION: "resolution, pixels",
}
_COLUMNS = 4
_UPRIGHT = 3
"""Maximum number of names that fit side by side."""
_SPREAD = 0.24
"""Total offset between the lines of a panel with names, so that their intervals do not overlap."""


def plot_factors(study: FactorStudy, path: Path) -> None:
    """Plots the ratio of each variant's latency to the base's; the suffix determines the format.

    Gray dashes are the ratio of multiply-accumulates: a line above them costs more per operation than the base.

    Raises:
        UsageError: The file cannot be written, or its suffix is not that of a known format.
    """
    require_plottable(path)
    costs = study.costs()
    engines = list(dict.fromkeys(found.engine for found in costs))
    factors = [factor for factor in Factor if any(found.factor is factor for found in costs)]
    columns = min(_COLUMNS, len(factors))
    rows = -(-len(factors) // columns)
    figure = Figure(figsize=(max(3.4 * columns, 6.4), 2.9 * rows + 1.1), dpi=150, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    panels = list(grid.flat)
    for factor, axes in zip(factors, panels, strict=False):
        _panel(axes, factor, [found for found in costs if found.factor is factor], engines)
    for axes in panels[len(factors) :]:
        axes.axis("off")
    for row in grid:
        row[0].set_ylabel("latency over the base's", fontsize=9)
    _legend(figure, panels[len(factors) :], study, panels[0])
    figure.suptitle(_title(study), fontsize=9, x=0.01, ha="left", color=_INK)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
    except OSError as error:
        raise UsageError(f"{path}: the plot cannot be written ({error.strerror}); choose another file") from error


def require_plottable(path: Path) -> None:
    """Checks the path of a figure before anything is measured for it.

    Raises:
        UsageError: The suffix is not that of a known format.
    """
    known = sorted(FigureCanvasBase.get_supported_filetypes())
    if path.suffix.removeprefix(".").lower() not in known:
        raise UsageError(f"{path}: no such kind of figure; must end in one of {', '.join('.' + s for s in known)}")


def _panel(axes: Axes, factor: Factor, costs: Sequence[FactorCost], engines: Sequence[str]) -> None:
    named = any(isinstance(found.value, str) for found in costs)
    labels = list(dict.fromkeys(found.label for found in costs))
    axes.axhline(1, color=_INK, lw=0.8)
    for index, engine in enumerate(engines):
        mine = [found for found in costs if found.engine == engine]
        shift = _SPREAD * (index - (len(engines) - 1) / 2) / max(len(engines) - 1, 1) if named else 0.0
        at = [labels.index(found.label) + shift if named else float(found.value) for found in mine]
        _line(axes, at, mine, index, joined=not named)
    reference = {labels.index(f.label) if named else float(f.value): f.macs_ratio for f in costs}
    macs = dict(sorted(reference.items()))
    axes.plot(
        list(macs),
        list(macs.values()),
        color=_MACS,
        lw=1,
        ls="--",
        zorder=1,
        label="multiply-accumulates over the base's",
    )
    if named:
        axes.set_xticks(range(len(labels)), [label.replace("_", "-") for label in labels])
        if len(labels) > _UPRIGHT:
            for label in axes.get_xticklabels():
                label.set(rotation=30, ha="right", rotation_mode="anchor")
        axes.set_xlim(-0.6, len(labels) - 0.4)
    else:
        axes.set_xticks(sorted(reference))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.tick_params(labelsize=8)
    axes.set_xlabel(_AXIS[factor], fontsize=8)
    axes.grid(color=_GRID, lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _line(axes: Axes, at: Sequence[float], costs: Sequence[FactorCost], index: int, *, joined: bool) -> None:
    colour, marker = _COLOURS[index % len(_COLOURS)], _MARKERS[index % len(_MARKERS)]
    ratios = [found.ratio for found in costs]
    intervals = [[f.ratio - f.ratio_low for f in costs], [f.ratio_high - f.ratio for f in costs]]
    axes.errorbar(
        at,
        ratios,
        yerr=intervals,
        fmt=marker + ("-" if joined else ""),
        color=colour,
        ms=4.5,
        lw=1.2,
        elinewidth=0.9,
        capsize=2,
        label=costs[0].engine if costs else "",
    )
    unstable = [(x, found.ratio) for x, found in zip(at, costs, strict=True) if found.unstable]
    if unstable:
        axes.plot(*zip(*unstable, strict=True), marker, mfc="white", mec=colour, ms=4.5, zorder=3)


def _legend(figure: Figure, spare: Sequence[Axes], study: FactorStudy, panel: Axes) -> None:
    """Places the legend in a spare panel, or below if there is none."""
    handles, engines = panel.get_legend_handles_labels()
    base_ms = study.base_ms()
    labels = [f"{engine}: base {base_ms[engine]:.3g} ms" if engine in base_ms else engine for engine in engines]
    if spare:
        spare[0].legend(handles, labels, loc="center left", frameon=False, fontsize=8)
    else:
        figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False, fontsize=8)


def _title(study: FactorStudy) -> str:
    base = study.base
    on = study.sweeps[0].fingerprint
    devices = ", ".join(dict.fromkeys(sweep.fingerprint.device for sweep in study.sweeps))
    threads = "1 thread" if on.threads == 1 else f"{on.threads} threads"
    hollow = "; hollow: the interval is wide" if any(found.unstable for found in study.costs()) else ""
    return (
        f"What each factor costs around {base.name} at {base.architecture.resolution} pixels, one at a time{hollow}\n"
        f"{devices}, batch {on.batch}, {threads}"
    )
