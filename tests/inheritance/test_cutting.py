"""Inherited weights: of a small network by hand, of the whole parent exactly, and of any part of a parent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.parents import PARENT_NETWORK, parent_space
from torch import Tensor, nn

from tiernas.blocks import ConvBlock, FusedIrbBlock, HeadBlock, IrbBlock, SeparableBlock, StemBlock
from tiernas.blocks.convolution import PADDINGS
from tiernas.inheritance import Parent, inherit_weights, rank_channels
from tiernas.networks import Network, build, repeatable_weights
from tiernas.networks.normalization import IMAGENET
from tiernas.spaces import Architecture, LayeredArchitecture, get_space

CLASSES = 3

SMALL = LayeredArchitecture(
    16,
    (
        StemBlock(3, 4, 3, 1, "relu", 16),
        SeparableBlock(4, 4, 5, 1, 0, "relu", "same", 8),
        IrbBlock(4, 6, 5, 2, 8, 2, "swish", "same", 8),
        HeadBlock(6, 5, 0, "relu", 4),
    ),
)


def trained(architecture: Architecture, classes: int = CLASSES) -> Parent:
    """A parent with random weights and statistics."""
    with repeatable_weights():
        network = build(architecture, classes).eval()
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias)
                nn.init.normal_(module.running_mean)  # type: ignore[arg-type]
                nn.init.uniform_(module.running_var, 0.5, 2.0)  # type: ignore[arg-type]
    return Parent("a test", network, rank_channels(network), IMAGENET, None)


def inherited(
    architecture: Architecture, parent: Parent, *, same_classes: bool = True, classes: int = CLASSES
) -> Network:
    network = build(architecture, classes).eval()
    inherit_weights(network, parent, same_classes=same_classes)
    return network


def images(architecture: Architecture) -> Tensor:
    size = architecture.resolution
    return torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("architecture", [SMALL, PARENT_NETWORK], ids=["small", "all"])
def test_the_whole_parent_is_the_parent_to_the_last_digit(architecture: Architecture) -> None:
    parent = trained(architecture)
    network = inherited(architecture, parent)
    theirs = parent.network.state_dict()
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in network.state_dict().items())
    with torch.no_grad():
        assert torch.equal(network(images(architecture)), parent.network(images(architecture)))


@pytest.mark.parametrize("name", ["gpunet-small", "vit-small", "mlp-small"])
def test_a_network_of_any_space_starts_as_a_trained_one(name: str) -> None:
    space = get_space(name)
    for vector in space.sample(4):
        architecture = space.decode(vector)
        parent = trained(architecture)
        network = inherited(architecture, parent)
        theirs = parent.network.state_dict()
        assert all(torch.equal(tensor, theirs[key]) for key, tensor in network.state_dict().items())


@pytest.mark.parametrize("name", ["gpunet-small", "vit-small"])
def test_with_other_classes_all_but_the_classifier_is_inherited(name: str) -> None:
    architecture = get_space(name).decode(get_space(name).sample(1)[0])
    parent = trained(architecture)
    network = build(architecture, 7)
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    inherit_weights(network, parent, same_classes=False)
    theirs = parent.network.state_dict()
    last = [key for key, module in network.named_modules() if isinstance(module, nn.Linear)][-1]
    for key, tensor in network.state_dict().items():
        expected = before[key] if key.rpartition(".")[0] == last else theirs[key]
        assert torch.equal(tensor, expected), key


def test_a_network_that_is_cut_by_hand() -> None:
    parent = trained(SMALL)
    stem, separable, irb, head = SMALL.layers
    assert isinstance(stem, StemBlock)
    assert isinstance(separable, SeparableBlock)
    assert isinstance(irb, IrbBlock)
    assert isinstance(head, HeadBlock)
    part = LayeredArchitecture(
        16,
        (
            replace(stem, out_channels=2),
            replace(separable, in_channels=2, out_channels=2, kernel=3),
            replace(irb, in_channels=2, out_channels=3, kernel=3, mid_channels=5, se_channels=0),
            replace(head, in_channels=3, filters=4),
        ),
    )
    orders = {
        "0.out": torch.tensor([3, 1, 0, 2]),
        "2.inner0": torch.tensor([7, 0, 2, 6, 1, 3, 4, 5]),
        "2.squeezed": torch.tensor([0, 1]),
        "2.out": torch.tensor([5, 4, 0, 1, 2, 3]),
        "3.out": torch.tensor([4, 3, 2, 1, 0]),
    }
    cut = inherited(part, replace(parent, orders=orders)).state_dict()
    whole = parent.network.state_dict()
    shared, mid, out, features = [1, 3], [0, 1, 2, 6, 7], [0, 4, 5], [1, 2, 3, 4]

    def conv(name: str, rows: list[int], columns: list[int] | None = None) -> Tensor:
        kept: Tensor = whole[name][rows]
        return kept if columns is None else kept[:, columns]

    assert torch.equal(cut["blocks.0.0.weight"], conv("blocks.0.0.weight", shared))
    assert torch.equal(cut["blocks.0.1.running_var"], whole["blocks.0.1.running_var"][shared])
    depthwise, project = "blocks.1.body.0.weight", "blocks.1.body.3.weight"
    assert torch.equal(cut[depthwise], conv(depthwise, shared)[:, :, 1:4, 1:4])
    assert torch.equal(cut[project], conv(project, shared, shared))
    assert torch.equal(cut["blocks.2.body.0.weight"], conv("blocks.2.body.0.weight", mid, shared))
    assert torch.equal(cut["blocks.2.body.3.weight"], conv("blocks.2.body.3.weight", mid)[:, :, 1:4, 1:4])
    assert torch.equal(cut["blocks.2.body.6.weight"], conv("blocks.2.body.7.weight", out, mid)), "without squeezing"
    assert torch.equal(cut["blocks.2.body.7.bias"], whole["blocks.2.body.8.bias"][out])
    assert torch.equal(cut["blocks.3.0.weight"], conv("blocks.3.0.weight", features, out))
    linear = next(name for name in cut if name.startswith("blocks.3.") and cut[name].shape == (CLASSES, 4))
    assert torch.equal(cut[linear], whole[linear][:, features])


@pytest.mark.parametrize("size", [8, 9])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("padding", PADDINGS)
def test_a_kernel_whose_outer_ring_is_zero_keeps_its_output(padding: str, stride: int, size: int) -> None:
    def network(kernel: int) -> LayeredArchitecture:
        stem = StemBlock(3, 4, 3, 1, "relu", 2 * size)
        conv = ConvBlock(4, 6, kernel, stride, "relu", padding, size)
        return LayeredArchitecture(2 * size, (stem, conv, HeadBlock(6, 5, 0, "relu", conv.out_shape[-1])))

    parent = trained(network(5))
    whole = parent.network.blocks[1]
    weight = next(module.weight for module in whole.modules() if isinstance(module, nn.Conv2d))
    center = torch.zeros(5, 5)
    center[1:4, 1:4] = 1
    with torch.no_grad():
        weight.mul_(center)
        cut = inherited(network(3), parent).blocks[1]
        maps = torch.randn(2, 4, size, size, generator=torch.Generator().manual_seed(0))
        same_pixels = maps[:, :, 1:-1, 1:-1] if padding == "valid" else maps
        torch.testing.assert_close(cut(same_pixels), whole(maps))


def test_groups_of_channels_are_not_cut() -> None:
    def network(mid: int) -> LayeredArchitecture:
        grouped = FusedIrbBlock(4, 6, 3, 2, mid, 0, "relu", "same", 8, groups=2)
        return LayeredArchitecture(16, (StemBlock(3, 4, 3, 1, "relu", 16), grouped, HeadBlock(6, 5, 0, "relu", 4)))

    parent = trained(network(8))
    before = {key: tensor.clone() for key, tensor in build(network(4), CLASSES).state_dict().items()}
    cut = build(network(4), CLASSES)
    cut.load_state_dict(before)
    inherit_weights(cut, parent, same_classes=True)
    grouped, project = "blocks.1.body.0.weight", "blocks.1.body.3.weight"
    assert torch.equal(cut.state_dict()[grouped], before[grouped])
    kept = parent.orders["1.inner0"][:4].sort().values
    assert torch.equal(cut.state_dict()[project], parent.network.state_dict()[project][:, kept])


def test_a_classifier_that_reads_other_features_is_not_inherited() -> None:
    parent = trained(SMALL)
    *body, head = SMALL.layers
    assert isinstance(head, HeadBlock)
    network = build(LayeredArchitecture(16, (*body, replace(head, hidden=5))), CLASSES)
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    inherit_weights(network, parent, same_classes=True)
    after, theirs = network.state_dict(), parent.network.state_dict()
    assert all(torch.equal(after[key], before[key]) for key in after if key.startswith("blocks.3."))
    assert all(torch.equal(after[key], theirs[key]) for key in after if not key.startswith("blocks.3."))


def test_weights_that_the_parent_lacks_are_left_unchanged() -> None:
    parent = trained(SMALL)
    stem, separable, irb, head = SMALL.layers
    assert isinstance(irb, IrbBlock)
    assert isinstance(head, HeadBlock)
    wider = replace(irb, mid_channels=10, kernel=7)
    again = replace(irb, in_channels=6, stride=1, in_size=4)
    architecture = LayeredArchitecture(16, (stem, separable, wider, again, head))
    with repeatable_weights():
        before = build(architecture, CLASSES).state_dict()
    with repeatable_weights():
        network = inherited(architecture, parent)
    after, whole = network.state_dict(), parent.network.state_dict()
    assert all(torch.equal(after[key], before[key]) for key in after if key.startswith("blocks.3.")), "a further layer"
    expand, depthwise = "blocks.2.body.0.weight", "blocks.2.body.3.weight"
    assert torch.equal(after[expand][:8], whole[expand])
    assert torch.equal(after[expand][8:], before[expand][8:])
    assert torch.equal(after[depthwise][:8, :, 1:6, 1:6], whole[depthwise])
    assert (after[depthwise][:8, :, 0] == 0).all(), "a larger kernel does what the smaller did"


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_part_fits_and_is_finite(data: Any) -> None:
    space = parent_space()
    vector = np.array([data.draw(st.sampled_from(dimension.values)) for dimension in space.dimensions])
    architecture = space.decode(vector)
    parent = trained(PARENT_NETWORK)
    network = build(architecture, CLASSES)
    for parameter in network.parameters():
        nn.init.constant_(parameter, torch.nan)
    inherit_weights(network, parent, same_classes=True)
    assert all(tensor.isfinite().all() for tensor in network.state_dict().values()), "nothing is left uninherited"
    with torch.no_grad():
        assert network.eval()(images(architecture)).isfinite().all()


def test_the_most_important_channels_are_kept() -> None:
    parent = trained(SMALL)
    unread = [0, 3, 4, 6]
    state = parent.network.state_dict()
    state["blocks.2.body.7.weight"][:, unread] = 0
    state["blocks.2.body.6.reduce.weight"][:, unread] = 0
    orders = rank_channels(parent.network)
    assert sorted(orders["2.inner0"][-4:].tolist()) == unread
    assert {group: sorted(order.tolist()) for group, order in orders.items()} == {
        "0.out": list(range(4)),
        "2.inner0": list(range(8)),
        "2.squeezed": list(range(2)),
        "2.out": list(range(6)),
        "3.out": list(range(5)),
    }
