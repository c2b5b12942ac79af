from __future__ import annotations

import sys
from pathlib import Path

import onnx
import pytest
import torch

import tiernas
from tiernas.errors import NotInstalledError, UsageError
from tiernas.networks import check_onnx, vary_constants
from tiernas.networks.timm_models import build_timm, export_timm, timm_sizes
from tiernas.networks.timm_names import near_timm_names
from tiernas.spaces.sizes import architecture_sizes

timm = pytest.importorskip("timm")


@pytest.mark.parametrize(("name", "millions"), [("resnet18", 11.69), ("mobilenetv3_large_100", 5.48)])
def test_export_is_the_same_network(name: str, millions: float, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")  # the reference implementation takes minutes
    network = build_timm(name)
    export_timm(network, tmp_path / "net.onnx", batch=2)
    (images,) = onnx.load(tmp_path / "net.onnx").graph.input
    assert [d.dim_value for d in images.type.tensor_type.shape.dim] == [2, 3, 224, 224]
    assert check_onnx(tmp_path / "net.onnx", network.module) < 1e-3
    assert network.cost.params / 1e6 == pytest.approx(millions, abs=0.01)


def test_multiply_accumulates_are_those_published() -> None:
    assert build_timm("resnet18").cost.macs / 1e9 == pytest.approx(1.814, abs=0.001)  # timm's own model table


@pytest.mark.parametrize("name", ["efficientnet_b0", "tf_mobilenetv3_small_minimal_100"])
def test_sizes_are_those_of_the_same_network_as_ours(name: str) -> None:
    ours = architecture_sizes(tiernas.load(f"timm:{name}", "fresh", num_classes=7).architecture.resized(64), 7)
    theirs = timm_sizes(build_timm(name, 7, 64))
    assert ours is not None
    assert theirs is not None
    for what in ("weights", "other_params", "macs", "held"):
        assert getattr(theirs, what).tolist() == getattr(ours, what).tolist(), what


def test_sizes_of_other_families_by_hand() -> None:
    sizes = timm_sizes(build_timm("resnet18", 10, 64))
    assert sizes is not None
    assert sizes.held.tolist() == [64 * 32**2 + 64 * 16**2]  # at the first pooling
    assert sizes.other_params.tolist() == [2 * (5 * 64 + 5 * 128 + 5 * 256 + 5 * 512) + 10]  # normalizations, biases


def test_padding_that_depends_on_the_size_becomes_fixed(tmp_path: Path) -> None:
    network = build_timm("tf_mobilenetv3_small_minimal_100", num_classes=7, resolution=65)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        original = timm.create_model("tf_mobilenetv3_small_minimal_100", num_classes=7, exportable=True).eval()
    vary_constants(original)
    images = torch.randn(1, 3, 65, 65, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(network.module(images), original(images))
    export_timm(network, tmp_path / "net.onnx")
    graph = onnx.load(tmp_path / "net.onnx").graph
    assert [d.dim_value for d in graph.output[0].type.tensor_type.shape.dim] == [1, 7]
    assert "Shape" not in {node.op_type for node in graph.node}


def test_tag_decides_resolution_and_normalisation() -> None:
    assert build_timm("mobilenetv3_small_050.lamb_in1k").image_size == (224, 224)
    assert build_timm("mobilenetv3_small_050", resolution=64).image_size == (64, 64)
    assert build_timm("tf_mobilenetv3_small_minimal_100").input_mean == (0.5, 0.5, 0.5)


def test_transformers_are_built_for_the_resolution() -> None:
    assert build_timm("vit_tiny_patch16_224", resolution=32).image_size == (32, 32)


def test_same_weights_every_time() -> None:
    one, other = (build_timm("mobilenetv3_small_050", resolution=32).module.state_dict() for _ in range(2))
    assert all(tensor.equal(other[name]) for name, tensor in one.items())


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UsageError, match=r"no network 'resnet81'.*resnet18"):
        build_timm("resnet81")
    with pytest.raises(UsageError, match="tag"):
        build_timm("resnet18.imaginary")
    assert near_timm_names("zzzzzz") == []


def test_resolution_that_it_cannot_take_is_refused() -> None:
    with pytest.raises(UsageError, match="inception_v3 cannot run on images of 20 x 20 pixels"):
        build_timm("inception_v3", resolution=20)


def test_missing_timm_tells_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(NotInstalledError, match=r"pip install .*\[rivals\]"):
        build_timm("resnet18")
    assert near_timm_names("resnet81") == []
