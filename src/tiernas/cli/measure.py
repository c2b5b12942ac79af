"""`tiernas latency measure`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tiernas.cli.device import DeviceOption
from tiernas.cli.options import BatchOption, EngineOption, PrecisionOption, ThreadsOption
from tiernas.cli.output import JsonOption, log_to_stderr, print_json, print_table
from tiernas.cli.stopping import keeping
from tiernas.errors import UsageError
from tiernas.shapes import shape_in_words

if TYPE_CHECKING:
    from tiernas.engines import Measurement
    from tiernas.latency.measuring.measured_network import MeasuredNetwork

_log = logging.getLogger("tiernas.latency")


def measure(
    network: Annotated[
        str,
        typer.Argument(
            help="A released network (gpunet_0), an architecture file (.json), a vector (comma-separated integers), "
            "timm:NAME, or an ONNX file (.onnx)."
        ),
    ],
    engine: EngineOption = "openvino",
    precision: PrecisionOption = "fp32",
    batch: BatchOption = 1,
    threads: ThreadsOption = 1,
    space: Annotated[str, typer.Option("--space", help="Search space of a vector.")] = "gpunet",
    resolution: Annotated[
        int | None, typer.Option("--resolution", help="Height and width of the input [default: the network's].")
    ] = None,
    num_classes: Annotated[
        int | None, typer.Option("--classes", help="Number of classes [default: 1000; for a vector, the space's].")
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option("--calibration", help="Images for int8: a folder, or a .npy file of normalized images."),
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Also measure the next more exact precision, and say which one to deploy.")
    ] = False,
    against: Annotated[
        str | None,
        typer.Option(
            "--against", help="Also measure this network, and say which of the two is faster, and by how much."
        ),
    ] = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="Show the time of each layer, or of the slowest nodes.")
    ] = False,
    seconds: Annotated[
        float,
        typer.Option("--seconds", min=0.01, help="Time limit; three times as long if the machine is never quiet."),
    ] = 10.0,
    top: Annotated[int, typer.Option("--top", min=1, help="Number of nodes to list.")] = 15,
    device: DeviceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure one network: its latency, the confidence interval, and the time of each layer."""
    from tiernas.devices import open_device
    from tiernas.engines import get_engine

    log_to_stderr()
    with open_device(device) as there:
        runtime = get_engine(engine, precision=precision, batch=batch, threads=threads, device=there)
        if calibration and precision != "int8":
            raise UsageError(f"--calibration: {precision} needs no calibration, only int8 does")

        from tiernas.latency.measuring.calibration_files import read_calibration
        from tiernas.latency.measuring.measure import measure_subject
        from tiernas.latency.measuring.subject import find_subject
        from tiernas.networks.normalization import IMAGE_MEAN, IMAGE_STD

        subject = find_subject(network, space=space, resolution=resolution, num_classes=num_classes)
        opponent = against and find_subject(against, space=space, resolution=resolution, num_classes=num_classes)
        mean, std = subject.normalization or (IMAGE_MEAN, IMAGE_STD)
        with keeping("no measurement was completed; use fewer --seconds to finish sooner"):
            _log.info("measuring %s in %s, for up to %g s", subject.name, precision, seconds)
            measured = measure_subject(
                subject,
                runtime,
                calibrate=partial(read_calibration, calibration, mean=mean, std=std) if calibration else None,
                profile=profile,
                compare=compare,
                against=opponent or None,
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
        compared = measured.comparison
        _show_both("precision", measured.fingerprint.precision, measured, compared.precision, compared.measurement)
        typer.echo(f"{compared.advice.reason}\n")
    if measured.against:
        against = measured.against
        _show_both("network", measured.network, measured, against.network, against.measurement)
        typer.echo(f"{against.words(measured.network)}\n")
    if measured.parts:
        _show_parts(measured, top)


def _facts(measured: MeasuredNetwork) -> Iterator[tuple[str, object]]:
    found, on = measured.measurement, measured.fingerprint
    yield (
        "latency",
        f"{found.latency_ms:.3f} ms undisturbed (95 % interval {found.low_ms:.3f} to {found.high_ms:.3f} ms)",
    )
    yield "as found", f"{found.found_ms:.3f} ms (median)"
    yield "p90, p95, p99", f"{found.p90_ms:.3f}, {found.p95_ms:.3f}, {found.p99_ms:.3f} ms as found"
    yield "coefficient of variation", f"{found.cv:.1%}"
    if turns := found.in_turn:
        yield (
            "ratio to the anchor",
            f"{turns.ratio:.4f} (95 % interval {turns.ratio_low:.4f} to {turns.ratio_high:.4f}; "
            f"{turns.quiet_pairs} of {turns.pairs} turns were quiet)",
        )
        yield (
            "anchor",
            f"{turns.anchor_ms:.3f} ms undisturbed ({turns.anchor_low_ms:.3f} to {turns.anchor_high_ms:.3f} ms in this "
            f"session), {turns.anchor_found_ms:.3f} ms as found; graph {turns.anchor}",
        )
    yield "loads", found.loads
    yield "runs", found.runs
    yield "other load", f"{found.other_load:.2f} cores"
    yield "input", shape_in_words(measured.input_shape)
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


def _show_both(key: str, name: str, measured: MeasuredNetwork, other_name: str, other: Measurement) -> None:
    columns = {
        key: key,
        "latency": "latency, ms",
        "interval": "95 % interval, ms",
        "found": "as found",
        "p95": "p95, ms",
    }
    both = [(name, measured.measurement), (other_name, other)]
    print_table([{key: called, **_brief(found)} for called, found in both], columns)


def _brief(found: Measurement) -> dict[str, str]:
    return {
        "latency": f"{found.latency_ms:.3f}",
        "interval": f"{found.low_ms:.3f} to {found.high_ms:.3f}",
        "found": f"{found.found_ms:.3f}",
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
    print_table(rows, {**columns, "ms": "ms", "share": "share"}, title=f"profile: shares of {total_ms:.3f} ms")
    if len(listed) < len(measured.parts):
        rest = 1 - sum(part.share for part in listed)
        typer.echo(f"{len(measured.parts) - len(listed)} more nodes: {rest:.1%}")
