"""A space of token networks with blocks of its own, in one file: all that the house asks of both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from tiernas.blocks import Block, BlockRows, LayerRows, ModuleOptions
from tiernas.blocks.rows import FloatArray, IntArray
from tiernas.errors import UsageError
from tiernas.latency import Header, LatencyTable, Observation, Record
from tiernas.networks import build, check_onnx, cost, export_onnx
from tiernas.spaces import Architecture, LayeredArchitecture, LayerGroup, SearchSpace, get_space
from tiernas.spaces.space import Dimension
from tiernas.testing.latency import FINGERPRINT, measurement, synthetic_table

PATCH, CLASSES = 8, 5


@dataclass(frozen=True, slots=True)
class Patches(Block):
    """Patches of an image to tokens."""

    block = "patches"
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

    block = "mlp"
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

    block = "pooled"
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
        first, *body, _ = architecture.layers
        assert isinstance(first, Patches)
        ratio = 1
        for layer in body:
            assert isinstance(layer, Mlp)
            ratio = layer.hidden // layer.dim
        vector: IntArray = self.validate([[first.in_size, first.dim, ratio, len(body)]])[0]
        return vector

    def canonical(self, vectors: IntArray) -> IntArray:
        result: IntArray = vectors.copy()
        result[vectors[:, 3] == 0, 2] = 1
        return result

    def layer_groups(self, vectors: IntArray) -> Iterator[LayerGroup]:
        resolution, dim, ratio, layers = vectors.T
        tokens, n = (resolution // PATCH) ** 2, len(vectors)
        index, one = np.arange(n), np.ones(n, np.int64)
        yield LayerGroup(BlockRows.of_columns(Patches, n, {"dim": dim, "in_size": resolution}), index, one)
        columns = {"tokens": tokens, "dim": dim, "hidden": ratio * dim}
        yield LayerGroup(BlockRows.of_columns(Mlp, n, columns), index, layers)
        yield LayerGroup(BlockRows.of_columns(Pooled, n, {"tokens": tokens, "dim": dim}), index, one)


SPACE = TokenSpace()
VECTORS = SPACE.sample(40, seed=1)


def true_ms(architecture: Architecture) -> FloatArray:
    layers = LayerRows.of(architecture.layers)
    return 1e-6 * layers.each(BlockRows.macs) + 1e-5 * layers.each(lambda rows: rows.work()[:, -1]) + 0.01


def table() -> LatencyTable:
    records = []
    for vector in np.unique(VECTORS[:30], axis=0):
        layer_ms = true_ms(SPACE.decode(vector))
        whole = measurement(float(layer_ms.sum()))
        records.append(Record(tuple(vector.tolist()), Observation("0" * 16, whole, tuple(layer_ms.tolist()))))
    return LatencyTable(Header(SPACE.name, CLASSES, 0, FINGERPRINT, "0.1.0", SPACE.digest), records, SPACE)


def test_vectors_and_networks_are_one_for_one() -> None:
    networks = [SPACE.decode(vector) for vector in VECTORS]
    assert [SPACE.encode(network).tolist() for network in networks] == VECTORS.tolist()
    assert len({network.digest for network in networks}) == len(np.unique(VECTORS, axis=0))


def test_the_largest_images_that_its_networks_take() -> None:
    assert SPACE.largest_resolution == 48


def test_groups_are_the_layers_of_each_network() -> None:
    found: list[Counter[Block]] = [Counter() for _ in VECTORS]
    for group in SPACE.layer_groups(VECTORS):
        for layer, network, count in zip(group.rows.layers(), group.network, group.count, strict=True):
            found[network][layer] += int(count)
    assert [+counted for counted in found] == [Counter(SPACE.decode(vector).layers) for vector in VECTORS]


def test_a_latency_table_finds_the_truth() -> None:
    fitted = table()
    expected = [true_ms(SPACE.decode(vector)).sum() for vector in VECTORS[30:]]
    np.testing.assert_allclose(fitted.estimate(VECTORS[30:]), expected, rtol=0.02)
    one_by_one = [fitted.estimate_architecture(SPACE.decode(vector)) for vector in VECTORS[30:]]
    np.testing.assert_allclose(one_by_one, expected, rtol=0.02)


def test_what_a_block_costs_that_was_never_measured_is_not_made_up() -> None:
    message = (
        "no measured network with the block 'patches', so what it costs is not known; its networks have: stem, conv"
    )
    with pytest.raises(UsageError, match=message):
        synthetic_table().estimate_architecture(SPACE.decode(VECTORS[0]))
    with pytest.raises(UsageError, match=r"the block 'stem'.*its networks have: patches, pooled, mlp"):
        table().layer_costs(get_space("gpunet-small").decode(get_space("gpunet-small").sample(1)[0]).layers)


def test_work_is_what_a_hook_counts() -> None:
    for vector in VECTORS[:5]:
        network = SPACE.decode(vector)
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            build(network, CLASSES).eval()(torch.zeros(1, 3, network.resolution, network.resolution))
        classifier = network.layers[-1].out_shape[0] * CLASSES
        macs = int(LayerRows.of(network.layers).each(BlockRows.macs).sum())
        assert cost(network, CLASSES).macs == counter.get_total_flops() // 2 == macs + classifier


def test_it_is_exported_with_the_numbers_of_its_layers(tmp_path: Path) -> None:
    architecture = SPACE.decode([24, 16, 2, 2])
    network = build(architecture, CLASSES)
    export_onnx(network, tmp_path / "network.onnx")
    assert check_onnx(tmp_path / "network.onnx", network) < 1e-4
    names = [node.name for node in onnx.load(tmp_path / "network.onnx").graph.node]
    for number in range(len(architecture.layers)):
        assert any(name.startswith(f"/blocks/blocks.{number}/") for name in names)


def test_tokens_of_another_number_need_another_network() -> None:
    message = "resolution = 64: the layers of this network are written for 24 pixels; choose a network of its space"
    with pytest.raises(UsageError, match=message):
        SPACE.decode([24, 16, 2, 2]).resized(64)


def test_a_backbone_needs_maps() -> None:
    with pytest.raises(UsageError, match="a backbone gives feature maps, but patches gives none"):
        build(SPACE.decode(VECTORS[0]), features_only=True)
