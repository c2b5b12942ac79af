"""`tiernas detect train | evaluate | measure | export | draw`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tiernas.cli.output import JsonOption, log_to_stderr, print_json, print_table
from tiernas.cli.search import SetOption
from tiernas.cli.stopping import keeping
from tiernas.errors import NotInstalledError, UsageError

if TYPE_CHECKING:
    from tiernas.detection import DetectionJob, DetectionReport

app = typer.Typer(
    help="Train detectors with your networks as backbones, and measure them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

ConfigArgument = Annotated[Path, typer.Argument(metavar="CONFIG.toml", help="The detector; docs/detection.md has one.")]

_log = logging.getLogger("tiernas.detection")

_FIGURES = {
    "ap": "AP",
    "ap50": "AP50",
    "ap75": "AP75",
    "small": "small",
    "medium": "medium",
    "large": "large",
}


def _job(config: Path, set_: list[str] | None) -> DetectionJob:
    log_to_stderr()
    try:
        import torchvision  # noqa: F401 (tells users who lack it which extra has it)
    except ImportError as error:
        raise NotInstalledError("torchvision, which has the detectors,", "detection") from error
    from tiernas.detection import DetectionJob, load_detection_config

    return DetectionJob(load_detection_config(config, set_ or ()))


@app.command()
def train(config: ConfigArgument, set_: SetOption = None, json: JsonOption = False) -> None:
    """Train the detector, resuming an earlier run, and evaluate it."""
    job = _job(config, set_)
    with keeping("the same command continues after the last complete epoch"):
        result = job.train(_tell)
        found = {name: precision.to_dict() for name, precision in job.evaluate().items()}
    if json:
        print_json({"training": {**_plain(result), "epoch_losses": list(result.epoch_losses)}, **found})
        return
    _show(found)
    typer.echo(f"{result.epochs} epochs in {result.duration_s:.0f} s, {result.images_per_s:.1f} images/s")


@app.command()
def evaluate(config: ConfigArgument, set_: SetOption = None, json: JsonOption = False) -> None:
    """Evaluate the trained detector with COCO's measure, on its validation and its test split."""
    found = {name: precision.to_dict() for name, precision in _job(config, set_).evaluate().items()}
    if json:
        print_json(found)
    else:
        _show(found)


@app.command()
def measure(
    config: ConfigArgument,
    seconds: Annotated[
        float,
        typer.Option("--seconds", min=0.01, help="Time limit per form; three times as long without quiet moments."),
    ] = 10.0,
    set_: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Measure the trained detector's latency: whole, without suppression, and its backbone; add it to the model table.

    Suppression is what makes one box of many for an object. Each form is measured in turn with an anchor.
    """
    job = _job(config, set_)
    with keeping("nothing is kept; use fewer --seconds to finish sooner"):
        measured = job.measure(seconds)
        entry = job.enter(measured)
    for found in measured.values():
        for warning in found.warnings:
            _log.warning("%s", warning)
    if json:
        forms = {form.name.lower(): found.to_dict() for form, found in measured.items()}
        print_json({"measured": forms, "entry": entry.to_dict()})
        return
    columns = {"form": "", "latency": "ms", "interval": "95 % interval", "params": "parameters", "macs": "MACs"}
    rows = [
        {
            "form": form.value,
            "latency": f"{found.measurement.latency_ms:.3f}",
            "interval": f"{found.measurement.low_ms:.3f} to {found.measurement.high_ms:.3f}",
            "params": f"{found.cost.params:,}" if found.cost else "-",
            "macs": f"{found.cost.macs:,}" if found.cost else "-",
        }
        for form, found in measured.items()
    ]
    print_table(rows, columns, title=f"{job.config.study.name} in {entry.engine} {entry.precision} on {entry.device}")
    typer.echo(f"Entry {entry.name}: AP {100 * entry.accuracy:.1f} in {entry.shown_latency} ms")


@app.command()
def export(
    config: ConfigArgument,
    output: Annotated[Path, typer.Option(help="Folder for the files.")],
    set_: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Export the trained detector as ONNX and OpenVINO IR, with suppression, and compare their boxes with torch's."""
    job = _job(config, set_)
    from tiernas.detection import export_detector

    facts = export_detector(job, output)
    if json:
        print_json({"folder": str(output), **facts})
        return
    for name, checked in facts["checked"].items():
        typer.echo(
            f"{output / name}: boxes within {checked['largest_difference_px']:.2g} px of torch's on "
            f"{checked['images']} images"
        )


@app.command()
def draw(
    config: ConfigArgument,
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="An image file.")],
    output: Annotated[Path, typer.Option(metavar="FILE", help="Image file to write.")],
    min_score: Annotated[float, typer.Option(min=0, max=1, help="Smallest score of the boxes that are drawn.")] = 0.5,
    set_: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Draw what the trained detector finds in an image."""
    job = _job(config, set_)
    from tiernas.detection import detect_in, drawn, open_image

    picture = open_image(image)
    found = detect_in(job.detector, picture, job.recipe.normalization)
    try:
        drawn(picture, found, job.data.classes, min_score).save(output)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"--output {output}: cannot be written ({error}); name an image file, such as a.png"
        ) from error
    listed = [
        {"class": job.data.classes[int(label)], "score": score, "box": [x1, y1, x2, y2]}
        for x1, y1, x2, y2, score, label in found.tolist()
        if score >= min_score
    ]
    if json:
        print_json({"image": str(output), "detections": listed})
    else:
        typer.echo(f"{output}: {len(listed)} boxes with scores of at least {min_score:g}")


def _tell(report: DetectionReport) -> None:
    ap = "none" if report.validation.ap is None else f"{100 * report.validation.ap:.1f}"
    _log.info(
        "epoch %d of %d: loss %.3f, AP %s on validation images, %.1f images/s, %.0f MB",
        report.epoch,
        report.epochs,
        report.train_loss,
        ap,
        report.images_per_s,
        report.peak_memory_mb,
    )


def _show(found: Mapping[str, Mapping[str, Any]]) -> None:
    """Prints COCO's figures of each split, in percent, and the AP of each class."""
    classes = list(next(iter(found.values()))["by_class"])
    columns = {"split": "split", **_FIGURES, **{f"class {name}": name for name in classes}}
    rows = []
    for split, figures in found.items():
        shown: dict[str, object] = {"split": split, **{key: _percent(figures[key]) for key in _FIGURES}}
        rows.append(shown | {f"class {name}": _percent(ap) for name, ap in figures["by_class"].items()})
    print_table(rows, columns, title="Average precision, %")


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"


def _plain(result: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(result)
