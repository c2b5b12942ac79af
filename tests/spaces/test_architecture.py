from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tiernas.errors import UsageError
from tiernas.spaces import Architecture, Stage, released, released_names
from tiernas.spaces.architecture import round_channels


@pytest.mark.parametrize("name", released_names())
def test_json_both_ways(name: str) -> None:
    architecture = released(name)
    again = Architecture.from_json(architecture.to_json())
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
    assert Architecture.from_json(json.dumps(data)).digest == released("gpunet_0").digest


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
    stem, first, second, head = Architecture.from_json(text).layers
    assert (stem.in_size, stem.out_size, stem.out_channels) == (33, 17, 16)
    assert (first.in_channels, first.mid_channels, first.se_channels, first.out_size) == (16, 64, 4, 9)
    assert (second.in_channels, second.mid_channels, second.se_channels, second.stride) == (24, 96, 6, 1)
    assert not first.residual
    assert second.residual
    assert (head.in_channels, head.out_channels, head.in_size) == (24, 64, 9)


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
        Architecture.from_json(change)


def test_bad_stage_is_named() -> None:
    data = json.loads(released("gpunet_0").to_json())
    data["stages"][2]["activation"] = "tanh"
    with pytest.raises(UsageError, match=r"stages\[2\]\.activation = 'tanh'.*relu, swish"):
        Architecture.from_json(json.dumps(data))
