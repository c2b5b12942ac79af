"""Self-attention between tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tiernas.blocks.block import ModuleOptions
from tiernas.blocks.rows import BlockRows, FloatArray, Sizes, counted_macs
from tiernas.blocks.tokens import TokenBlock, layer_normed

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class AttentionBlock(TokenBlock):
    """Normalization and multi-head attention, added to the input.

    Attributes:
        heads: Number of heads.
        head_dim: Channels of a head's queries and keys.
        value_dim: Channels of a head's values.
    """

    block = "attention"
    work_kinds = (
        "qkv_macs",
        "score_macs",
        "mix_macs",
        "project_macs",
        "weights",
        "softmax",
        "softmax_rows",
        "normed",
        "moved",
        "heads",
    )

    heads: int
    head_dim: int
    value_dim: int

    @property
    def settings(self) -> str:
        return f"{self.heads} heads of {self.head_dim} values {self.value_dim} {self.norm} norm"

    @property
    def label(self) -> str:
        heads = f"{self.heads} heads of {self.head_dim}/{self.value_dim}"
        return f"{self.block} {self.dim} {heads} {self.norm} norm @{self.tokens}"

    @classmethod
    def work(cls, rows: BlockRows) -> Mapping[str, FloatArray]:
        tokens, dim, heads, head_dim, value_dim = rows.numbers("tokens", "dim", "heads", "head_dim", "value_dim")
        qkv, values = heads * (2 * head_dim + value_dim), heads * value_dim
        return {
            "qkv_macs": tokens * dim * qkv,
            "score_macs": heads * tokens**2 * head_dim,
            "mix_macs": heads * tokens**2 * value_dim,
            "project_macs": tokens * values * dim,
            "weights": dim * (qkv + values),
            "softmax": heads * tokens**2,
            "softmax_rows": heads * tokens,
            "normed": tokens * dim * layer_normed(rows),
            "moved": tokens * (2 * dim + qkv + values),
            "heads": heads,
        }

    @classmethod
    def sizes(cls, rows: BlockRows, num_classes: int) -> Sizes:
        counted = cls.work(rows)
        tokens, dim, heads, head_dim, value_dim = rows.numbers("tokens", "dim", "heads", "head_dim", "value_dim")
        qkv, values = heads * (2 * head_dim + value_dim), heads * value_dim
        mixing = counted["softmax"] + tokens * values  # scores and what they mix, while queries and keys are held
        return Sizes(
            weights=counted["weights"],
            other_params=2 * dim + qkv + dim,
            macs=counted_macs(counted),
            held=tokens * (dim + qkv) + np.maximum(tokens * dim, mixing),
        )

    @classmethod
    def likeness(cls, rows: BlockRows) -> FloatArray:
        numbers = rows.numbers("tokens", "dim", "heads", "head_dim", "value_dim")
        return np.stack([*(np.log2(n) for n in numbers), layer_normed(rows)], axis=1)

    def module(self, options: ModuleOptions) -> nn.Module:
        from tiernas.blocks.token_modules import SelfAttention, residual, token_norm

        attention = SelfAttention(self.tokens, self.dim, self.heads, self.head_dim, self.value_dim)
        return residual(options, token_norm(self.norm, self.dim, options), attention)
