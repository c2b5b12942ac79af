"""The space around a parent: what can be left out of it, and its file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.parents import PARENT_NETWORK, parent_space

from tiernas.blocks import Block, ConvBlock, FusedIrbBlock, HeadBlock, IrbBlock, SeparableBlock, StemBlock
from tiernas.errors import UsageError
from tiernas.pretrained.efficientnet_lite import LITE_NAMES, lite
from tiernas.spaces import (
    SPACE_FILE,
    LayeredArchitecture,
    ParentSpace,
    SearchSpace,
    get_space,
    read_space,
    released,
    write_space,
)
from tiernas.spaces.consistency import inconsistency, random_vectors
from tiernas.spaces.stages import places, stages
from tiernas.testing.spaces import SpaceConformance


class TestParentSpace(SpaceConformance):
    def make(self) -> SearchSpace:
        return parent_space()


class TestOtherPercents(SpaceConformance):
    networks = 64

    def make(self) -> SearchSpace:
        return ParentSpace(PARENT_NETWORK, resolution=(32,), channel_percent=(30, 60, 80, 90, 100), num_classes=3)

    @pytest.mark.slow
    def test_networks_are_exported_as_they_are(self, tmp_path: Path) -> None:
        super().test_networks_are_exported_as_they_are(tmp_path)


def test_dimensions_are_what_can_be_left_out() -> None:
    assert {d.name: d.values for d in parent_space().dimensions} == {
        "resolution": (24, 32, 40),
        "stem.filters": (8, 16),
        "stem.act": (0, 1),
        "stage2.layers": (1, 2),
        "stage2.filters": (8, 16, 24),
        "stage2.expanded_percent": (25, 50, 75, 100),
        "stage2.kernel": (3, 5),
        "stage2.se": (0, 1),
        "stage2.act": (0, 1),
        "stage3.layers": (1, 2, 3),
        "stage3.expanded_percent": (25, 50, 75, 100),
        "stage3.kernel": (3, 5),
        "stage3.se": (0, 1),
        "stage3.act": (0, 1),
        "stage4.filters": (16, 24, 40, 48),
        "stage4.expanded_percent": (25, 50, 75, 100),
        "stage4.kernel": (3, 5),
        "stage4.se": (0, 1),
        "stage4.act": (0, 1),
        "head.filters": (16, 32, 48, 64),
        "head.hidden": (24, 40, 64, 80),
        "head.act": (0, 1),
    }


def test_the_last_vector_is_the_whole_parent() -> None:
    space = ParentSpace(PARENT_NETWORK, resolution=(24, 32), num_classes=4)
    whole = space.decode([dimension.values[-1] for dimension in space.dimensions])
    assert whole == PARENT_NETWORK
    assert space.decode(space.encode(PARENT_NETWORK)) == PARENT_NETWORK


@pytest.mark.parametrize("name", ["gpunet_0", "gpunet_1"])
def test_around_a_released_network(name: str) -> None:
    parent = released(name)
    space = ParentSpace(parent, resolution=(parent.resolution,), channel_percent=(50, 100), num_classes=1000)
    assert inconsistency(space, networks=16) is None
    whole = space.decode([dimension.values[-1] for dimension in space.dimensions])
    assert (whole.layers, whole.bn_eps) == (parent.layers, parent.bn_eps)


@pytest.mark.parametrize("name", LITE_NAMES)
def test_around_an_efficientnet_lite(name: str) -> None:
    parent = lite(name)
    space = ParentSpace(parent, resolution=(96, parent.resolution), num_classes=10)
    assert inconsistency(space, networks=32) is None
    assert space.decode([dimension.values[-1] for dimension in space.dimensions]) == parent
    assert space.digest != ParentSpace(parent, resolution=(64, parent.resolution), num_classes=10).digest


def test_a_stage_with_the_channels_of_the_stem_gets_no_skip() -> None:
    space = ParentSpace(lite("efficientnet-lite0"), num_classes=10)
    vector = np.array([dimension.values[-1] for dimension in space.dimensions])
    vector[[dimension.name for dimension in space.dimensions].index("stem.filters")] = 16
    layer = space.decode(vector).layers[1]
    assert isinstance(layer, SeparableBlock)
    assert (layer.in_channels, layer.out_channels, layer.skip, layer.residual) == (16, 16, "none", False)


def test_no_network_is_larger_than_its_parent_and_all_have_its_skips() -> None:
    space = parent_space()
    theirs = dict(zip(places(PARENT_NETWORK.layers), PARENT_NETWORK.layers, strict=True))
    for vector in random_vectors(space, 100, seed=5):
        layers = space.decode(vector).layers
        for place, layer in zip(places(layers), layers, strict=True):
            whole = theirs[place]
            assert type(layer) is type(whole)
            assert getattr(layer, "residual", False) == getattr(whole, "residual", False)
            for field in ("in_channels", "out_channels", "mid_channels", "se_channels", "filters", "kernel"):
                assert getattr(layer, field, 0) <= getattr(whole, field, 0)


def test_a_place_is_level_stage_and_position() -> None:
    assert [tuple(place) for place in places(PARENT_NETWORK.layers)] == [
        (0, 0, 0),
        (0, 1, 0),
        (1, 0, 0),
        (1, 0, 1),
        (1, 1, 0),
        (1, 1, 1),
        (1, 1, 2),
        (2, 0, 0),
        (-1, 0, 0),
    ]
    assert [len(stage) for stage in stages(PARENT_NETWORK.layers)] == [1, 2, 3, 1]


def test_neighboring_stages_of_one_resolution_share_no_number_of_filters() -> None:
    values = {dimension.name: set(dimension.values) for dimension in parent_space().dimensions}
    assert values["stage2.filters"] == {8, 16, 24}
    assert "stage3.filters" not in values, "of 8, 16, 24 and 32 only its own is left"
    assert values["stage4.filters"] == {16, 24, 40, 48}, "its resolution differs: all are left"


def test_dimensions_of_omitted_layers_do_not_matter() -> None:
    space = parent_space()
    names = [dimension.name for dimension in space.dimensions]
    vector = np.array([[dimension.values[-1] for dimension in space.dimensions]])
    vector[0, names.index("stage2.layers")] = 1
    canonical = dict(zip(names, space.canonical(vector)[0].tolist(), strict=True))
    assert (canonical["stage2.kernel"], canonical["stage2.se"], canonical["stage2.act"]) == (3, 0, 0)
    assert canonical["stage2.expanded_percent"] == 100, "the first layer has expanded channels"


def refused(*blocks: Block, resolution: int = 32) -> str:
    with pytest.raises(UsageError) as caught:
        ParentSpace(LayeredArchitecture(32, blocks), resolution=(resolution,), num_classes=4)
    return str(caught.value)


def test_parents_that_cannot_be_cut() -> None:
    stem, body, head = PARENT_NETWORK.layers[0], PARENT_NETWORK.layers[1], HeadBlock(16, 8, 0, "relu", 16)
    assert isinstance(stem, StemBlock)
    assert isinstance(body, SeparableBlock)
    assert "nothing to search" in refused(stem, head)
    assert "layer 0 of the parent (conv" in refused(ConvBlock(3, 16, 3, 2, "relu", "same", 32), body, head)
    grouped = FusedIrbBlock(16, 16, 3, 1, 32, 0, "relu", "same", 16, groups=2)
    assert "has 2 groups" in refused(stem, grouped, head)
    assert "layer 2 of the parent (separable" in refused(stem, body, body)
    with pytest.raises(UsageError, match="cannot be cut"):
        ParentSpace(get_space("vit-small").decode(get_space("vit-small").sample(1)[0]), num_classes=4)


@pytest.mark.parametrize("percent", [(), (50,), (100, 50), (0, 100), (50.0, 100), (50, 50, 100)])
def test_invalid_percentages(percent: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="channel_percent"):
        ParentSpace(PARENT_NETWORK, channel_percent=percent, num_classes=4)


def test_images_too_small_for_the_largest_kernel() -> None:
    parent = LayeredArchitecture(
        16,
        (
            StemBlock(3, 8, 3, 1, "relu", 16),
            FusedIrbBlock(8, 16, 5, 2, mid_channels=16, se_channels=0, activation="relu", padding="valid", in_size=8),
            HeadBlock(16, 32, hidden=0, activation="relu", in_size=2),
        ),
    )
    space = ParentSpace(parent, resolution=(10, 16), num_classes=4)
    assert space.decode([d.values[-1] if number else 10 for number, d in enumerate(space.dimensions)]).resolution == 10
    with pytest.raises(UsageError, match=r"resolution = 8: layer 1 \(fused_irb 5x5/2 .*has no pixels left"):
        ParentSpace(parent, resolution=(8, 16), num_classes=4)


def test_a_network_of_another_parent_is_not_encoded() -> None:
    space = parent_space()
    *layers, last, head = PARENT_NETWORK.layers
    assert isinstance(last, IrbBlock)
    for other in (replace(last, mid_channels=97), replace(last, kernel=7), replace(last, activation="gelu")):
        with pytest.raises(UsageError, match="not in space 'parent'"):
            space.encode(replace(PARENT_NETWORK, blocks=(*layers, other, head)))
    with pytest.raises(UsageError, match="stages"):
        space.encode(replace(PARENT_NETWORK, blocks=(*layers, HeadBlock(32, 64, 80, "hard_swish", 8))))


def test_it_is_found_again_by_its_file(tmp_path: Path) -> None:
    space = parent_space()
    write_space(space, tmp_path / SPACE_FILE)
    found = get_space(str(tmp_path / SPACE_FILE))
    assert (found.digest, found.dimensions, found.num_classes) == (space.digest, space.dimensions, space.num_classes)
    other = ParentSpace(replace(PARENT_NETWORK, bn_eps=1e-3), resolution=(24, 32, 40), num_classes=4)
    assert found.digest != other.digest


def test_the_number_of_classes_is_only_a_default() -> None:
    space = parent_space()
    other = space.with_classes(7)
    assert (space.num_classes, other.num_classes) == (4, 7)
    assert (other.digest, other.dimensions) == (space.digest, space.dimensions)


def test_files_without_a_space(tmp_path: Path) -> None:
    path = tmp_path / SPACE_FILE
    with pytest.raises(UsageError, match="there is no such file"):
        read_space(path)
    for text, message in (("{", "cannot be read"), ("[]", "is not a space"), ("{}", "is not a space")):
        path.write_text(text)
        with pytest.raises(UsageError, match=message):
            read_space(path)
    write_space(parent_space(), path)
    whole = json.loads(path.read_text())
    for key, value, message in (
        ("resolution", None, "'resolution' is missing"),
        ("resolution", [64, 32], "damaged or was changed"),
        ("channel_percent", 3, "damaged or was changed"),
        ("num_classes", None, "'num_classes' is missing"),
        ("num_classes", "ten", "damaged or was changed"),
        ("architecture", {"resolution": 3}, "damaged or was changed"),
    ):
        path.write_text(json.dumps({k: v for k, v in {**whole, key: value}.items() if v is not None}))
        with pytest.raises(UsageError, match=message):
            read_space(path)


def test_its_name_alone_is_no_space() -> None:
    with pytest.raises(UsageError, match=r"needs its parent: give the space\.json"):
        get_space("parent")


def test_the_whole_parent_is_in_the_space_at_every_resolution() -> None:
    space = parent_space()
    for resolution in space.dimensions[0].values:
        assert space.decode(space.whole(resolution)) == PARENT_NETWORK.resized(resolution)
