"""`tiernas latency measure`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tiernas.cli.output import JsonOption, log_to_stderr, print_json, print_table
from tiernas.cli.stopping import keeping
from tiernas.errors import UsageError

if TYPE_CHECKING:
    from tiernas.engines import Measurement
    from tiernas.latency.measured import MeasuredNetwork

_log = logging.getLogger("tiernas.latency")


def measure(
    network: Annotated[
        str,
        typer.Argument(
            help="A released network (gpunet_0), an architecture file (.json), a vector (integers with commas), "
            "timm:NAME, or an ONNX file (.onnx)."
        ),
    ],
    engine: Annotated[str, typer.Option("--engine", help="Deployment engine.")] = "openvino",
    precision: Annotated[str, typer.Option("--precision", help="Precision that the engine runs.")] = "fp32",
    batch: Annotated[int, typer.Option("--batch", help="Images per inference.")] = 1,
    threads: Annotated[int, typer.Option("--threads", help="Threads of one inference.")] = 1,
    space: Annotated[str, typer.Option("--space", help="Search space of a vector.")] = "gpunet",
    resolution: Annotated[
        int | None, typer.Option("--resolution", help="Height and width of the input [default: the network's].")
    ] = None,
    num_classes: Annotated[
        int | None, typer.Option("--classes", help="Classes [default: 1000; of a vector, the space's].")
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option("--calibration", help="Images for int8: a folder, or a .npy file of normalised ones."),
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Measure the next more exact precision too; say which one to deploy.")
    ] = False,
    profile: Annotated[bool, typer.Option("--profile", help="Time of each layer, or of the dearest nodes.")] = False,
    seconds: Annotated[
        float,
        typer.Option("--seconds", min=0.01, help="Load it no more after so long, even if the interval is wide."),
    ] = 10.0,
    top: Annotated[int, typer.Option("--top", min=1, help="How many nodes to list.")] = 15,
    as_json: JsonOption = False,
) -> None:
    """Measures one network: its latency, how sure that is, and where it goes."""
    from tiernas.engines import get_engine
    from tiernas.latency.calibration_files import read_calibration
    from tiernas.latency.measured import measure_subject
    from tiernas.latency.subject import find_subject
    from tiernas.training.preprocessing import IMAGE_MEAN, IMAGE_STD

    log_to_stderr()
    runtime = get_engine(engine, precision=precision, batch=batch, threads=threads)
    if calibration and precision != "int8":
        raise UsageError(f"--calibration: {precision} is not calibrated, only int8 is")
    subject = find_subject(network, space=space, resolution=resolution, num_classes=num_classes)
    mean, std = subject.normalization or (IMAGE_MEAN, IMAGE_STD)
    with keeping("nothing was measured to the end; fewer --seconds take less time"):
        _log.info("measuring %s in %s, for up to %g s", subject.name, precision, seconds)
        measured = measure_subject(
            subject,
            runtime,
            calibrate=partial(read_calibration, calibration, mean=mean, std=std) if calibration else None,
            profile=profile,
            compare=compare,
            limit_s=seconds,
        )
    for warning in measured.warnings:
        _log.warning("%s", warning)
    if as_json:
        print_json(measured.to_dict(top))
    else:
        _show(measured, top)


def _show(measured: MeasuredNetwork, top: int) -> None:
    rows = [{"key": key, "value": value} for key, value in _facts(measured)]
    print_table(rows, {"key": "", "value": f"{measured.network} ({measured.kind})"})
    if measured.comparison:
        compared = {
            measured.fingerprint.precision: measured.measurement,
            measured.comparison.precision: measured.comparison.measurement,
        }
        columns = {
            "precision": "precision",
            "latency": "latency, ms",
            "interval": "nominal 95 % interval, ms",
            "p95": "p95, ms",
        }
        print_table([{"precision": name, **_brief(found)} for name, found in compared.items()], columns)
        typer.echo(f"{measured.comparison.advice.reason}\n")
    if measured.parts:
        _show_parts(measured, top)


def _facts(measured: MeasuredNetwork) -> Iterator[tuple[str, object]]:
    found, on = measured.measurement, measured.fingerprint
    interval = f"nominal 95 % interval {found.low_ms:.3f} to {found.high_ms:.3f} ms"
    yield "latency", f"{found.latency_ms:.3f} ms (median; {interval})"
    yield "p90, p95, p99", f"{found.p90_ms:.3f}, {found.p95_ms:.3f}, {found.p99_ms:.3f} ms"
    yield "coefficient of variation", f"{found.cv:.1%}"
    yield "loads", f"{found.loads} (coefficient of variation between them {found.load_cv:.1%})"
    yield "runs", found.runs
    yield "other load", f"{found.other_load:.2f} cores"
    yield "stable", "no" if found.unstable else "yes"
    yield "input", " x ".join(map(str, measured.input_shape))
    if measured.cost:
        yield "parameters", f"{measured.cost.params:,}"
        yield "multiply-accumulates", f"{measured.cost.macs:,} per image"
    yield "device", on.device
    yield "flags", ", ".join(on.flags) or "-"
    yield "engine", f"{on.engine} {on.engine_version}"
    yield "precision", on.precision
    if measured.calibration is not None:
        yield "calibrated with", f"{measured.calibration} images" if measured.calibration else "noise: latency only"
    yield "batch, threads", f"{on.batch}, {on.threads}"
    yield "graph", measured.graph
    for name, state in found.device_state.items():
        yield f"device {name}", state


def _brief(found: Measurement) -> dict[str, str]:
    return {
        "latency": f"{found.latency_ms:.3f}" + ("  unstable" if found.unstable else ""),
        "interval": f"{found.low_ms:.3f} to {found.high_ms:.3f}",
        "p95": f"{found.p95_ms:.3f}",
    }


def _show_parts(measured: MeasuredNetwork, top: int) -> None:
    listed = measured.listed(top)
    total_ms = sum(part.time_ms for part in measured.parts)
    rows = [
        {"name": part.name, "kind": part.kind, "shape": part.shape, "ms": part.time_ms, "share": f"{part.share:.1%}"}
        for part in listed
    ]
    columns = {"name": "node"}
    if measured.by_layer:
        columns = {"name": "layer", "kind": "block", "shape": "input -> output"}
    print_table(rows, {**columns, "ms": "ms", "share": "share"}, title=f"profile: {total_ms:.3f} ms in all")
    if len(listed) < len(measured.parts):
        rest = 1 - sum(part.share for part in listed)
        typer.echo(f"{len(measured.parts) - len(listed)} more nodes: {rest:.1%}")
