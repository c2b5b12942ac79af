"""`tiernas latency factors`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tiernas.cli.device import DeviceOption
from tiernas.cli.options import BatchOption, ThreadsOption
from tiernas.cli.output import JsonOption, log_to_stderr, print_json, print_table
from tiernas.cli.stopping import keeping

if TYPE_CHECKING:
    from tiernas.engines import Measurement
    from tiernas.latency.factors import FactorStudy

_log = logging.getLogger("tiernas.latency")


def factors(
    base: Annotated[
        str, typer.Option("--base", help="Base network: a released one, or an architecture file (.json).")
    ] = "gpunet_0",
    resolution: Annotated[
        int | None, typer.Option("--resolution", help="Input size in pixels [default: the base's].")
    ] = None,
    num_classes: Annotated[int, typer.Option("--classes", help="Number of classes.")] = 1000,
    engine: Annotated[
        list[str] | None, typer.Option("--engine", help="Engine, or ENGINE:PRECISION; repeatable [default: openvino].")
    ] = None,
    precision: Annotated[
        list[str] | None,
        typer.Option("--precision", help="Precision of engines given without one; repeatable [default: fp32]."),
    ] = None,
    factor: Annotated[
        list[str] | None, typer.Option("--factor", help="Factor to vary; repeatable [default: all].")
    ] = None,
    batch: BatchOption = 1,
    threads: ThreadsOption = 1,
    output: Annotated[
        Path | None,
        typer.Option("--output", help="Folder for factors.json and factors.png; an existing study is resumed."),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Write the plot to this file (.png, .svg or .pdf).")
    ] = None,
    device: DeviceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure the latency cost of each design choice, varying one factor of a base network at a time."""
    from tiernas.devices import open_device
    from tiernas.engines import get_engine
    from tiernas.latency.factors import (
        Factor,
        base_network,
        engine_pairs,
        get_factor,
        measure_factors,
        plot_factors,
        require_plottable,
    )

    log_to_stderr()
    figures = [*([output / "factors.png"] if output else []), *([plot] if plot else [])]
    for figure in figures:
        require_plottable(figure)
    pairs = engine_pairs(engine or ["openvino"], precision or ["fp32"])
    path = output / "factors.json" if output else None
    kept = "nothing is kept without --output"
    if path:
        kept = f"{path} keeps every completed factor; the same command continues"
    with open_device(device) as there, keeping(kept):
        study = measure_factors(
            base_network(base, resolution=resolution, num_classes=num_classes),
            [get_engine(name, precision=own, batch=batch, threads=threads, device=there) for name, own in pairs],
            factors=[get_factor(name) for name in factor or Factor],
            path=path,
            progress=_show,
        )
    for figure in figures:
        plot_factors(study, figure)
        _log.info("wrote %s", figure)
    if as_json:
        print_json(study.to_dict())
    else:
        _print(study)


_COLUMNS = {
    "factor": "factor",
    "label": "value",
    "latency": "ms",
    "ratio": "ratio",
    "interval": "interval",
    "macs": "MACs",
    "per_mac": "ms/GMAC",
}


def _print(study: FactorStudy) -> None:
    for name, base_ms in study.base_ms().items():
        rows = [
            {
                "factor": found.factor.value,
                "label": found.label + (" = base" if found.is_base else ""),
                "latency": f"{found.latency_ms:.3f}" + ("?" if found.unstable else ""),
                "ratio": f"{found.ratio:.3f}",
                "interval": f"{found.ratio_low:.3f}-{found.ratio_high:.3f}",
                "macs": f"{found.macs_ratio:.3f}",
                "per_mac": found.ms_per_gmac,
            }
            for found in study.costs()
            if found.engine == name
        ]
        title = f"{study.base.name}, {study.base.architecture.resolution} pixels, on {name}: base {base_ms:.3f} ms"
        print_table(rows, _COLUMNS, title=title)


def _show(done: int, wanted: int, what: str, found: Measurement) -> None:
    _log.info("%d/%d  %s: %.3f ms%s", done, wanted, what, found.latency_ms, "  unstable" if found.unstable else "")
