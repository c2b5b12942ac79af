"""`tiernas adapt`."""

from __future__ import annotations

import logging
import shlex
from pathlib import Path
from typing import Annotated

import typer

from tiernas.cli.options import EngineOption, PrecisionOption
from tiernas.cli.output import JsonOption, log_to_stderr
from tiernas.cli.search import SetOption, run_and_show
from tiernas.cli.stopping import keeping

_log = logging.getLogger("tiernas.adapt")


def adapt(
    photos: Annotated[Path, typer.Argument(metavar="PHOTOS", help="Folder with a folder of photos for each class.")],
    max_latency_ms: Annotated[
        float, typer.Option("--max-latency-ms", min=0.001, help="Maximum latency in ms, on this machine.")
    ],
    engine: EngineOption = "openvino",
    precision: PrecisionOption = "fp32",
    threads: Annotated[int, typer.Option("--threads", min=1, help="Threads per inference.")] = 1,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE.toml", help="File that repeats the search [default: PHOTOS.toml here]."),
    ] = None,
    set_: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the parts of a pretrained network that suit your photos and latency budget. Exits with 3 if there are none.

    For comparison, the whole of EfficientNet-Lite0 is fine-tuned at several resolutions. The search is first written to
    a file, with which `tiernas search` resumes it.
    """
    log_to_stderr()
    from tiernas.drafting import look_at, photos_in, require_new

    file = output or Path(f"{photos.resolve().name or 'photos'}.toml")
    require_new(file)
    found = look_at(photos_in(photos), "PHOTOS")
    _log.info("%s", found.words)
    for line in found.warnings:
        _log.warning("%s", line)
    from tiernas.drafting import Wishes, draft_search  # these import torch

    wishes = Wishes("parent", max_latency_ms, engine, precision, threads)
    with keeping("nothing was written; run the same command to start again"):
        _log.info("measuring the device: about two minutes")
        draft = draft_search(found, file, wishes, set_ or ())
    draft.write(file)
    draft.basis.write(draft.config.study.output)
    for line in draft.lines:
        _log.info("%s", line)
    for line in draft.warnings:
        _log.warning("%s", line)
    command = f"tiernas search {shlex.quote(str(file))}"
    _log.info("written to %s; stop at any time, and resume with: %s", file, command)
    run_and_show(draft.config, f"resume with: {command}", as_json=as_json)
