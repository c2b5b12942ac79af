"""Activations: names, work and torch modules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiernas.blocks.rows import BlockRows, BoolArray, FloatArray

if TYPE_CHECKING:
    from torch import nn

ACTIVATIONS = ("relu", "swish", "hard_swish", "prelu", "gelu", "sigmoid", "relu6")
"""All supported activations. The GPUNet spaces search the first two, the mobile spaces the first three."""

GATES = ("sigmoid", "hard_sigmoid")
"""Gates of squeeze-and-excitation; MobileNetV3 (arXiv 1905.02244) uses the second one."""

SE_ACTIVATIONS = ("block", *ACTIVATIONS)
"""Activation between the two layers of squeeze-and-excitation: the block's own or another (MobileNetV3: ReLU)."""


def squeeze_name(gate: str) -> str:
    """Short name of squeeze-and-excitation with this gate."""
    return "SE" if gate == "sigmoid" else "hard SE"


def costly(rows: BlockRows) -> BoolArray:
    """Mask of the layers (`m`) whose activation takes more than a comparison per element."""
    return ~(rows.have("activation", "relu") | rows.have("activation", "relu6"))


def activation_work(rows: BlockRows, elements: FloatArray) -> dict[str, FloatArray]:
    """The work of activations, by kind.

    Hard-swish is counted separately: on some engines it costs almost nothing where Swish doubles the latency of a
    network, on others it is the more expensive of the two (docs/latency.md).

    Args:
        rows: `m` layers.
        elements: Number of elements that pass through the activation of each layer (`m`).
    """
    hard = rows.have("activation", "hard_swish")
    return {
        "activated": elements,
        "swished": elements * (costly(rows) & ~hard),
        "hard_swished": elements * hard,
    }


def slopes(rows: BlockRows, channels: FloatArray, name: str = "activation") -> FloatArray:
    """Parameters (`m`) of activations of some channels (`m`): PReLU has one slope per channel, others have none.

    Args:
        rows: `m` layers.
        channels: Channels that pass through the activation.
        name: The field with its name.
    """
    return channels * rows.have(name, "prelu")


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
        case "relu6":
            return nn.ReLU6(inplace=True)
        case _:
            raise ValueError(f"no activation {name!r}; there are: {', '.join(ACTIVATIONS)}")


def gate(name: str) -> nn.Module:
    """The module of one of `GATES`."""
    from torch import nn

    match name:
        case "sigmoid":
            return nn.Sigmoid()
        case "hard_sigmoid":
            return nn.Hardsigmoid()
        case _:
            raise ValueError(f"no gate {name!r}; there are: {', '.join(GATES)}")
