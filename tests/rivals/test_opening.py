"""Known networks by name: their published sizes, their strides, and what is refused."""

from __future__ import annotations

import pytest

from tiernas.errors import UsageError
from tiernas.networks import cost
from tiernas.rivals import RivalName, open_rival, open_rivals, rival_sets
from tiernas.rivals.fitting import LEAST_PX, fitted
from tiernas.spaces import get_space, released


@pytest.mark.parametrize(
    ("name", "params"),
    [
        (
            "resnet20",
            272_474,
        ),  # 0.27 million in arXiv 1512.03385, table 6
        ("resnet56", 855_770),
        ("mobilenetv2", 2_236_682),  # as torchvision's with ten classes
        ("mobilenetv2-0.35", 408_938),  # as timm's mobilenetv2_035 with ten classes
    ],
)
def test_sizes_are_the_published_ones(name: str, params: int) -> None:
    assert cost(open_rival(name, 32).architecture, 10).params == params


def test_mobilenetv2_is_that_of_timm() -> None:
    ours, theirs = open_rival("mobilenetv2-0.5@64", 32), open_rival("timm:mobilenetv2_050@64", 32)
    assert ours.architecture == theirs.architecture
    with pytest.raises(UsageError, match=r"'mobilenetv2-0\.5@64' and 'timm:mobilenetv2_050@64' are the same network"):
        open_rivals(["mobilenetv2-0.5@64", "timm:mobilenetv2_050@64"], 32)


@pytest.mark.parametrize(("size", "last", "strides"), [(32, 4, 3), (64, 4, 4), (96, 3, 5), (224, 7, 5)])
def test_the_first_strides_of_small_images_are_1(size: int, last: int, strides: int) -> None:
    architecture = open_rival("mobilenetv2", size).architecture
    assert architecture.layers[-1].in_shape[-1] == last >= LEAST_PX
    reductions = [layer.reduction for layer in architecture.layers if layer.reduction > 1]
    assert reductions == [2] * strides
    assert cost(architecture, 10).params == cost(open_rival("mobilenetv2", 224).architecture, 10).params


def test_a_stem_of_several_convolutions_keeps_them() -> None:
    gpunet = released("gpunet_0")
    small = fitted(gpunet, 16)
    assert cost(small, 10).params == cost(gpunet, 10).params
    assert small.layers[-1].in_shape[-1] >= LEAST_PX


def test_networks_of_tokens_are_refused() -> None:
    space = get_space("vit-small")
    with pytest.raises(UsageError, match="takes one resolution only"):
        fitted(space.decode(space.sample(1)[0]), 32)


def test_the_resolution_is_that_of_the_data_unless_it_is_given() -> None:
    assert open_rival("mobilenetv2-0.35", 48).name == "mobilenetv2-0.35@48"
    assert open_rival("mobilenetv2-0.35", 8).name == "mobilenetv2-0.35@32", "digits are enlarged"
    assert open_rival("mobilenetv2-0.35@40", 48).architecture.resolution == 40
    assert open_rival("resnet20", 48).architecture.resolution == 32


@pytest.mark.parametrize("name", [*dict.fromkeys(name for names in rival_sets().values() for name in names)])
def test_every_network_of_a_set_can_be_opened(name: str) -> None:
    assert cost(open_rival(name, 32).architecture, 10).macs > 1e6


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet21", r"'resnet21' is no rival; did you mean 'resnet\d+'\? Allowed are timm:NAME"),
        ("mobilenetv2-9.9", r"is no rival"),
        ("resnet20@0", r"after @ stands a resolution in pixels, 8 to 1024"),
        ("timm:mobilenetv2_0350", r"timm .* has no network 'mobilenetv2_0350'; similar names: .*mobilenetv2_035"),
        ("timm:regnetx_002", r"rival 'timm:regnetx_002'.* other blocks than tiernas has.* Allowed are timm:NAME"),
        ("timm:mobilenetv4_conv_small", r"is a UniversalInvertedResidual, which tiernas does not support"),
    ],
)
def test_what_cannot_be_built_is_refused(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        open_rival(name, 32)


def test_names_are_written_as_they_are_read() -> None:
    for text in ("resnet20@64", "timm:lcnet_050", "mobilenetv2-0.35"):
        assert str(RivalName.parse(text)) == text
