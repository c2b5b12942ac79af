"""Strided pooling of tokens: keeps a quarter of them and changes the number of channels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tiernas.blocks.block import Block, ModuleOptions
from tiernas.blocks.convolution import convolved_size
from tiernas.blocks.rows import BlockRows, FloatArray, Sizes, counted_macs

if TYPE_CHECKING:
    from torch import nn

_KERNEL, _STRIDE = 3, 2


@dataclass(frozen=True, slots=True)
class TokenPoolBlock(Block):
    """A depthwise convolution of stride 2 with batch normalization, and a linear layer per token.

    Attributes:
        grid: Tokens along each side.
        dim: Channels of a token.
        out_dim: Channels of an output token.
    """

    block = "token_pool"
    work_kinds = ("depthwise_macs", "project_macs", "weights", "input", "inner", "output", "row_starts")

    grid: int
    dim: int
    out_dim: int

    @property
    def in_shape(self) -> tuple[int, ...]:
        return self.grid**2, self.dim

    @property
    def out_shape(self) -> tuple[int, ...]:
        return convolved_size(self.grid, _KERNEL, _STRIDE, "same") ** 2, self.out_dim

    @property
    def reduction(self) -> int:
        return _STRIDE

    @property
    def settings(self) -> str:
        return f"{_KERNEL}x{_KERNEL} stride {_STRIDE} dim {self.out_dim}"

    @property
    def label(self) -> str:
        return f"{self.block} {_KERNEL}x{_KERNEL}/{_STRIDE} {self.dim}-{self.out_dim} @{self.grid}x{self.grid}"

    @classmethod
    def work(cls, rows: BlockRows) -> Mapping[str, FloatArray]:
        grid, dim, out_dim = rows.numbers("grid", "dim", "out_dim")
        rows_out = (grid + 1) // _STRIDE
        after = rows_out**2
        return {
            "depthwise_macs": after * _KERNEL**2 * dim,
            "project_macs": after * dim * out_dim,
            "weights": (_KERNEL**2 + out_dim) * dim,
            "input": grid**2 * dim,
            "inner": after * dim,
            "output": after * out_dim,
            "row_starts": rows_out,
        }

    @classmethod
    def sizes(cls, rows: BlockRows, num_classes: int) -> Sizes:
        counted = cls.work(rows)
        (dim,) = rows.numbers("dim")
        return Sizes(
            weights=counted["weights"],
            other_params=2 * dim,
            macs=counted_macs(counted),
            held=counted["inner"] + np.maximum(counted["input"], counted["output"]),
        )

    @classmethod
    def likeness(cls, rows: BlockRows) -> FloatArray:
        return np.log2(np.stack(rows.numbers("grid", "dim", "out_dim"), axis=1))

    def module(self, options: ModuleOptions) -> nn.Module:
        from torch import nn

        from tiernas.blocks.modules import convolution
        from tiernas.blocks.token_modules import Map, Tokens

        return nn.Sequential(
            Map(self.dim, self.grid),
            convolution(self.dim, self.dim, _KERNEL, _STRIDE, groups=self.dim),
            nn.BatchNorm2d(self.dim, eps=options.bn_eps),
            convolution(self.dim, self.out_dim, 1),
            Tokens(self.out_dim, convolved_size(self.grid, _KERNEL, _STRIDE, "same")),
        )
