"""`tiernas latency build | check | show`; the other commands of this group have their own modules."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tiernas.cli.device import DeviceOption
from tiernas.cli.factors import factors
from tiernas.cli.kit import import_results, plan
from tiernas.cli.measure import measure
from tiernas.cli.options import BatchOption, EngineOption, PrecisionOption, SpaceOption, ThreadsOption
from tiernas.cli.output import JsonOption, log_to_stderr, print_json, print_table
from tiernas.cli.rules import rule_with
from tiernas.cli.stopping import keeping

if TYPE_CHECKING:
    from tiernas.engines import Measurement
    from tiernas.latency import CheckedNetwork, LatencyTable, Record
    from tiernas.latency.estimating.looks import Look

app = typer.Typer(
    help="Measure latencies and build the latency table of this device.", no_args_is_help=True, rich_markup_mode=None
)
app.command("plan")(plan)
app.command("import")(import_results)
app.command("measure")(measure)
app.command("factors")(factors)

TableOption = Annotated[
    Path | None,
    typer.Option(
        "--table", help="Latency table [default: latency/SPACE-ENGINE-PRECISION.jsonl; of a device: latency/HOST/...]."
    ),
]

_log = logging.getLogger("tiernas.latency")


@app.command()
def build(
    space: SpaceOption = "gpunet-small",
    engine: EngineOption = "openvino",
    precision: PrecisionOption = "fp32",
    batch: BatchOption = 1,
    threads: ThreadsOption = 1,
    table: TableOption = None,
    networks: Annotated[int | None, typer.Option("--networks", help="Networks to measure [default: 48].")] = None,
    minutes: Annotated[float | None, typer.Option("--minutes", help="Time limit.")] = None,
    seconds: Annotated[float | None, typer.Option("--seconds", help="Time limit per network [default: 6].")] = None,
    num_classes: Annotated[
        int | None, typer.Option("--classes", help="Number of classes [default: the space's].")
    ] = None,
    device: DeviceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure random networks and fit the latency table; an existing table is extended."""
    from tiernas.devices import open_device
    from tiernas.engines import get_engine

    log_to_stderr()
    begin = time.monotonic()
    with open_device(device) as there:
        runtime = get_engine(engine, precision=precision, batch=batch, threads=threads, device=there)

        from tiernas.latency import build_table, judge_table
        from tiernas.latency.estimating.build import RULE
        from tiernas.spaces import get_space

        path = table or _default_path(space, engine, precision, device)
        with keeping(f"{path} keeps all networks measured so far; the same command continues"):
            built = build_table(
                get_space(space),
                runtime,
                path,
                networks=networks,
                minutes=minutes,
                num_classes=num_classes,
                rule=rule_with(RULE, seconds),
                progress=_show_record,
            )
    verdict = judge_table(built, path, device)
    summary = {"table": str(path), "build_s": time.monotonic() - begin, **built.summary()}
    if as_json:
        print_json({**summary, "verdict": verdict.to_dict()})
    else:
        print_table([summary], _SUMMARY, title=str(path))
        typer.echo(verdict.words)
        _say_scale(built)


@app.command()
def check(
    space: SpaceOption = "gpunet-small",
    engine: EngineOption = "openvino",
    precision: PrecisionOption = "fp32",
    batch: BatchOption = 1,
    threads: ThreadsOption = 1,
    table: TableOption = None,
    networks: Annotated[int, typer.Option("--networks", help="Number of fresh networks to measure.")] = 30,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the networks.")] = 1,
    tier: Annotated[
        str | None,
        typer.Option("--tier", help="Only networks with an estimated latency in this range of ms, such as 100-120."),
    ] = None,
    seconds: Annotated[float | None, typer.Option("--seconds", help="Time limit per network [default: 8].")] = None,
    plot: Annotated[Path | None, typer.Option("--plot", help="Write a scatter plot (.png, .svg or .pdf).")] = None,
    other_device: Annotated[
        bool, typer.Option("--other-device", help="Accept a table that was built on another device.")
    ] = False,
    device: DeviceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure fresh random networks and compare them with the table's estimates."""
    from tiernas.devices import open_device
    from tiernas.engines import get_engine
    from tiernas.tiers import parse_tier

    log_to_stderr()
    wanted = parse_tier(tier) if tier else None
    with open_device(device) as there:
        runtime = get_engine(engine, precision=precision, batch=batch, threads=threads, device=there)

        from tiernas.latency import LatencyTable, check_table, plot_check
        from tiernas.latency.estimating.check import RULE
        from tiernas.spaces import get_space, referred_space

        path = table or _default_path(space, engine, precision, device)
        loaded = LatencyTable.load(path, referred_space(space))
        loaded.require_space(get_space(space))
        loaded.require_device(runtime.fingerprint(), allow_other=other_device)
        tier_ms = (wanted.low_ms, wanted.high_ms) if wanted else None
        with keeping("a check keeps nothing; use fewer --networks to finish sooner"):
            result = check_table(
                loaded,
                runtime,
                networks=networks,
                seed=seed,
                tier_ms=tier_ms,
                rule=rule_with(RULE, seconds),
                progress=_show_checked,
            )
    if plot:
        plot_check(result, loaded.header, plot)
        _log.info("wrote %s", plot)
    if as_json:
        print_json({"seed": seed, "fingerprint": runtime.fingerprint().to_dict(), **result.to_dict()})
    else:
        figures = result.to_dict()
        print_table([figures], _FIGURES, title=f"{space} on {engine} {precision}: {networks} fresh networks")
        if figures["tiers"]:
            print_table(figures["tiers"], _TIERS, title="within tiers 20 % wide")
        if figures["worst_layers"]:
            print_table(figures["worst_layers"], _WORST, title="layers with the largest errors")


@app.command()
def show(
    space: SpaceOption = "gpunet-small",
    engine: EngineOption = "openvino",
    precision: PrecisionOption = "fp32",
    table: TableOption = None,
    layers: Annotated[int, typer.Option("--layers", help="Number of layers to list.")] = 10,
    as_json: JsonOption = False,
) -> None:
    """Show what a latency table was measured on, how well it fits, and its slowest layers."""
    from tiernas.latency import LatencyTable, default_path, judge_table
    from tiernas.spaces import referred_space

    log_to_stderr()
    path = table or default_path(space, engine, precision)
    loaded = LatencyTable.load(path, referred_space(space))
    verdict = judge_table(loaded, path)
    summary, slowest = loaded.summary(), [cost.to_dict() for cost in loaded.slowest_layers(layers)]
    if as_json:
        print_json({"table": str(path), **summary, "verdict": verdict.to_dict(), "layers": slowest})
    else:
        print_table([{"key": key, "value": value} for key, value in summary.items()], {"key": "", "value": str(path)})
        print_table(slowest, _LAYERS, title="slowest measured layers")
        typer.echo(verdict.words)
        _say_scale(loaded)


def _default_path(space: str, engine: str, precision: str, device: str | None) -> Path:
    """The default path of a table; each device has a folder of its own."""
    from tiernas.devices import SshAddress
    from tiernas.latency import default_path

    return default_path(space, engine, precision, SshAddress.parse(device).folder_name if device else None)


def _say_scale(table: LatencyTable) -> None:
    if table.scale and not table.scale.is_quiet:
        typer.echo(table.scale.words)


_SUMMARY = {
    "networks": "networks",
    "layers_measured": "layers",
    "cv_mape": "cross-validated error %",
    "as_found": "as found / undisturbed",
    "build_s": "seconds",
}
_FIGURES = {
    "n": "networks",
    "mape": "mean error %",
    "within_5pct": "within 5 %",
    "within_10pct": "within 10 %",
    "kendall_tau": "Kendall's tau",
    "kendall_tau_within_20pct": "tau within 20 %",
}
_TIERS = {"low_ms": "from ms", "high_ms": "to ms", "networks": "networks", "kendall_tau": "Kendall's tau"}
_NAME = "layer: kernel/stride, channels, @ size"
_WORST = {
    "name": _NAME,
    "networks": "networks",
    "estimated_ms": "estimated ms",
    "profiled_ms": "profiled ms",
    "effect": "share of the network",
}
_LAYERS = {"latency_ms": "ms", "networks": "seen", "name": _NAME}


def _show_record(look: Look, record: Record) -> None:
    _log.info("%s  %s", look.place, _latency(record.observation.measurement))


def _show_checked(look: Look, network: CheckedNetwork) -> None:
    _log.info(
        "%s  measured %s  estimated %.3f ms  %+.1f %%",
        look.place,
        _latency(network.measurement),
        network.estimated_ms,
        100 * network.error,
    )


def _latency(found: Measurement) -> str:
    """A latency with its interval, as half of its width: "12.345 ms ± 0.8 %"."""
    return f"{found.latency_ms:.3f} ms ± {50 * found.width:.1f} %"
