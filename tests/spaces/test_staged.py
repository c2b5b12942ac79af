from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields, replace
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiernas.blocks import HeadBlock, IrbBlock, StemBlock
from tiernas.errors import UsageError
from tiernas.spaces import Stage, architecture_from_json, released, released_names
from tiernas.spaces.staged import round_channels


@pytest.mark.parametrize("name", released_names())
def test_json_both_ways(name: str) -> None:
    architecture = released(name)
    again = architecture_from_json(architecture.to_json())
    assert again == architecture
    assert hash(again) == hash(architecture)
    assert again.digest == architecture.digest


def test_all_seven_released_networks_are_there() -> None:
    assert released_names() == tuple(f"gpunet_{n}" for n in ("0", "1", "2", "p0", "p1", "d1", "d2"))
    assert released("GPUNet-P0") == released("gpunet_p0")


def test_unknown_released_network_names_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"gpunet_9.*gpunet_0, gpunet_1"):
        released("gpunet_9")


def test_digest_is_the_same_in_another_process() -> None:
    code = "import tiernas; print(tiernas.released('gpunet_1').digest)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == released("gpunet_1").digest


def test_digest_does_not_depend_on_how_a_number_is_written() -> None:
    assert Stage("irb", 8, 3, 1, 1, "relu", 5) == Stage("irb", 8, 3, 1, 1, "relu", 5.0)
    data = json.loads(released("gpunet_0").to_json())
    data["stages"][1]["expansion"] = 5
    assert architecture_from_json(json.dumps(data)).digest == released("gpunet_0").digest


def test_layers_of_a_small_network_by_hand() -> None:
    text = json.dumps(
        {
            "resolution": 33,
            "stem": {"filters": 16},
            "stages": [
                {"block": "irb", "filters": 24, "kernel": 5, "stride": 2, "layers": 2, "activation": "relu"}
                | {"expansion": 4, "squeeze_excite": True}
            ],
            "head": {"filters": 64},
        }
    )
    assert architecture_from_json(text).layers == (
        StemBlock(3, 16, kernel=3, layers=1, activation="swish", in_size=33),
        IrbBlock(16, 24, 5, 2, mid_channels=64, se_channels=4, activation="relu", padding="same", in_size=17),
        IrbBlock(24, 24, 5, 1, mid_channels=96, se_channels=6, activation="relu", padding="same", in_size=9),
        HeadBlock(24, 64, hidden=0, activation="relu", in_size=9),
    )


@pytest.mark.parametrize(
    ("channels", "divisor", "expected"),
    [(736.32, 8, 736), (1963.52, 8, 1960), (99, 1, 99), (3, 8, 8), (12, 8, 16), (11, 8, 16), (20, 16, 32)],
)
def test_round_channels(channels: float, divisor: int, expected: int) -> None:
    assert round_channels(channels, divisor) == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("no json", "not JSON"),
        ('{"stem": {}}', r"key 'resolution' is missing"),
        ('{"resolution": 32, "stem": {"filters": 8, "width": 1}, "stages": [], "head": {"filters": 8}}', "'width'"),
        ('{"resolution": 0, "stem": {"filters": 8}, "stages": [], "head": {"filters": 8}}', "resolution = 0"),
        ("[]", "must be an object"),
    ],
)
def test_bad_json_is_one_message(change: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        architecture_from_json(change)


def test_bad_stage_is_named() -> None:
    data = json.loads(released("gpunet_0").to_json())
    data["stages"][2]["activation"] = "tanh"
    with pytest.raises(UsageError, match=r"stages\[2\]\.activation = 'tanh'.*relu, swish"):
        architecture_from_json(json.dumps(data))


def changed(keys: tuple[str | int, ...], value: object) -> str:
    """GPUNet-0 as JSON with one value replaced; without it where the value is `...`."""
    data = json.loads(released("gpunet_0").to_json())
    *outer, last = keys
    holder = data
    for key in outer:
        holder = holder[key]
    if value is ...:
        del holder[last]
    else:
        holder[last] = value
    return json.dumps(data)


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("resolution",), 0, r"^resolution = 0: must be a whole number from 1 to 16,384$"),
        (("resolution",), "224", "^resolution = '224': must be a whole number"),
        (("resolution",), 224.0, "^resolution = 224.0: must be a whole number"),
        (("resolution",), True, "^resolution = True: must be a whole number"),
        (("resolution",), None, "^resolution = None: must be a whole number"),
        (("resolution",), 10**9, "^resolution = 1000000000: must be"),
        (("bn_eps",), float("nan"), "^bn_eps = nan: must be a number above 0"),
        (("bn_eps",), 0, "^bn_eps = 0.0: must be a number above 0"),
        (("bn_eps",), "small", "^bn_eps = 'small'"),
        (("channel_divisor",), 0, "^channel_divisor = 0: must be"),
        (("stem",), [], "^stem: must be an object, not list"),
        (("stem",), ..., "^architecture: key 'stem' is missing"),
        (("stem", "filters"), -8, r"^stem\.filters = -8: must be"),
        (("stem", "filters"), ..., "^stem: key 'filters' is missing"),
        (("stem", "kernel"), 4, r"^stem\.kernel = 4: must be odd"),
        (("stem", "layers"), 0, r"^stem\.layers = 0"),
        (("stem", "activation"), ["relu"], r"^stem\.activation = \['relu'\]: must be one of relu"),
        (("head", "filters"), 0, r"^head\.filters = 0"),
        (("head", "hidden"), -1, r"^head\.hidden = -1: must be a whole number from 0"),
        (("stages",), {}, "^stages: must be a list, not dict"),
        (("stages",), "conv", "^stages: must be a list, not str"),
        (("stages", 1), 3, r"^stages\[1\]: must be an object, not int"),
        (("stages", 1, "filters"), [24], r"^stages\[1\]\.filters = \[24\]"),
        (("stages", 1, "kernel"), -3, r"^stages\[1\]\.kernel = -3"),
        (("stages", 1, "stride"), 0, r"^stages\[1\]\.stride = 0"),
        (("stages", 1, "layers"), 10**9, r"^stages\[1\]\.layers = 1000000000: must be a whole number from 1 to 1,000"),
        (("stages", 1, "expansion"), "five", r"^stages\[1\]\.expansion = 'five': must be a number above 0"),
        (("stages", 1, "expansion"), 0, r"^stages\[1\]\.expansion = 0\.0"),
        (("stages", 1, "expansion"), -2.5, r"^stages\[1\]\.expansion = -2\.5"),
        (("stages", 1, "expansion"), float("inf"), r"^stages\[1\]\.expansion = inf"),
        (("stages", 1, "expansion"), 10**400, r"^stages\[1\]\.expansion = 1000.*: must be"),
        (("stages", 1, "squeeze_excite"), 1, r"^stages\[1\]\.squeeze_excite = 1: must be true or false"),
        (("stages", 1, "block"), None, r"^stages\[1\]\.block = None: must be one of conv"),
        (("stages", 1, "padding"), "full", r"^stages\[1\]\.padding = 'full': must be one of same"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(keys: tuple[str | int, ...], value: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        architecture_from_json(changed(keys, value))


@pytest.mark.parametrize(
    "text", ["", "[]", "3", "null", "NaN", "[" * 100_000, '{"resolution": ' + "9" * 5000 + "}", "{}"]
)
def test_what_is_no_architecture(text: str) -> None:
    with pytest.raises(UsageError, match=r"^architecture"):
        architecture_from_json(text)


def test_too_many_layers_together() -> None:
    stage = released("gpunet_0").stages[0]
    with pytest.raises(UsageError, match="at most 1000 layers in total"):
        replace(released("gpunet_0"), stages=(replace(stage, layers=600),) * 2)


def test_numbers_of_numpy_become_those_of_python() -> None:
    resolution, filters, expansion = (cast(int, np.int64(value)) for value in (320, 32, 1))
    stage = replace(released("gpunet_0").stages[0], filters=filters, expansion=expansion)
    architecture = replace(released("gpunet_0"), resolution=resolution, stages=(stage,))
    assert architecture_from_json(architecture.to_json()) == architecture


PLACES: list[tuple[str | int, ...]] = [
    ("resolution",),
    ("bn_eps",),
    ("channel_divisor",),
    ("stem",),
    ("stages",),
    ("head",),
    ("stages", 2),
]
PLACES += [("stem", name) for name in ("filters", "kernel", "activation", "layers")]
PLACES += [("head", name) for name in ("filters", "activation", "hidden")]
PLACES += [("stages", 2, f.name) for f in fields(Stage)]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.integers(-(10**400), 10**400) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=50)
@given(st.sampled_from(PLACES), VALUES)
def test_any_value_anywhere_is_a_network_or_refused(keys: tuple[str | int, ...], value: object) -> None:
    try:
        architecture = architecture_from_json(changed(keys, value))
    except UsageError:
        return
    assert len(architecture.layers) >= 2
    assert architecture_from_json(architecture.to_json()) == architecture
