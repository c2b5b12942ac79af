"""A space of token networks with blocks of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from tiernas.blocks import Block, BlockRows, ModuleOptions
from tiernas.blocks.rows import FloatArray, IntArray
from tiernas.errors import UsageError
from tiernas.spaces import Architecture, LayeredArchitecture, LayerGroup, SearchSpace
from tiernas.spaces.space import Dimension

PATCH, CLASSES = 8, 5


@dataclass(frozen=True, slots=True)
class Patches(Block):
    """Patches of an image to tokens."""

    block = "tests.tokens:Patches"
    work_kinds = ("embed_macs", "moved")

    dim: int
    in_size: int

    @property
    def in_shape(self) -> tuple[int, ...]:
        return 3, self.in_size, self.in_size

    @property
    def out_shape(self) -> tuple[int, ...]:
        return (self.in_size // PATCH) ** 2, self.dim

    @property
    def settings(self) -> str:
        return f"dim {self.dim}"

    @property
    def label(self) -> str:
        return f"patches {self.dim} @{self.in_size}"

    @classmethod
    def work(cls, rows: BlockRows) -> Mapping[str, FloatArray]:
        dim, size = rows.numbers("dim", "in_size")
        return {"embed_macs": 3 * size**2 * dim, "moved": 3 * size**2}

    @classmethod
    def likeness(cls, rows: BlockRows) -> FloatArray:
        return np.log2(np.stack(rows.numbers("dim", "in_size"), axis=1))

    def module(self, options: ModuleOptions) -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, self.dim, PATCH, PATCH, bias=False), nn.Flatten(2), Transposed())


class Transposed(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.transpose(1, 2)


@dataclass(frozen=True, slots=True)
class Mlp(Block):
    """The channel MLP of tokens."""

    block = "tests.tokens:Mlp"
    work_kinds = ("mlp_macs", "normed")

    tokens: int
    dim: int
    hidden: int

    @property
    def in_shape(self) -> tuple[int, ...]:
        return self.tokens, self.dim

    @property
    def out_shape(self) -> tuple[int, ...]:
        return self.in_shape

    @property
    def settings(self) -> str:
        return f"hidden {self.hidden}"

    @property
    def label(self) -> str:
        return f"mlp {self.dim}-{self.hidden} @{self.tokens}"

    @classmethod
    def work(cls, rows: BlockRows) -> Mapping[str, FloatArray]:
        tokens, dim, hidden = rows.numbers("tokens", "dim", "hidden")
        return {"mlp_macs": 2 * tokens * dim * hidden, "normed": tokens * dim}

    @classmethod
    def likeness(cls, rows: BlockRows) -> FloatArray:
        return np.log2(np.stack(rows.numbers("tokens", "dim", "hidden"), axis=1))

    def module(self, options: ModuleOptions) -> nn.Module:
        return nn.Sequential(
            nn.LayerNorm(self.dim), nn.Linear(self.dim, self.hidden), nn.ReLU(), nn.Linear(self.hidden, self.dim)
        )


@dataclass(frozen=True, slots=True)
class Pooled(Block):
    """The mean of tokens to logits."""

    block = "tests.tokens:Pooled"
    work_kinds = ("moved",)

    tokens: int
    dim: int

    @property
    def in_shape(self) -> tuple[int, ...]:
        return self.tokens, self.dim

    @property
    def out_shape(self) -> tuple[int, ...]:
        return (self.dim,)

    @property
    def settings(self) -> str:
        return "mean"

    @property
    def label(self) -> str:
        return f"pooled {self.dim} @{self.tokens}"

    @classmethod
    def work(cls, rows: BlockRows) -> Mapping[str, FloatArray]:
        tokens, dim = rows.numbers("tokens", "dim")
        return {"moved": tokens * dim}

    @classmethod
    def likeness(cls, rows: BlockRows) -> FloatArray:
        return np.log2(np.stack(rows.numbers("tokens", "dim"), axis=1))

    def module(self, options: ModuleOptions) -> nn.Module:
        return nn.Sequential(Mean(), nn.Linear(self.dim, options.num_classes))


class Mean(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(1)


class TokenSpace(SearchSpace):
    """Resolution, dim, hidden channels per channel, layers."""

    def __init__(self) -> None:
        values = {"resolution": (16, 24, 32, 48), "dim": (16, 24, 32, 48), "ratio": (1, 2, 3), "layers": (0, 1, 2, 3)}
        dimensions = tuple(Dimension(name, allowed) for name, allowed in values.items())
        super().__init__("tokens", dimensions, CLASSES)

    def decode(self, vector: npt.ArrayLike) -> LayeredArchitecture:
        resolution, dim, ratio, layers = self.validate(np.atleast_2d(vector))[0].tolist()
        tokens = (resolution // PATCH) ** 2
        body = (Mlp(tokens, dim, ratio * dim),) * layers
        return LayeredArchitecture(resolution, (Patches(dim, resolution), *body, Pooled(tokens, dim)))

    def encode(self, architecture: Architecture) -> IntArray:
        match architecture:
            case LayeredArchitecture(blocks=(Patches() as first, *body, Pooled())):
                ratios = {layer.hidden // layer.dim for layer in body if isinstance(layer, Mlp)}
                vector: IntArray = self.validate([[first.in_size, first.dim, min(ratios, default=1), len(body)]])[0]
                if self.decode(vector) == architecture:
                    return vector
        raise UsageError(f"the network is not in space {self.name!r}")

    def canonical(self, vectors: IntArray) -> IntArray:
        result: IntArray = vectors.copy()
        result[vectors[:, 3] == 0, 2] = 1
        return result

    def layer_groups(self, vectors: IntArray) -> Iterator[LayerGroup]:
        resolution, dim, ratio, layers = vectors.T
        tokens, n = (resolution // PATCH) ** 2, len(vectors)
        index, one = np.arange(n), np.ones(n, np.int64)
        yield LayerGroup(BlockRows.of_columns(Patches, n, {"dim": dim, "in_size": resolution}), index, one)
        has = np.flatnonzero(layers)
        columns = {"tokens": tokens[has], "dim": dim[has], "hidden": (ratio * dim)[has]}
        yield LayerGroup(BlockRows.of_columns(Mlp, len(has), columns), has, layers[has])
        yield LayerGroup(BlockRows.of_columns(Pooled, n, {"tokens": tokens, "dim": dim}), index, one)


SPACE = TokenSpace()
