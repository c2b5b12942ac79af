"""What a JSON file says of networks, and what is wrong with it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tiernas.errors import UsageError
from tiernas.networks.normalization import IMAGE_MEAN, IMAGE_STD
from tiernas.spaces import released, released_names
from tiernas.table.adding import OWN, StatedNetwork, own_collection, read_stated

ROOT = Path(__file__).parents[3]
NETWORK: dict[str, Any] = {"network": "gpunet_0", "accuracy": 0.789, "data": "ImageNet-1k", "source": "a paper"}


def written(folder: Path, document: Any) -> Path:
    path = folder / "mine.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def test_keys_beside_the_networks_are_for_all_of_them(tmp_path: Path) -> None:
    document = {
        **NETWORK,
        "note": "anything",
        "networks": [{}, {"network": "timm:resnet18", "accuracy": "73.164%", "source": "another"}],
    }
    collection = read_stated(written(tmp_path, document))
    assert collection.name == "mine"
    first, second = collection.networks
    assert (first.network, first.accuracy, first.source) == ("gpunet_0", 0.789, "a paper")
    assert (second.network, second.accuracy, second.source) == ("timm:resnet18", 0.73164, "another")
    assert (second.data, second.precision) == ("ImageNet-1k", "fp32")


def test_files_are_relative_to_that_of_the_collection(tmp_path: Path) -> None:
    document = {"networks": [{**NETWORK, "network": name} for name in ("line.onnx", "/nets/line.onnx", "net.json")]}
    networks = read_stated(written(tmp_path, document)).networks
    assert [n.network for n in networks] == [str(tmp_path / "line.onnx"), "/nets/line.onnx", str(tmp_path / "net.json")]
    assert [n.is_onnx for n in networks] == [True, True, False]
    assert networks[0].shown == "line"


def test_data_of_one_name_are_the_same_unless_their_digests_are_told() -> None:
    one = StatedNetwork(**NETWORK)
    assert one.tested_on == StatedNetwork(**NETWORK | {"network": "gpunet_1"}).tested_on
    assert one.tested_on != StatedNetwork(**NETWORK | {"data": "photos"}).tested_on
    assert StatedNetwork(**NETWORK | {"data_digest": "0" * 16}).tested_on == "0" * 16


def test_its_own_normalization_goes_before_that_of_the_network() -> None:
    half = (0.5, 0.5, 0.5)
    assert StatedNetwork(**NETWORK).normalization(None) == (IMAGE_MEAN, IMAGE_STD)
    assert StatedNetwork(**NETWORK).normalization((half, half)) == (half, half)
    assert StatedNetwork(**NETWORK, input_mean=half).normalization(None) == (half, IMAGE_STD)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "mine.json: is not JSON"),
        ([], 'must be an object with a list of objects under "networks"'),
        ({"networks": ["gpunet_0"]}, 'must be an object with a list of objects under "networks"'),
        ({"networks": [{"network": "gpunet_0"}]}, "networks[0]: accuracy is missing"),
        ({"networks": [NETWORK, NETWORK | {"accuracy": 78.9}]}, "networks[1]: accuracy = 78.9: input should be less"),
        ({"networks": [NETWORK | {"accuracy": "high"}]}, "accuracy = 'high': must be a proportion such as 0.95 or"),
        ({"networks": [NETWORK | {"accuracy": True}]}, "accuracy = true"),
        ({"networks": [NETWORK | {"acuracy": 0.5}]}, "unknown key 'acuracy'; did you mean 'accuracy'?"),
        ({"networks": [NETWORK | {"source": "measured"}]}, "must say who measured the accuracy"),
        ({"networks": [NETWORK | {"source": ""}]}, "source = "),
        ({"networks": [NETWORK | {"source_url": "javascript:alert(1)"}]}, "must begin with https:// or http://"),
        ({"networks": [NETWORK | {"test_images": 2.5}]}, "test_images = 2.5"),
        ({"networks": [NETWORK | {"classes": []}]}, "classes = []: must be a number, or a list of names"),
        ({"networks": [NETWORK | {"input_std": [1, 1, 0]}]}, "input_std = 0"),
        ({"networks": [NETWORK | {"data": "a\nb"}]}, "must be one line"),
    ],
)
def test_mistakes_are_one_message(document: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        read_stated(written(tmp_path, document))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.json: cannot be read"):
        read_stated(tmp_path / "nowhere.json")
    (tmp_path / "latin.json").write_bytes(b'{"note": "gr\xf6\xdfe"}')
    with pytest.raises(UsageError, match=r"latin\.json: is not UTF-8"):
        read_stated(tmp_path / "latin.json")


@pytest.mark.parametrize("name", OWN)
def test_collections_that_come_with_tiernas_name_their_source(name: str) -> None:
    collection = own_collection(name)
    assert collection.name == name
    assert len({n.network for n in collection.networks}) == len(collection.networks)
    for network in collection.networks:
        assert (network.data, network.test_images, network.classes) == ("ImageNet-1k", 50_000, 1000)
        assert network.source_url.startswith("https://github.com/")
        assert network.resolution is not None


def test_all_released_networks_are_among_them_at_their_resolution() -> None:
    stated = {n.network: n.resolution for n in own_collection("released").networks}
    assert stated == {name: released(name).resolution for name in released_names()}


def test_they_are_the_networks_of_the_benchmark() -> None:
    rows = json.loads((ROOT / "benchmarks" / "latency" / "rivals.json").read_text("utf-8"))["networks"]
    expected = {(f"timm:{row['tag']}" if row["tag"] else row["network"]): row for row in rows}
    stated = {n.network: n for name in OWN for n in own_collection(name).networks}
    assert stated.keys() == expected.keys()
    for name, network in stated.items():
        assert network.accuracy == pytest.approx(expected[name]["top1"] / 100, abs=1e-9)
        assert network.resolution == expected[name]["resolution"]


def test_the_example_of_the_page_is_read(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "table.md").read_text("utf-8")
    (example,) = re.findall(r"```json\n(.*?)```", page, re.S)
    line, resnet = read_stated(written(tmp_path, example)).networks
    assert line.is_onnx
    assert (line.accuracy, line.num_classes, resnet.resolution) == (0.971, 3, 160)
    told = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| ([^|]*) \|", page, re.M))))
    assert StatedNetwork.model_fields.keys() <= told
