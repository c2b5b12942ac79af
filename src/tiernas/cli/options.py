"""Options that several commands share: one name, one help text and one list of values for one thing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

import typer

SPACES = ("gpunet", "gpunet-wide", "gpunet-small", "mobile", "mobile-small", "vit", "vit-small", "mlp", "mlp-small")
"""Built-in spaces; written down here because importing them takes longer than printing a help text."""

ENGINES = ("openvino", "onnxruntime", "ncnn", "torch", "torch-compile", "tensorrt", "tensorrt-rtx")
"""Built-in engines."""

PRECISIONS = ("fp32", "bf16", "fp16", "int8")
"""Precisions of the built-in engines; which of them an engine has depends on the device."""

_SPACE = f"Search space: {', '.join(SPACES)}; package.module:object; or space.json."
_ENGINE = f"Deployment engine: {', '.join(ENGINES)}; or package.module:Class."
_PRECISION = f"Precision of the engine: {', '.join(PRECISIONS)}."


def _among(values: Sequence[str]) -> Callable[[str], list[str]]:
    """Completes a word of which the beginning is typed."""

    def complete(incomplete: str) -> list[str]:
        return [value for value in values if value.startswith(incomplete)]

    return complete


SpaceOption = Annotated[str, typer.Option("--space", help=_SPACE, autocompletion=_among(SPACES))]
EngineOption = Annotated[str, typer.Option("--engine", help=_ENGINE, autocompletion=_among(ENGINES))]
PrecisionOption = Annotated[str, typer.Option("--precision", help=_PRECISION, autocompletion=_among(PRECISIONS))]
BatchOption = Annotated[int, typer.Option("--batch", help="Images per inference.")]
ThreadsOption = Annotated[int, typer.Option("--threads", help="Threads per inference.")]
ChosenSpaceOption = Annotated[
    str | None,
    typer.Option("--space", help=_SPACE, autocompletion=_among((*SPACES, "parent")), show_default="chosen by the data"),
]
ChosenEngineOption = Annotated[
    str | None,
    typer.Option("--engine", help=_ENGINE, autocompletion=_among(ENGINES), show_default="one that works here"),
]
