from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from tiernas.blocks import Block, ConvBlock, HeadBlock, IrbBlock, StemBlock
from tiernas.errors import UsageError
from tiernas.networks import build, cost, repeatable_weights
from tiernas.spaces import LayeredArchitecture, architecture_from_json, get_space

STEM = StemBlock(3, 8, kernel=3, layers=1, activation="swish", in_size=16)
CONV = ConvBlock(8, 8, kernel=3, stride=1, activation="relu", padding="same", in_size=8)
IRB = IrbBlock(8, 16, 5, 2, mid_channels=24, se_channels=2, activation="relu", padding="same", in_size=8)
HEAD = HeadBlock(16, 32, hidden=0, activation="relu", in_size=4)
SMALL = LayeredArchitecture(16, (STEM, CONV, IRB, HEAD))


def test_json_both_ways_with_a_digest_that_stays() -> None:
    again = architecture_from_json(SMALL.to_json())
    assert again == SMALL
    assert hash(again) == hash(SMALL)
    assert SMALL.digest == "5e44fd1d2c06b50f"


def test_one_written_layer_by_layer_is_the_network_that_was_written_by_stages() -> None:
    staged = get_space("gpunet-small").decode(get_space("gpunet-small").sample(1)[0])
    layered = LayeredArchitecture(staged.resolution, staged.layers, staged.bn_eps)
    assert (layered.layers, layered.shrunk_layer) == (staged.layers, None)
    assert cost(layered, 7) == cost(staged, 7)
    images = torch.ones(1, 3, staged.resolution, staged.resolution)
    logits = []
    for architecture in (layered, staged):
        with repeatable_weights(), torch.no_grad():
            logits.append(build(architecture, 7).eval()(images))
    torch.testing.assert_close(logits[0], logits[1], rtol=0, atol=0)


def test_numbers_of_numpy_become_those_of_python() -> None:
    conv: Any = replace(CONV, in_channels=np.int64(8))  # type: ignore[arg-type]
    assert json.loads(replace(SMALL, blocks=(STEM, conv, IRB, HEAD)).to_json()) == json.loads(SMALL.to_json())


def test_layers_of_maps_take_images_of_another_size() -> None:
    assert [layer.in_shape for layer in SMALL.resized(33).layers] == [(3, 33, 33), (8, 17, 17), (8, 17, 17), (16, 9, 9)]
    assert SMALL.resized(33).resized(16) == SMALL
    with pytest.raises(UsageError, match=r"^resolution = 0"):
        SMALL.resized(0)
    staged = get_space("gpunet-small").decode(get_space("gpunet-small").sample(1)[0])
    layered = LayeredArchitecture(staged.resolution, staged.layers, staged.bn_eps)
    assert layered.resized(72).layers == staged.resized(72).layers


def test_a_field_with_a_default_is_written_where_it_has_another_value() -> None:
    hard = replace(IRB, gate="hard_sigmoid")
    written = json.loads(replace(SMALL, blocks=(STEM, CONV, hard, HEAD)).to_json())
    assert [block.get("gate") for block in written["blocks"]] == [None, None, "hard_sigmoid", None]
    assert architecture_from_json(json.dumps(written)).layers[2] == hard
    with pytest.raises(UsageError, match=r"^blocks\[2\]\.gate = 'step': must be one of sigmoid, hard_sigmoid$"):
        replace(SMALL, blocks=(STEM, CONV, replace(IRB, gate="step"), HEAD))


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ((), "blocks: there must be from 1 to 1000, not 0"),
        ((STEM,) * 1001, "not 1001"),
        (
            (STEM, IRB, CONV, HEAD),
            r"^blocks\[2\] \(conv 3x3 8-8 relu @8\) takes 8 x 8 x 8, but blocks\[1\] outputs 16 x 4",
        ),
        ((replace(STEM, in_size=32), CONV), r"^blocks\[0\] .* takes 3 x 32 x 32, but an image has 3 x 16 x 16$"),
        ((replace(STEM, kernel=4),), r"^blocks\[0\]\.kernel = 4: must be odd"),
        ((STEM, replace(CONV, stride=0)), r"^blocks\[1\]\.stride = 0: must be a whole number from 1 to 65,536$"),
        ((STEM, replace(CONV, activation="tanh")), r"^blocks\[1\]\.activation = 'tanh': must be one of relu, swish"),
        ((STEM, CONV, replace(IRB, se_channels=-1)), r"se_channels = -1: must be a whole number from 0"),
    ],
)
def test_layers_that_do_not_fit_are_named(blocks: tuple[Block, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        replace(SMALL, blocks=blocks)


def changed(**changes: Any) -> str:
    return json.dumps({**json.loads(SMALL.to_json()), **changes})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (changed(resolution="16"), "^resolution = '16': must be a whole number"),
        (changed(resolution=0), "^resolution = 0"),
        (changed(bn_eps=1), "^bn_eps = 1: must be a number"),
        (changed(bn_eps=0.0), "^bn_eps = 0.0"),
        (changed(width=1), "^architecture: unknown key 'width'; known: resolution, blocks, bn_eps$"),
        ('{"blocks": []}', "^architecture: key 'resolution' is missing$"),
        (changed(blocks="conv"), "^blocks: must be a list, not str$"),
        (changed(blocks=[3]), r"^blocks\[0\]: must be an object, not int$"),
        (changed(blocks=[{}]), r"^blocks\[0\]: key 'block' must be the name of a block$"),
        (
            changed(blocks=[{"block": "unheard"}]),
            r"^blocks\[0\]: block .unheard.: no such block; there are: stem, conv, basic, fused_irb, irb",
        ),
        (
            changed(blocks=[{"block": "head", "width": 1}]),
            r"^blocks\[0\]: head has no field 'width'; it has: in_channels",
        ),
        (changed(blocks=[{"block": "head", "in_channels": 1}]), r"^blocks\[0\]: key 'filters' is missing$"),
        (changed(blocks=[CONV.to_dict() | {"stride": True}]), r"^blocks\[0\]\.stride = True: must be a whole number"),
        (
            changed(blocks=[CONV.to_dict() | {"padding": ["same"]}]),
            r"^blocks\[0\]\.padding = \['same'\]: must be one of",
        ),
    ],
)
def test_a_wrong_text_is_one_message(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        architecture_from_json(text)
