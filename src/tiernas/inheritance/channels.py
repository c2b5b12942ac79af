"""The channels that the axes of a convolutional layer's tensors correspond to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from tiernas.blocks import Block, HeadBlock
from tiernas.blocks.modules import SqueezeExcite
from tiernas.blocks.strided import StridedBlock

INPUT, OUTPUT = "in", "out"
"""Channels that a layer shares with its neighbors; all others are internal."""

CLASSES = "classes"
"""Outputs of the classifier."""

_SQUEEZED = "squeezed"


@dataclass(frozen=True, slots=True, eq=False)
class ChannelTensor:
    """A tensor of a layer's module.

    Attributes:
        role: Its role in the layer, such as "conv0.weight"; the same in all layers of a block, with or without
            squeeze-and-excitation.
        tensor: The tensor itself.
        axes: The channels of its first axes: `INPUT`, `OUTPUT`, `CLASSES`, or internal ones of the layer; None for axes
            that cannot be cut. The remaining axes are those of a kernel.
        normalizes: Whether it belongs to a batch normalization.
    """

    role: str
    tensor: Tensor
    axes: tuple[str | None, ...]
    normalizes: bool = False


def is_convolutional(layer: Block) -> bool:
    """Whether `channel_tensors` supports the layer."""
    return isinstance(layer, StridedBlock | HeadBlock)


def channel_tensors(module: nn.Module) -> Iterator[ChannelTensor]:
    """The tensors of a convolutional layer's module, in execution order.

    The last convolution produces the output; those before it produce internal channels, unless they are depthwise.
    """
    parts = list(_parts(module))
    last = [part for part in parts if isinstance(part, nn.Conv2d)][-1:]
    counts: Counter[str] = Counter()
    now: str | None = INPUT
    axes: tuple[str | None, ...]
    for part in parts:
        if isinstance(part, nn.Conv2d):
            kind, axes = "conv", (now, None)
            if not _is_depthwise(part):
                made = OUTPUT if last and part is last[0] else f"inner{counts[kind]}"
                axes = (made, now) if part.groups == 1 else (None, None)  # its channels belong to their groups
                now = made
        elif isinstance(part, nn.Linear):
            kind, axes = "linear", (CLASSES, now)
        elif isinstance(part, SqueezeExcite):
            yield from _of_squeeze(part, now)
            continue
        else:
            kind, axes = type(part).__name__.lower(), (now,)
        role = f"{kind}{counts[kind]}"
        counts[kind] += 1
        yield from _named(part, role, axes)


def _parts(module: nn.Module) -> Iterator[nn.Module]:
    """The modules with their own parameters; squeeze-and-excitation counts as one module."""
    if isinstance(module, SqueezeExcite) or next(iter(module.parameters(recurse=False)), None) is not None:
        yield module
        return
    for child in module.children():
        yield from _parts(child)


def _of_squeeze(part: SqueezeExcite, channels: str | None) -> Iterator[ChannelTensor]:
    yield from _named(part.reduce, "squeeze.reduce", (_SQUEEZED, channels))
    yield from _named(part.act, "squeeze.act", (_SQUEEZED,))
    yield from _named(part.expand, "squeeze.expand", (channels, _SQUEEZED))


def _named(part: nn.Module, role: str, axes: Sequence[str | None]) -> Iterator[ChannelTensor]:
    normalizes = isinstance(part, nn.BatchNorm2d)
    for name, tensor in part.state_dict(keep_vars=True).items():
        own = tuple(axes[: tensor.dim()])
        yield ChannelTensor(f"{role}.{name}", tensor.detach(), own, normalizes)


def _is_depthwise(conv: nn.Conv2d) -> bool:
    return conv.groups == conv.in_channels == conv.out_channels > 1
