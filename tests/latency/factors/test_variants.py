from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tiernas.errors import UsageError
from tiernas.latency.factors import Base, Factor, base_network, get_factor, variants
from tiernas.networks import cost
from tiernas.spaces import Stage, StagedArchitecture, released
from tiernas.testing.engines import ARCHITECTURE

GPUNET_0 = released("gpunet_0")


def values(base: StagedArchitecture, factor: Factor) -> list[str | float]:
    return [variant.value for variant in variants(base, factor)]


def test_values_around_gpunet_0() -> None:
    assert values(GPUNET_0, Factor.ACTIVATION) == ["relu", "swish", "hard_swish", "prelu", "gelu", "sigmoid", "relu6"]
    assert values(GPUNET_0, Factor.KERNEL) == [3, 5, 7]
    assert values(GPUNET_0, Factor.EXPANSION) == [1, 2, 3, 4, 5, 6]
    assert values(GPUNET_0, Factor.SQUEEZE_EXCITE) == ["none", "all"]
    assert values(GPUNET_0, Factor.FILTERS) == [0.5, 0.75, 1, 1.25, 1.5]
    assert values(GPUNET_0, Factor.LAYERS) == [0.5, 1, 1.5, 2]
    assert values(GPUNET_0, Factor.RESOLUTION) == [160, 240, 320, 400, 480]


@pytest.mark.parametrize("factor", Factor)
def test_a_variant_differs_in_its_factor_alone(factor: Factor) -> None:
    fields = {
        Factor.ACTIVATION: {"activation"},
        Factor.KERNEL: {"kernel"},
        Factor.EXPANSION: {"expansion"},
        Factor.SQUEEZE_EXCITE: {"squeeze_excite"},
        Factor.FILTERS: {"filters"},
        Factor.LAYERS: {"layers"},
        Factor.RESOLUTION: set(),
    }[factor]
    for variant in variants(GPUNET_0, factor):
        assert variant.factor is factor
        for old, new in zip(GPUNET_0.stages, variant.architecture.stages, strict=True):
            assert {name for name in Stage.__slots__ if getattr(old, name) != getattr(new, name)} <= fields
        assert (variant.architecture.resolution == GPUNET_0.resolution) or factor is Factor.RESOLUTION
        assert variant.architecture.head.filters == GPUNET_0.head.filters


def test_activations_have_equal_macs_and_are_everywhere() -> None:
    found = variants(GPUNET_0, Factor.ACTIVATION)
    assert {cost(variant.architecture).macs for variant in found} == {cost(GPUNET_0).macs}
    for variant in found:
        assert {layer.to_dict()["activation"] for layer in variant.architecture.layers} == {variant.value}


def test_layers_are_rounded_up() -> None:
    (half, *_, double) = variants(GPUNET_0, Factor.LAYERS)
    assert [stage.layers for stage in GPUNET_0.stages] == [2, 2, 3, 3, 2]
    assert [stage.layers for stage in half.architecture.stages] == [1, 1, 2, 2, 1]
    assert [stage.layers for stage in double.architecture.stages] == [4, 4, 6, 6, 4]


def test_equal_networks_are_there_once() -> None:
    one_each = replace(GPUNET_0, stages=tuple(replace(stage, layers=1) for stage in GPUNET_0.stages))
    assert values(one_each, Factor.LAYERS) == [0.5, 1.5]  # 1 as 0.5, 2 as 1.5: rounded up
    for factor in Factor:
        found = [variant.architecture for variant in variants(one_each, factor)]
        assert len(set(found)) == len(found)


def test_images_that_shrink_to_nothing_are_left_out() -> None:
    valid = tuple(replace(stage, padding="valid") for stage in ARCHITECTURE.stages)
    small = replace(ARCHITECTURE, resolution=32, stages=valid)
    assert values(small, Factor.KERNEL) == [3]
    with pytest.raises(UsageError, match=r"base tiny: 2 pixels.*larger"):
        Base("tiny", replace(small, resolution=2))


def test_base_by_name_or_file(tmp_path: Path) -> None:
    assert base_network("gpunet_0") == Base("gpunet_0", GPUNET_0, 1000)
    assert base_network("gpunet_0", resolution=224).architecture == replace(GPUNET_0, resolution=224)
    path = tmp_path / "mine.json"
    path.write_text(ARCHITECTURE.to_json())
    assert base_network(str(path), num_classes=4) == Base("mine", ARCHITECTURE, 4)


@pytest.mark.parametrize(
    ("base", "options", "words"),
    [
        ("gpunet_9", {}, "gpunet_0"),
        ("none.json", {}, r"none\.json: there is no such file"),
        ("gpunet_0", {"resolution": 0}, "resolution = 0: must be a whole number from 1"),
        ("gpunet_0", {"resolution": 8}, "8 pixels"),
        ("gpunet_0", {"num_classes": 0}, "classes = 0"),
    ],
)
def test_bases_that_are_none(base: str, options: dict[str, int], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        base_network(base, **options)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"resolution": 32}', "key 'stem' is missing"),
        ("[", "not JSON"),
        (ARCHITECTURE.to_json().replace(":16,", ':"a",'), ""),
    ],
)
def test_a_file_that_is_no_architecture_is_named(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "odd.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=rf"odd\.json: .*{words}"):
        base_network(str(path))


def test_unknown_factor_names_the_known() -> None:
    assert get_factor("kernel") is Factor.KERNEL
    with pytest.raises(UsageError, match=", ".join(Factor)):
        get_factor("colour")
