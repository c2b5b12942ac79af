"""A space of token networks with blocks of its own holds all that the house asks of both."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from tests.tokens import CLASSES, SPACE, Mlp, TokenSpace
from torch.utils.flop_counter import FlopCounterMode

from tiernas.blocks import BlockRows, LayerRows, get_block
from tiernas.blocks.rows import FloatArray
from tiernas.errors import UsageError
from tiernas.latency import Header, LatencyTable, Observation, Record
from tiernas.networks import build, cost, export_onnx
from tiernas.spaces import Architecture, SearchSpace, architecture_from_json, get_space
from tiernas.testing.latency import FINGERPRINT, measurement, synthetic_table
from tiernas.testing.spaces import SpaceConformance

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


class TestTokens(SpaceConformance):
    def make(self) -> SearchSpace:
        return TokenSpace()


def test_its_networks_are_read_by_the_names_of_their_blocks() -> None:
    architecture = SPACE.decode(VECTORS[0])
    assert architecture_from_json(architecture.to_json()) == architecture
    data = json.loads(architecture.to_json())
    data["blocks"][0]["block"] = "tests.tokens:Transposed"
    with pytest.raises(UsageError, match=r"^blocks\[0\]: block 'tests.tokens:Transposed': is not a block: "):
        architecture_from_json(json.dumps(data))


def test_a_block_that_calls_itself_otherwise_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    get_block.cache_clear()
    monkeypatch.setattr(Mlp, "block", "mlp")
    with pytest.raises(UsageError, match="its `block` is 'mlp', which files record: make both the same"):
        get_block("tests.tokens:Mlp")


def test_the_largest_images_that_its_networks_take() -> None:
    assert SPACE.largest_resolution == 48


def test_a_latency_table_finds_the_truth() -> None:
    fitted = table()
    expected = [true_ms(SPACE.decode(vector)).sum() for vector in VECTORS[30:]]
    np.testing.assert_allclose(fitted.estimate(VECTORS[30:]), expected, rtol=0.02)
    one_by_one = [
        sum(cost.latency_ms for cost in fitted.layer_costs(SPACE.decode(vector).layers)) for vector in VECTORS[30:]
    ]
    np.testing.assert_allclose(one_by_one, expected, rtol=0.02)


def test_what_a_block_costs_that_was_never_measured_is_not_made_up() -> None:
    message = r"no measured network with the block 'tests.tokens:Patches', so .* unknown; its networks have: stem, conv"
    with pytest.raises(UsageError, match=message):
        synthetic_table().layer_costs(SPACE.decode(VECTORS[0]).layers)
    with pytest.raises(
        UsageError,
        match=r"the block 'stem'.*its networks have: tests.tokens:Patches, tests.tokens:Pooled, tests.tokens:Mlp",
    ):
        table().layer_costs(get_space("gpunet-small").decode(get_space("gpunet-small").sample(1)[0]).layers)


def test_work_is_what_a_hook_counts() -> None:
    for vector in VECTORS[:5]:
        network = SPACE.decode(vector)
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            build(network, CLASSES).eval()(torch.zeros(1, 3, network.resolution, network.resolution))
        classifier = network.layers[-1].out_shape[0] * CLASSES
        macs = int(LayerRows.of(network.layers).each(BlockRows.macs).sum())
        assert cost(network, CLASSES).macs == counter.get_total_flops() // 2 == macs + classifier


def test_nodes_have_the_numbers_of_layers(tmp_path: Path) -> None:
    architecture = SPACE.decode([24, 16, 2, 2])
    export_onnx(build(architecture, CLASSES), tmp_path / "network.onnx")
    names = [node.name for node in onnx.load(tmp_path / "network.onnx").graph.node]
    for number in range(len(architecture.layers)):
        assert any(name.startswith(f"/blocks/blocks.{number}/") for name in names)


def test_tokens_of_another_number_need_another_network() -> None:
    message = "resolution = 64: the layers of this network are defined for 24 pixels; choose a network of its space"
    with pytest.raises(UsageError, match=message):
        SPACE.decode([24, 16, 2, 2]).resized(64)


def test_a_backbone_needs_maps() -> None:
    with pytest.raises(UsageError, match=r"a backbone outputs feature maps, but tests.tokens:Patches does not"):
        build(SPACE.decode(VECTORS[0]), features_only=True)
