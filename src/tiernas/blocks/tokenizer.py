"""Convolutions that turn a map, or an image, into tokens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tiernas.blocks.activations import ACTIVATIONS, costly
from tiernas.blocks.block import Block, ModuleOptions, choice
from tiernas.blocks.convolution import bn_act_params
from tiernas.blocks.rows import BlockRows, BoolArray, FloatArray, Sizes, counted_macs
from tiernas.errors import UsageError

if TYPE_CHECKING:
    from torch import nn

POSITIONS = ("none", "learnt")


@dataclass(frozen=True, slots=True)
class TokenizerBlock(Block):
    """Convolutions with batch normalization and activation, then a linear layer per pixel, which makes it a token.

    Early convolutions train better than patches (Xiao et al., arXiv 2106.14881). As many convolutions as needed halve
    the map; if there are too few, the first one has a larger stride. The kernel size is twice the stride minus one, but
    at least 3.

    Attributes:
        in_channels: Channels of the map.
        filters: Channels of every convolution.
        layers: Number of convolutions.
        stride: Pixels of the map per token along each side, a power of two.
        dim: Channels of a token.
        position: One of `POSITIONS`: whether a learned vector is added to each token.
        activation: One of `ACTIVATIONS`.
        in_size: Height and width of the square map, in pixels.
    """

    block = "tokenizer"
    work_kinds = (
        "spatial_macs",
        "project_macs",
        "weights",
        "input",
        "inner",
        "activated",
        "costly",
        "transposed",
        "added",
        "row_starts",
    )

    in_channels: int
    filters: int
    layers: int
    stride: int
    dim: int
    position: str = field(metadata=choice(*POSITIONS))
    activation: str = field(metadata=choice(*ACTIVATIONS))
    in_size: int

    @property
    def in_shape(self) -> tuple[int, ...]:
        return self.in_channels, self.in_size, self.in_size

    @property
    def out_shape(self) -> tuple[int, ...]:
        return self.grid**2, self.dim

    @property
    def grid(self) -> int:
        """Tokens along each side."""
        return -(-self.in_size // self.stride)

    @property
    def strides(self) -> tuple[int, ...]:
        """The stride of each convolution, those above 1 first."""
        halvings = self.stride.bit_length() - 1
        first = 2 ** max(halvings - self.layers + 1, min(halvings, 1))
        return tuple(first if i == 0 else 2 if i < halvings else 1 for i in range(self.layers))

    @property
    def reduction(self) -> int:
        return self.stride

    @property
    def settings(self) -> str:
        position = " position" if self.position != "none" else ""
        convolutions = f"{self.layers} x {self.filters} stride {self.stride}"
        return f"{convolutions} dim {self.dim}{position} {self.activation}"

    @property
    def label(self) -> str:
        channels = f"{self.in_channels}-{self.filters}x{self.layers}-{self.dim}"
        position = " position" if self.position != "none" else ""
        return f"{self.block} /{self.stride} {channels}{position} {self.activation} @{self.in_size}"

    @classmethod
    def work(cls, rows: BlockRows) -> Mapping[str, FloatArray]:
        ins, filters, dim, in_size = rows.numbers("in_channels", "filters", "dim", "in_size")
        spatial, weights, inner, starts = (np.zeros(len(rows)) for _ in range(4))
        channels, size = ins, in_size
        for stride, size, there in _convolutions(rows):
            kernels = np.maximum(2 * stride - 1, 3) ** 2 * channels * filters * there
            spatial += size**2 * kernels
            weights += kernels
            inner += size**2 * filters * there
            starts += size * there
            channels = filters
        tokens = size**2
        return {
            "spatial_macs": spatial,
            "project_macs": tokens * filters * dim,
            "weights": weights + filters * dim,
            "input": in_size**2 * ins,
            "inner": inner,
            "activated": inner,
            "costly": inner * costly(rows),
            "transposed": tokens * dim,
            "added": tokens * dim * rows.have("position", "learnt"),
            "row_starts": starts,
        }

    @classmethod
    def sizes(cls, rows: BlockRows, num_classes: int) -> Sizes:
        counted = cls.work(rows)
        filters, layers, dim = rows.numbers("filters", "layers", "dim")
        held, given, tokens = np.zeros(len(rows)), counted["input"], np.zeros(len(rows))
        for _, size, there in _convolutions(rows):
            output = size**2 * filters
            held = np.where(there, np.maximum(held, given + output), held)
            given, tokens = output, size**2
        return Sizes(
            weights=counted["weights"],
            other_params=layers * bn_act_params(rows, filters) + counted["added"],
            macs=counted_macs(counted),
            held=np.maximum(held, tokens * (filters + dim)),
        )

    @classmethod
    def likeness(cls, rows: BlockRows) -> FloatArray:
        numbers = rows.numbers("in_channels", "filters", "stride", "dim", "in_size")
        (layers,) = rows.numbers("layers")
        position = rows.have("position", "learnt")
        return np.stack([*(np.log2(n) for n in numbers), layers, position, costly(rows)], axis=1)

    def checked(self, where: str) -> TokenizerBlock:
        layer = Block.checked(self, where)
        if layer.stride & (layer.stride - 1):
            raise UsageError(f"{where}.stride = {layer.stride}: must be a power of two")
        return layer

    def module(self, options: ModuleOptions) -> nn.Module:
        from torch import nn

        from tiernas.blocks.modules import conv_bn_act, convolution
        from tiernas.blocks.token_modules import Position, Tokens

        modules: list[nn.Module] = []
        channels = self.in_channels
        for stride in self.strides:
            conv = convolution(channels, self.filters, max(2 * stride - 1, 3), stride)
            modules += conv_bn_act(conv, options.bn_eps, self.activation)
            channels = self.filters
        modules += [convolution(channels, self.dim, 1), Tokens(self.dim, self.grid)]
        if self.position == "learnt":
            modules.append(Position(self.grid**2, self.dim))
        return nn.Sequential(*modules)


def _convolutions(rows: BlockRows) -> Iterator[tuple[FloatArray, FloatArray, BoolArray]]:
    """The convolutions of tokenizers, in execution order: stride, height of the output, and whether there is one (`m`).

    The height is that of the last convolution for a tokenizer that has no more of them.
    """
    layers, total, size = rows.numbers("layers", "stride", "in_size")
    halvings = np.log2(total)
    for i in range(int(layers.max(initial=0))):
        first = 2 ** np.maximum(halvings - layers + 1, np.minimum(halvings, 1))
        stride = first if i == 0 else np.where(i < halvings, 2.0, 1.0)
        there = i < layers
        size = np.where(there, (size - 1) // stride + 1, size)
        yield stride, size, there
