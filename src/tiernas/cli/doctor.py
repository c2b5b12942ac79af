"""`tiernas doctor`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated

import typer

from tiernas.cli.device import DeviceOption
from tiernas.cli.options import EngineOption, PrecisionOption, SpaceOption
from tiernas.cli.output import JsonOption, log_to_stderr, print_json, print_table

if TYPE_CHECKING:
    from tiernas.doctor import Diagnosis, EngineTrial, Noise

_log = logging.getLogger("tiernas.doctor")


def doctor(
    slow: Annotated[bool, typer.Option("--all", help="Also try torch-compile, which takes about a minute.")] = False,
    with_noise: Annotated[bool, typer.Option("--noise", help="Also measure how noisy the machine is.")] = False,
    seconds: Annotated[float, typer.Option("--seconds", help="Duration of --noise.")] = 20.0,
    space: SpaceOption = "gpunet-small",
    engine: EngineOption = "openvino",
    precision: PrecisionOption = "fp32",
    device: DeviceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Try every engine, report what is missing and what would disturb measurements. Exits with 1 if no engine works.

    --space, --engine and --precision are for --noise.
    """
    from tiernas.devices import open_device
    from tiernas.doctor import NoiseTrial, diagnose, diagnose_device
    from tiernas.engines import get_engine
    from tiernas.spaces import get_space

    log_to_stderr()
    with open_device(device) as there:
        noise = None
        if with_noise:
            runtime = get_engine(engine, precision=precision, device=there)
            noise = NoiseTrial(get_space(space), runtime, seconds=seconds)
        if there:
            found = diagnose_device(there, noise=noise, progress=_show)
        else:
            found = diagnose(slow_engines=slow, noise=noise, progress=_show)
    if as_json:
        print_json(found.to_dict())
    else:
        _print(found)
        _print_noise(found.noise, f"{space}, {engine} {precision}", device)
    if not found.works:
        raise typer.Exit(1)


_ENGINES = {
    "engine": "engine",
    "precision": "precision",
    "status": "status",
    "version": "version",
    "seconds": "seconds",
}


def _print(found: Diagnosis) -> None:
    document = found.to_dict()
    devices = ", ".join(device["device"] for device in document["devices"])
    print_table(document["engines"], _ENGINES, title=f"{devices}, {found.machine.cores} cores")
    for trial in found.trials:
        if trial.detail:
            typer.echo(f"{_name(trial)}: {trial.detail}")
    for finding in found.findings:
        typer.echo(
            f"\n{finding.level}: {finding.topic}: {finding.found}\n    why: {finding.why}\n    fix: {finding.fix}"
        )
    if not found.findings:
        typer.echo("\nNothing was found that would disturb measurements.")


def _print_noise(noise: Noise | None, of: str, device: str | None) -> None:
    if noise is None:
        there = f" --device {device}" if device else ""
        typer.echo(f"\nTo measure how noisy this machine is, in 20 s: tiernas doctor --noise{there}")
        return
    typer.echo(f"\nnoise ({of}, two interleaved copies of a network of {noise.network_ms:.3g} ms):")
    for sentence in noise.sentences:
        typer.echo(f"    {sentence}")


def _show(trial: EngineTrial) -> None:
    _log.info("%s: %s", _name(trial), trial.status)


def _name(trial: EngineTrial) -> str:
    return f"{trial.engine} {trial.precision}" if trial.precision else trial.engine
