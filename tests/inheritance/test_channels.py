"""The channels of the axes of a layer's tensors, read from its module."""

from __future__ import annotations

import pytest
from tests.parents import PARENT_NETWORK

from tiernas.blocks import (
    Block,
    ConvBlock,
    FusedIrbBlock,
    HeadBlock,
    IrbBlock,
    ModuleOptions,
    SeparableBlock,
    StemBlock,
)
from tiernas.inheritance.alignment import aligned
from tiernas.inheritance.channels import channel_tensors
from tiernas.inheritance.importance import layer_groups
from tiernas.spaces import get_space


def axes(layer: Block) -> dict[str, tuple[str | None, ...]]:
    module = layer.module(ModuleOptions(num_classes=3))
    return {one.role: one.axes for one in channel_tensors(module) if one.role.endswith(("weight", "bias"))}


def test_an_inverted_residual() -> None:
    assert axes(IrbBlock(8, 16, 3, 1, 24, 4, "swish", "same", 8)) == {
        "conv0.weight": ("inner0", "in"),
        "batchnorm2d0.weight": ("inner0",),
        "batchnorm2d0.bias": ("inner0",),
        "conv1.weight": ("inner0", None),
        "batchnorm2d1.weight": ("inner0",),
        "batchnorm2d1.bias": ("inner0",),
        "squeeze.reduce.weight": ("squeezed", "inner0"),
        "squeeze.reduce.bias": ("squeezed",),
        "squeeze.expand.weight": ("inner0", "squeezed"),
        "squeeze.expand.bias": ("inner0",),
        "conv2.weight": ("out", "inner0"),
        "batchnorm2d2.weight": ("out",),
        "batchnorm2d2.bias": ("out",),
    }


def test_roles_are_the_same_without_squeeze_and_excitation() -> None:
    squeezed = axes(IrbBlock(8, 16, 3, 1, 24, 4, "swish", "same", 8))
    plain = axes(IrbBlock(8, 16, 3, 1, 24, 0, "swish", "same", 8))
    assert plain == {role: found for role, found in squeezed.items() if not role.startswith("squeeze")}


def test_other_blocks() -> None:
    separable = axes(SeparableBlock(8, 16, 3, 1, 0, "relu", "same", 8))
    assert (separable["conv0.weight"], separable["conv1.weight"]) == (("in", None), ("out", "in"))
    fused = axes(FusedIrbBlock(8, 16, 3, 1, 24, 0, "relu", "same", 8))
    assert (fused["conv0.weight"], fused["conv1.weight"]) == (("inner0", "in"), ("out", "inner0"))
    grouped = axes(FusedIrbBlock(8, 16, 3, 1, 24, 0, "relu", "same", 8, groups=2))
    assert (grouped["conv0.weight"], grouped["conv1.weight"]) == ((None, None), ("out", "inner0"))
    assert axes(ConvBlock(8, 16, 3, 1, "prelu", "same", 8))["prelu0.weight"] == ("out",)
    stem = axes(StemBlock(3, 16, 3, 2, "relu", 8))
    assert (stem["conv0.weight"], stem["conv1.weight"]) == (("inner0", "in"), ("out", "inner0"))


def test_heads() -> None:
    whole = axes(HeadBlock(8, 16, 24, "relu", 4, hidden_bias="yes"))
    assert (whole["conv0.weight"], whole["conv1.weight"], whole["conv1.bias"]) == (
        ("inner0", "in"),
        ("out", "inner0"),
        ("out",),
    )
    assert (whole["linear0.weight"], whole["linear0.bias"]) == (("classes", "out"), ("classes",))
    assert axes(HeadBlock(8, 0, 0, "relu", 4)) == {"linear0.weight": ("classes", "in"), "linear0.bias": ("classes",)}


def test_the_tensors_are_those_of_the_module() -> None:
    module = HeadBlock(8, 0, 0, "relu", 4).module(ModuleOptions(num_classes=3))
    weight = next(one.tensor for one in channel_tensors(module) if one.role == "linear0.weight")
    weight.fill_(7)
    assert [bool((parameter == 7).all()) for parameter in module.parameters() if parameter.dim() > 1] == [True]


def test_channels_that_are_added_are_one_group() -> None:
    groups = [(found.group("in"), found.group("out")) for found in layer_groups(PARENT_NETWORK.layers)]
    assert groups == [
        (None, "0.out"),
        ("0.out", "0.out"),
        ("0.out", "2.out"),
        ("2.out", "2.out"),
        ("2.out", "4.out"),
        ("4.out", "4.out"),
        ("4.out", "6.out"),
        ("6.out", "7.out"),
        ("7.out", "8.out"),
    ]


def test_layers_continue_those_in_the_same_place() -> None:
    whole = PARENT_NETWORK.layers
    assert aligned(whole, whole) == list(range(len(whole)))
    fewer = (*whole[:3], *whole[4:6], *whole[7:])
    assert aligned(fewer, whole) == [0, 1, 2, 4, 5, 7, 8]
    assert aligned(whole, fewer) == [0, 1, 2, None, 3, 4, None, 5, 6]


@pytest.mark.parametrize("name", ["gpunet-small", "vit-small", "mlp-small"])
def test_networks_of_any_space_continue_themselves(name: str) -> None:
    space = get_space(name)
    for vector in space.sample(8):
        layers = space.decode(vector).layers
        assert aligned(layers, layers) == list(range(len(layers)))
