"""The gated MLP: channels are expanded, one half gates the other across tokens, and projected again."""

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
class SpatialGateBlock(TokenBlock):
    """A whole block of gMLP (arXiv 2105.08050), added to its input.

    Attributes:
        gated: Channels of each half: the gated one and the one that gates.
        activation: One of `ACTIVATIONS`.
    """

    block = "spatial_gate"
    work_kinds = (
        "expand_macs",
        "token_macs",
        "project_macs",
        "weights",
        "input",
        "inner",
        "costly",
        "normed",
        "gated",
        "token_weights",
    )

    gated: int
    activation: str = field(metadata=choice(*ACTIVATIONS))

    @property
    def settings(self) -> str:
        return f"gated {self.gated} {self.activation} {self.norm} norm"

    @property
    def label(self) -> str:
        return f"{self.block} {self.dim}-{self.gated} {self.activation} {self.norm} norm @{self.tokens}"

    @classmethod
    def work(cls, rows: BlockRows) -> Mapping[str, FloatArray]:
        tokens, dim, gated = rows.numbers("tokens", "dim", "gated")
        inner = 2 * tokens * gated
        return {
            "expand_macs": inner * dim,
            "token_macs": tokens**2 * gated,
            "project_macs": tokens * gated * dim,
            "weights": 3 * dim * gated,
            "input": tokens * dim,
            "inner": inner,
            "costly": inner * costly(rows),
            "normed": tokens * (dim + gated) * layer_normed(rows),
            "gated": tokens * gated,
            "token_weights": tokens**2,
        }

    @classmethod
    def sizes(cls, rows: BlockRows, num_classes: int) -> Sizes:
        counted = cls.work(rows)
        tokens, dim, gated = rows.numbers("tokens", "dim", "gated")
        normalization, biases = 2 * (dim + gated), 2 * gated + tokens + dim
        return Sizes(
            weights=counted["weights"] + counted["token_weights"],
            other_params=normalization + biases + slopes(rows, 2 * gated),
            macs=counted_macs(counted),
            held=counted["input"] + counted["inner"] + np.maximum(counted["input"], counted["gated"]),
        )

    @classmethod
    def likeness(cls, rows: BlockRows) -> FloatArray:
        numbers = rows.numbers("tokens", "dim", "gated")
        return np.stack([*(np.log2(n) for n in numbers), costly(rows), layer_normed(rows)], axis=1)

    def module(self, options: ModuleOptions) -> nn.Module:
        from torch import nn

        from tiernas.blocks.token_modules import SpatialGating, residual, token_norm

        return residual(
            options,
            token_norm(self.norm, self.dim, options),
            nn.Linear(self.dim, 2 * self.gated),
            activation(self.activation, 2 * self.gated),
            SpatialGating(self.tokens, self.gated, token_norm(self.norm, self.gated, options)),
            nn.Linear(self.gated, self.dim),
        )
