from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tiernas.blocks import ACTIVATIONS
from tiernas.blocks.modules import DropPath, Residual
from tiernas.networks import FeatureNet, Network, build, cost
from tiernas.spaces import Head, Stage, StagedArchitecture, Stem, get_space, released

FACTS: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("released_facts.json").read_text())["networks"]


def build_meta(architecture: StagedArchitecture) -> Network:
    with torch.device("meta"):
        network = build(architecture, drop_path_rate=0.2)
    assert isinstance(network, Network)
    return network


@pytest.mark.parametrize("name", FACTS)
def test_released_sizes_are_exact(name: str) -> None:
    facts, network = FACTS[name], build_meta(released(name))
    size = cost(released(name))
    assert (size.params, size.macs) == (facts["params"], facts["macs"])
    assert sum(b.numel() for b in network.buffers()) == facts["buffers"]
    assert sum(isinstance(m, nn.Conv2d) for m in network.modules()) == facts["conv_layers"]


@pytest.mark.parametrize("name", FACTS)
def test_released_blocks_are_exact(name: str) -> None:
    network = build_meta(released(name)).eval()
    x = torch.empty(1, 3, released(name).resolution, released(name).resolution, device="meta")
    blocks = FACTS[name]["blocks"]
    assert len(blocks) == len(network.blocks)
    for i, (block, (_, in_shape, out_shape, params, _, drop_path)) in enumerate(
        zip(network.blocks, blocks, strict=True)
    ):
        assert list(x.shape[1:]) == in_shape, i
        x = block(x)
        assert list(x.shape[1:]) == out_shape, i
        assert sum(p.numel() for p in block.parameters()) == params, i
        rates = [m.rate for m in block.modules() if isinstance(m, DropPath)]
        if rates and not name.startswith("gpunet_d"):
            assert rates == pytest.approx([drop_path], abs=1e-6)


@pytest.mark.parametrize("name", ["gpunet_0", "gpunet_d1"])
def test_modules_are_registered_in_the_order_they_run(name: str) -> None:
    network = build(released(name)).eval()
    ran: list[str] = []
    leaves = {n: m for n, m in network.named_modules() if isinstance(m, nn.Conv2d | nn.BatchNorm2d | nn.Linear)}
    for n, module in leaves.items():
        module.register_forward_hook(lambda *_, n=n: ran.append(n))
    with torch.no_grad():
        network(torch.zeros(1, 3, 64, 64))
    assert ran == list(leaves)


def test_a_block_computes_what_the_papers_say() -> None:
    architecture = StagedArchitecture(
        16, Stem(8), (Stage("irb", 8, 3, 1, 1, "relu", 2, squeeze_excite=True),), Head(8), channel_divisor=1
    )
    torch.manual_seed(0)
    network = build(architecture, 3).eval()
    x = torch.randn(2, 8, 8, 8)
    assert isinstance(network, Network)
    block = network.blocks[1]
    assert isinstance(block, Residual)
    modules: list[Any] = list(block.body)
    expand, bn1, _, depthwise, bn2, _, squeeze, project, bn3 = modules
    inner = torch.relu(bn2(depthwise(torch.relu(bn1(expand(x))))))
    gate = torch.sigmoid(squeeze.expand(torch.relu(squeeze.reduce(inner.mean((2, 3), keepdim=True)))))
    expected = x + bn3(project(inner * gate))
    torch.testing.assert_close(block(x), expected)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_can_be_built_and_trained(activation: str) -> None:
    stages = (
        Stage("conv", 8, 3, 1, 1, activation),
        Stage("fused_irb", 16, 5, 2, 2, activation, 3, squeeze_excite=True),
    )
    network = build(StagedArchitecture(32, Stem(8), stages, Head(16)), 5)
    network(torch.randn(2, 3, 32, 32)).sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())


def test_drop_path_drops_whole_samples_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    drop = DropPath(0.25).train()
    out = drop(torch.ones(4000, 2, 1, 1))
    assert out.unique().tolist() == pytest.approx([0.0, 1 / 0.75])
    assert bool((out[:, 0] == out[:, 1]).all())
    assert out.mean().item() == pytest.approx(1.0, abs=0.05)
    assert bool((drop.eval()(torch.ones(10, 2, 1, 1)) == 1).all())


@pytest.mark.parametrize("name", ["gpunet_1", "gpunet_p0"])
def test_backbone_gives_one_map_per_stride(name: str) -> None:
    backbone = build(released(name), features_only=True).eval()
    assert isinstance(backbone, FeatureNet)
    features = backbone(torch.zeros(1, 3, 128, 128))
    assert backbone.strides[:4] == (2, 4, 8, 16)
    assert tuple(f.shape[1] for f in features) == backbone.channels
    if name == "gpunet_p0":
        assert [f.shape[-1] for f in features] == [128 // s for s in backbone.strides]


@pytest.mark.parametrize(
    ("name", "blocks"),
    [
        ("gpunet_0", [3, 5, 8, 11, 13]),
        ("gpunet_1", [2, 4, 6, 11, 15]),
        ("gpunet_2", [4, 5, 8, 18, 33]),
        ("gpunet_p0", [3, 4, 7, 10, 14]),
    ],
)
def test_maps_of_released_backbones_come_after_these_blocks(name: str, blocks: list[int]) -> None:
    with torch.device("meta"):
        backbone = build(released(name), features_only=True)
    assert backbone.strides[:5] == (2, 4, 8, 16, 32)
    assert [level + 1 for level in backbone.levels[:5]] == blocks


@pytest.mark.parametrize("space", ["gpunet", "gpunet-wide", "gpunet-small"])
def test_sampled_networks_run(space: str) -> None:
    for vector in get_space(space).sample(3, seed=1):
        architecture = get_space(space).decode(vector)
        with torch.device("meta"):
            network = build(architecture, 7)
            logits = network(torch.empty(1, 3, architecture.resolution, architecture.resolution))
        assert logits.shape == (1, 7)
