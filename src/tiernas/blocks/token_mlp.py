"""The MLP across tokens: in each channel, every token depends on every other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tiernas.blocks.activations import ACTIVATIONS, activation, costly, slopes
from tiernas.blocks.block import ModuleOptions, choice
from tiernas.blocks.rows import BlockRows, FloatArray, Sizes, counted_macs
from tiernas.blocks.tokens import TokenBlock, layer_normed

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class TokenMlpBlock(TokenBlock):
    """Normalization and two linear layers across the tokens, added to the input (MLP-Mixer, arXiv 2105.01601).

    Attributes:
        hidden: Values per channel between the linear layers.
        activation: One of `ACTIVATIONS`.
    """

    block = "token_mlp"
    work_kinds = ("token_macs", "weights", "input", "inner", "costly", "normed", "transposed")

    hidden: int
    activation: str = field(metadata=choice(*ACTIVATIONS))

    @property
    def settings(self) -> str:
        return f"hidden {self.hidden} {self.activation} {self.norm} norm"

    @property
    def label(self) -> str:
        return f"{self.block} {self.tokens}-{self.hidden} {self.activation} {self.norm} norm @{self.dim}"

    @classmethod
    def work(cls, rows: BlockRows) -> Mapping[str, FloatArray]:
        tokens, dim, hidden = rows.numbers("tokens", "dim", "hidden")
        return {
            "token_macs": 2 * dim * tokens * hidden,
            "weights": 2 * tokens * hidden,
            "input": tokens * dim,
            "inner": dim * hidden,
            "costly": dim * hidden * costly(rows),
            "normed": tokens * dim * layer_normed(rows),
            "transposed": 2 * tokens * dim,
        }

    @classmethod
    def sizes(cls, rows: BlockRows, num_classes: int) -> Sizes:
        counted = cls.work(rows)
        tokens, dim, hidden = rows.numbers("tokens", "dim", "hidden")
        return Sizes(
            weights=counted["weights"],
            other_params=2 * dim + hidden + slopes(rows, dim) + tokens,
            macs=counted_macs(counted),
            held=2 * counted["input"] + counted["inner"],
        )

    @classmethod
    def likeness(cls, rows: BlockRows) -> FloatArray:
        numbers = rows.numbers("tokens", "dim", "hidden")
        return np.stack([*(np.log2(n) for n in numbers), costly(rows), layer_normed(rows)], axis=1)

    def module(self, options: ModuleOptions) -> nn.Module:
        from torch import nn

        from tiernas.blocks.token_modules import Transposed, residual, token_norm

        return residual(
            options,
            token_norm(self.norm, self.dim, options),
            Transposed(),
            nn.Linear(self.tokens, self.hidden),
            activation(self.activation, self.dim),
            nn.Linear(self.hidden, self.tokens),
            Transposed(),
        )
