"""Options that limit networks."""

from __future__ import annotations

from typing import Annotated

import typer

MaxParams = Annotated[int | None, typer.Option(help="Maximum number of parameters.")]
MaxMacs = Annotated[int | None, typer.Option(help="Maximum number of multiply-accumulates at batch 1.")]
MaxWeightsMb = Annotated[
    float | None, typer.Option(help="Maximum memory of the weights, in millions of bytes at the precision.")
]
MaxActivationsMb = Annotated[
    float | None, typer.Option(help="Maximum memory of the feature maps held at a time, in millions of bytes.")
]
