"""Building blocks of token networks, `(n, tokens, dim)`.

Numbers of tokens are constants, so that exported graphs compute no shapes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tiernas.blocks.block import ModuleOptions
from tiernas.blocks.modules import Residual

_LAYER_NORM_EPS = 1e-5
_POSITION_STD = 0.02
"""Standard deviation of initial position embeddings, as in ViT (arXiv 2010.11929)."""


class TokenBatchNorm(nn.BatchNorm1d):
    """Batch normalization of the channels of tokens; at inference one multiplication and one addition."""

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            return super().forward(x.flatten(0, 1)).view_as(x)
        assert self.running_mean is not None
        assert self.running_var is not None
        scale = self.weight / torch.sqrt(self.running_var + self.eps)
        return x * scale + (self.bias - self.running_mean * scale)


class Transposed(nn.Module):
    """Swaps tokens and channels, the last two dimensions."""

    def forward(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2)


class Map(nn.Module):
    """Turns the tokens of a square grid into a map `(n, dim, size, size)`."""

    def __init__(self, dim: int, size: int) -> None:
        super().__init__()
        self.shape = dim, size, size

    def forward(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2).reshape(-1, *self.shape)


class Tokens(nn.Module):
    """Turns a map `(n, dim, size, size)` into one token per pixel, row by row."""

    def __init__(self, dim: int, size: int) -> None:
        super().__init__()
        self.shape = dim, size**2

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(-1, *self.shape).transpose(1, 2)


class Position(nn.Module):
    """Adds a learned vector to each token."""

    def __init__(self, tokens: int, dim: int) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.zeros(tokens, dim))
        nn.init.trunc_normal_(self.embedding, std=_POSITION_STD)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.embedding


class SelfAttention(nn.Module):
    """Multi-head attention between all tokens.

    Args:
        tokens: Number of tokens.
        dim: Input and output channels.
        heads: Number of heads.
        head_dim: Channels of a head's queries and keys.
        value_dim: Channels of a head's values.
    """

    def __init__(self, tokens: int, dim: int, heads: int, head_dim: int, value_dim: int) -> None:
        super().__init__()
        self.parts = [head_dim, head_dim, value_dim]
        self.split = tokens, heads, sum(self.parts)
        self.joined = tokens, heads * value_dim
        self.scale = head_dim**-0.5
        self.qkv = nn.Linear(dim, heads * sum(self.parts))
        self.project = nn.Linear(heads * value_dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        per_head: Tensor = self.qkv(x).reshape(-1, *self.split).transpose(1, 2)
        query, key, value = torch.split(per_head, self.parts, dim=-1)
        scores = (query * self.scale) @ key.transpose(-2, -1)
        mixed = scores.softmax(dim=-1) @ value
        out: Tensor = self.project(mixed.transpose(1, 2).reshape(-1, *self.joined))
        return out


class SpatialGating(nn.Module):
    """Multiplies one half of the channels by the other, after a linear layer has mixed the latter across tokens.

    Initially the gate is the identity (gMLP, arXiv 2105.08050).

    Args:
        tokens: How many tokens.
        gated: Channels of each half.
        norm: Normalizes the half that gates.
    """

    def __init__(self, tokens: int, gated: int, norm: nn.Module) -> None:
        super().__init__()
        self.halves = [gated, gated]
        self.norm = norm
        self.mix = nn.Linear(tokens, tokens)
        nn.init.normal_(self.mix.weight, std=1e-3 / tokens)
        nn.init.ones_(self.mix.bias)

    def forward(self, x: Tensor) -> Tensor:
        kept, gate = torch.split(x, self.halves, dim=-1)
        mixed: Tensor = self.mix(self.norm(gate).transpose(1, 2))
        return kept * mixed.transpose(1, 2)


class Mean(nn.Module):
    """The mean of all tokens."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(1)


def token_norm(norm: str, dim: int, options: ModuleOptions) -> nn.Module:
    """The normalization module of a name in `NORMS`."""
    return nn.LayerNorm(dim, eps=_LAYER_NORM_EPS) if norm == "layer" else TokenBatchNorm(dim, eps=options.bn_eps)


def residual(options: ModuleOptions, *modules: nn.Module) -> Residual:
    """A sequence of modules whose output is added to its input."""
    return Residual(nn.Sequential(*modules), True, options.drop_path_rate)
