"""Networks of timm as ours give what timm's give."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

import tiernas
from tiernas.errors import NotInstalledError, UsageError
from tiernas.networks import check_onnx, export_onnx
from tiernas.spaces import architecture_from_json

timm = pytest.importorskip("timm", reason="timm is not installed")

from tests.pretrained.agreement import ALLOWED, LIST, difference  # noqa: E402 (it imports timm)

FOUND: dict[str, Any] = json.loads(LIST.read_text(encoding="utf-8"))

SAMPLED = (
    "efficientnet_b0",
    "fbnetc_100",
    "hardcorenas_a",
    "lcnet_035",
    "mnasnet_small",
    "mobilenet_edgetpu_v2_xs",
    "mobilenetv1_100",
    "mobilenetv3_small_050",
    "spnasnet_100",
    "test_efficientnet",
    "tf_efficientnet_lite0",
    "tf_mobilenetv3_small_minimal_100",
)
"""Small ones that together have every block, activation, padding, gate, skip and head."""


def refused(source: str, weights: str | Path | None = "fresh") -> str:
    with pytest.raises(UsageError) as caught:
        tiernas.load(source, weights)
    return str(caught.value)


def test_the_list_is_long_and_near_everywhere() -> None:
    assert len(FOUND["differences"]) >= 60
    assert max(FOUND["differences"].values()) <= ALLOWED
    assert set(SAMPLED) <= set(FOUND["differences"])


@pytest.mark.parametrize("name", SAMPLED)
def test_outputs_are_those_of_timm(name: str) -> None:
    assert difference(name) <= ALLOWED


@pytest.mark.parametrize("name", ["tf_mobilenetv3_small_minimal_100", "mobilenet_edgetpu_v2_xs", "lcnet_035"])
def test_the_architecture_is_a_value_like_any_other(name: str, tmp_path: Path) -> None:
    network = tiernas.load(f"timm:{name}", "fresh", num_classes=7)
    architecture = architecture_from_json(network.architecture.to_json())
    assert architecture == network.architecture
    assert architecture.resolution == 224
    small = tiernas.build(architecture.resized(65), 7)
    small.load_state_dict(network.state_dict())
    export_onnx(small, tmp_path / "net.onnx")
    assert check_onnx(tmp_path / "net.onnx", small) < 1e-4


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mixnet_s", r"its blocks\.1\.0\.conv_pw is a MixedConv2d, not a plain convolution"),
        ("efficientnet_cc_b0_4e", r"its blocks\.4\.0 is a CondConvResidual, which tiernas does not support"),
        ("mobilenetv4_conv_small", r"its blocks\.2\.0 is a UniversalInvertedResidual, which"),
        ("gc_efficientnetv2_rw_t", r"its blocks\.3\.0\.se is a GlobalContext, not the squeeze-and-excitation"),
        ("efficientnet_blur_b0", r"its blocks\.1\.0\.aa is a \w+, which no block of tiernas supports"),
        ("efficientnet_b0_gn", r"its bn1 is a GroupNormAct, not a batch normalization"),
        ("efficientnet_b0_g16_evos", r"its blocks\.0\.0\.conv_dw has \d+ groups, not 32"),
    ],
)
def test_a_block_that_ours_cannot_be_is_named(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=f"^timm:{name}: {message}"):
        tiernas.load(f"timm:{name}", "fresh")


def test_a_network_of_another_builder_is_refused() -> None:
    message = refused("timm:resnet18")
    assert "'timm:resnet18': consists of other blocks than tiernas has" in message
    assert "efficientnet, mobilenetv3, hardcorenas" in message


def test_a_mistyped_name_is_told_with_those_near() -> None:
    message = refused("timm:efficientnet_lite00")
    assert message.startswith("source = 'timm:efficientnet_lite00': timm ")
    assert "has no network 'efficientnet_lite00'; similar names: timm:efficientnet_lite0" in message
    assert "Invalid pretrained tag (imaginary) for efficientnet_b0" in refused("timm:efficientnet_b0.imaginary")


def test_without_timm_the_command_that_installs_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(NotInstalledError, match=r"pip install .*\[pretrained\]"):
        tiernas.load("timm:efficientnet_b0")


def test_without_a_hub_a_file_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    message = refused("timm:mobilenetv3_small_050.lamb_in1k", weights=None)
    assert "are not available from the hub (" in message
    assert "pass a file as weights, or 'fresh' for random ones" in message
    assert "No pretrained weights exist for mnasnet_050" in refused("timm:mnasnet_050", weights=None)


@pytest.fixture(scope="module")
def seven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a network that tells seven classes apart."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "seven.safetensors"
    save_file(timm.create_model("mobilenetv3_small_050", num_classes=7).state_dict(), path)
    return path


def test_a_file_of_weights_says_how_many_classes_there_are(seven: Path) -> None:
    network = tiernas.load("timm:mobilenetv3_small_050", seven)
    original = timm.create_model("mobilenetv3_small_050", num_classes=7, checkpoint_path=str(seven)).eval()
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(network(images), original(images))
    assert not network.training
    assert network.input_mean == (0.485, 0.456, 0.406)


def test_another_number_of_classes_gives_a_fresh_classifier_alone(seven: Path) -> None:
    source = "timm:mobilenetv3_small_050"
    seven_classes, three = (tiernas.load(source, seven, num_classes=n).state_dict() for n in (7, 3))
    differing = [name for name in three if not torch.equal(three[name], seven_classes[name])]
    assert [name.rpartition(".")[2] for name in differing] == ["weight", "bias"]
    assert [three[name].shape[0] for name in differing] == [3, 3]
    again = tiernas.load(source, seven).state_dict()
    assert all(torch.equal(again[name], seven_classes[name]) for name in again)


def test_weights_of_another_network_are_told_by_tensor_and_shapes(seven: Path, tmp_path: Path) -> None:
    message = refused("timm:mobilenetv3_small_100", seven)
    assert message == (
        f"{seven}: contains weights of a network other than timm:mobilenetv3_small_100: "
        "blocks.0.0.conv_pw.weight is 8 x 16 x 1 x 1, but must be 16 x 16 x 1 x 1"
    )
    save_file({"conv_stem.weight": torch.zeros(16, 3, 3, 3)}, tmp_path / "one.safetensors")
    assert "bn1.weight is missing, but must be 16" in refused(
        "timm:mobilenetv3_small_050", tmp_path / "one.safetensors"
    )
    torch.save(timm.create_model("lcnet_035").state_dict() | {"more": torch.zeros(2, 3)}, tmp_path / "more.pth")
    assert "lcnet_035: it has no more, 2 x 3" in refused("timm:lcnet_035", tmp_path / "more.pth")
