"""Common base of IRB and fused IRB, which expand the channels of a map, may gate them, and project them again."""

from __future__ import annotations

import abc
from dataclasses import dataclass, field

from tiernas.blocks.activations import ACTIVATIONS, GATES, SE_ACTIVATIONS
from tiernas.blocks.block import choice, whole
from tiernas.blocks.convolution import PADDINGS, SKIPS
from tiernas.blocks.projected import ProjectedBlock


@dataclass(frozen=True, slots=True)
class Bottleneck(ProjectedBlock, abc.ABC):
    """A block that expands channels, convolves, and projects back.

    Attributes:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel: Size of the spatial convolution.
        stride: Stride of the spatial convolution.
        mid_channels: Channels after the expansion.
        se_channels: Channels of the squeeze-and-excitation bottleneck; 0 without one.
        activation: One of `ACTIVATIONS`.
        padding: One of `PADDINGS`, of the spatial convolution.
        in_size: Height and width of the square input, in pixels.
        gate: One of `GATES`, of the squeeze-and-excitation.
        se_activation: One of `SE_ACTIVATIONS`, of the squeeze-and-excitation.
        skip: One of `SKIPS`.
    """

    projected = "mid_channels"

    in_channels: int
    out_channels: int
    kernel: int = field(metadata=whole(odd=True))
    stride: int
    mid_channels: int
    se_channels: int = field(metadata=whole(0))
    activation: str = field(metadata=choice(*ACTIVATIONS))
    padding: str = field(metadata=choice(*PADDINGS))
    in_size: int
    gate: str = field(default=GATES[0], metadata=choice(*GATES))
    se_activation: str = field(default=SE_ACTIVATIONS[0], metadata=choice(*SE_ACTIVATIONS))
    skip: str = field(default=SKIPS[0], metadata=choice(*SKIPS))

    @property
    def channels(self) -> tuple[int, ...]:
        return self.in_channels, self.mid_channels, self.out_channels
