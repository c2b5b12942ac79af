"""Activations: their names, what they cost, how torch builds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiernas.blocks.rows import BlockRows, BoolArray

if TYPE_CHECKING:
    from torch import nn

ACTIVATIONS = ("relu", "swish", "hard_swish", "prelu", "gelu", "sigmoid")
"""Those that can be built. The GPUNet spaces search the first two."""


def costly(rows: BlockRows) -> BoolArray:
    """Which of the layers (`m`) have an activation that takes more than a comparison per element."""
    return ~rows.have("activation", "relu")


def activation(name: str, channels: int) -> nn.Module:
    """The module of an activation; PReLU has one slope per channel."""
    from torch import nn

    match name:
        case "relu":
            return nn.ReLU(inplace=True)
        case "swish":
            return nn.SiLU(inplace=True)
        case "hard_swish":
            return nn.Hardswish(inplace=True)
        case "prelu":
            return nn.PReLU(channels)
        case "gelu":
            return nn.GELU()
        case "sigmoid":
            return nn.Sigmoid()
        case _:
            raise ValueError(f"no activation {name!r}; there are: {', '.join(ACTIVATIONS)}")
