"""The MLP across the channels of each token."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tiernas.blocks.activations import ACTIVATIONS, activation, costly, slopes
from tiernas.blocks.block import Block, ModuleOptions, choice, whole
from tiernas.blocks.rows import BlockRows, FloatArray, Sizes, counted_macs
from tiernas.blocks.tokens import TokenBlock, layer_normed
from tiernas.errors import UsageError

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class MlpBlock(TokenBlock):
    """Normalization and two linear layers with an optional depthwise convolution in between, added to the input.

    Attributes:
        hidden: Channels between the linear layers.
        kernel: Size of a depthwise convolution over the grid of tokens, before the activation; 0 without one.
        activation: One of `ACTIVATIONS`.
    """

    block = "mlp"
    work_kinds = (
        "expand_macs",
        "depthwise_macs",
        "project_macs",
        "weights",
        "input",
        "inner",
        "costly",
        "normed",
        "transposed",
        "row_starts",
    )

    hidden: int
    kernel: int = field(metadata=whole(0))
    activation: str = field(metadata=choice(*ACTIVATIONS))

    @property
    def settings(self) -> str:
        depthwise = f" depthwise {self.kernel}x{self.kernel}" if self.kernel else ""
        return f"hidden {self.hidden}{depthwise} {self.activation} {self.norm} norm"

    @property
    def label(self) -> str:
        kernel = f" {self.kernel}x{self.kernel}" if self.kernel else ""
        return f"{self.block}{kernel} {self.dim}-{self.hidden} {self.activation} {self.norm} norm @{self.tokens}"

    @classmethod
    def work(cls, rows: BlockRows) -> Mapping[str, FloatArray]:
        tokens, dim, hidden, kernel = rows.numbers("tokens", "dim", "hidden", "kernel")
        return {
            "expand_macs": tokens * dim * hidden,
            "depthwise_macs": tokens * kernel**2 * hidden,
            "project_macs": tokens * hidden * dim,
            "weights": (2 * dim + kernel**2) * hidden,
            "input": tokens * dim,
            "inner": tokens * hidden,
            "costly": tokens * hidden * costly(rows),
            "normed": tokens * dim * layer_normed(rows),
            "transposed": tokens * hidden * (kernel > 0),
            "row_starts": np.sqrt(tokens) * (kernel > 0),
        }

    @classmethod
    def sizes(cls, rows: BlockRows, num_classes: int) -> Sizes:
        counted = cls.work(rows)
        dim, hidden, kernel = rows.numbers("dim", "hidden", "kernel")
        given, inner = counted["input"], counted["inner"]
        return Sizes(
            weights=counted["weights"],
            other_params=2 * dim + hidden + slopes(rows, hidden) + dim,
            macs=counted_macs(counted),
            held=given + inner + np.maximum(given, inner * (kernel > 0)),
        )

    @classmethod
    def likeness(cls, rows: BlockRows) -> FloatArray:
        numbers = rows.numbers("tokens", "dim", "hidden")
        (kernel,) = rows.numbers("kernel")
        return np.stack([*(np.log2(n) for n in numbers), kernel / 2, costly(rows), layer_normed(rows)], axis=1)

    def checked(self, where: str) -> MlpBlock:
        layer = Block.checked(self, where)
        if layer.kernel and layer.kernel % 2 == 0:
            raise UsageError(f"{where}.kernel = {layer.kernel}: must be odd, or 0 for no convolution")
        if layer.kernel and math.isqrt(layer.tokens) ** 2 != layer.tokens:
            raise UsageError(f"{where}.tokens = {layer.tokens}: must be a square number, as there is a convolution")
        return layer

    def module(self, options: ModuleOptions) -> nn.Module:
        from torch import nn

        from tiernas.blocks.modules import convolution
        from tiernas.blocks.token_modules import Map, Tokens, residual, token_norm

        modules: list[nn.Module] = [token_norm(self.norm, self.dim, options), nn.Linear(self.dim, self.hidden)]
        if self.kernel:
            depthwise = convolution(self.hidden, self.hidden, self.kernel, groups=self.hidden)
            shape = self.hidden, math.isqrt(self.tokens)
            modules += [Map(*shape), depthwise, Tokens(*shape)]
        modules += [activation(self.activation, self.hidden), nn.Linear(self.hidden, self.dim)]
        return residual(options, *modules)
