"""The classifier of tokens: normalization, mean, linear layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tiernas.blocks.block import ModuleOptions
from tiernas.blocks.rows import BlockRows, FloatArray, Sizes
from tiernas.blocks.tokens import TokenBlock, layer_normed

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class TokenHeadBlock(TokenBlock):
    """Turns tokens into logits.

    The number of classes is not a field: it is the same for all networks of a latency table.
    """

    block = "token_head"
    work_kinds = ("input", "normed", "output")

    @property
    def out_shape(self) -> tuple[int, ...]:
        return (self.dim,)

    @property
    def settings(self) -> str:
        return f"mean {self.norm} norm"

    @property
    def label(self) -> str:
        return f"{self.block} {self.dim} {self.norm} norm @{self.tokens}"

    @classmethod
    def work(cls, rows: BlockRows) -> Mapping[str, FloatArray]:
        tokens, dim = rows.numbers("tokens", "dim")
        return {"input": tokens * dim, "normed": tokens * dim * layer_normed(rows), "output": dim}

    @classmethod
    def sizes(cls, rows: BlockRows, num_classes: int) -> Sizes:
        """Unlike `work`, which a latency table is fitted to, this includes the linear layer."""
        tokens, dim = rows.numbers("tokens", "dim")
        return Sizes(
            weights=dim * num_classes,
            other_params=2 * dim + num_classes,
            macs=dim * num_classes,
            held=dim + np.maximum(tokens * dim, num_classes),
        )

    @classmethod
    def likeness(cls, rows: BlockRows) -> FloatArray:
        return np.stack([*(np.log2(n) for n in rows.numbers("tokens", "dim")), layer_normed(rows)], axis=1)

    def module(self, options: ModuleOptions) -> nn.Module:
        from torch import nn

        from tiernas.blocks.token_modules import Mean, token_norm

        return nn.Sequential(
            token_norm(self.norm, self.dim, options),
            Mean(),
            nn.Dropout(options.dropout),
            nn.Linear(self.dim, options.num_classes),
        )
