"""Released GPUNets with checkpoints as their publisher names the tensors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

import tiernas
from tiernas.errors import UsageError
from tiernas.pretrained.gpunet import modules_in_order
from tiernas.spaces import released

KEYS = Path(__file__).resolve().parents[3] / "shared" / "facts" / "gpunet_checkpoint_keys.json"

pytestmark = pytest.mark.skipif(not KEYS.exists(), reason=f"the names of published tensors are not at {KEYS}")


def published(name: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors of a published checkpoint."""
    keys: dict[str, Any] = json.loads(KEYS.read_text())
    return {tensor: tuple(shape) for tensor, shape in keys[name]}


def random_tensors(name: str) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {tensor: torch.rand(shape, generator=generator) for tensor, shape in published(name).items()}


@pytest.mark.parametrize("name", ["gpunet_0", "gpunet_1", "gpunet_2", "gpunet_p0", "gpunet_d1"])
def test_every_tensor_has_its_place_whatever_the_order_in_the_file(name: str) -> None:
    shapes = published(name)
    modules = modules_in_order(released(name), sorted(shapes))
    assert modules == list(dict.fromkeys(tensor.rpartition(".")[0] for tensor in shapes))
    with torch.device("meta"):
        ours = tiernas.build(released(name)).state_dict()
    assert [tuple(tensor.shape) for tensor in ours.values()] == list(shapes.values())


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of GPUNet-0 as its training writes it; its running mean is told by its numbers."""
    path = tmp_path_factory.mktemp("checkpoint") / "0.65ms.pth.tar"
    mean = {f"module.{tensor}": values for tensor, values in random_tensors("gpunet_0").items()}
    torch.save({"state_dict": {tensor: values - 9 for tensor, values in mean.items()}, "state_dict_ema": mean}, path)
    return path


def test_a_checkpoint_of_the_publisher(checkpoint: Path) -> None:
    network = tiernas.load("gpunet_0", checkpoint)
    theirs, ours = random_tensors("gpunet_0"), network.state_dict()
    assert network.architecture == released("gpunet_0")
    assert [torch.equal(a, b) for a, b in zip(ours.values(), theirs.values(), strict=True) if b.dim()].count(False) == 0
    squeeze = theirs["network.stage: 6 layer13.se.conv_reduce.weight"]
    assert torch.equal(ours["blocks.11.body.6.reduce.weight"], squeeze)


def test_a_file_that_sorts_its_tensors(tmp_path: Path) -> None:
    theirs = random_tensors("gpunet_p0")
    save_file(theirs, tmp_path / "p0.safetensors")
    ours = tiernas.load("gpunet-p0", tmp_path / "p0.safetensors", num_classes=4).state_dict()
    expected = [values for values in theirs.values() if values.dim()]
    found = [values for values in ours.values() if values.dim()]
    assert all(torch.equal(a, b) for a, b in zip(found[:-2], expected[:-2], strict=True))
    assert [tuple(values.shape) for values in found[-2:]] == [(4, 1984), (4,)]


def test_the_checkpoint_of_another_network_is_told(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        tiernas.load("gpunet_1", checkpoint)
    assert str(caught.value) == (
        f"{checkpoint}: contains weights of a network other than gpunet_1: "
        "network.head: 2.net.0.weight is 32 x 3 x 3 x 3, but must be 24 x 3 x 3 x 3"
    )
    tensors = random_tensors("gpunet_0")
    save_file({t: v for t, v in tensors.items() if " layer15" not in t}, tmp_path / "cut.safetensors")
    with pytest.raises(UsageError, match="it has 63 modules with weights, not 60"):
        tiernas.load("gpunet_0", tmp_path / "cut.safetensors")
    save_file({**tensors, "network.stage: 9 layer99.conv.weight": torch.zeros(1)}, tmp_path / "more.safetensors")
    with pytest.raises(UsageError, match="a network other than gpunet_0"):
        tiernas.load("gpunet_0", tmp_path / "more.safetensors")
    save_file({"conv_stem.weight": torch.zeros(1)}, tmp_path / "timm.safetensors")
    with pytest.raises(UsageError, match=r"not a checkpoint of a GPUNet: it has a tensor 'conv_stem\.weight'"):
        tiernas.load("gpunet_0", tmp_path / "timm.safetensors")


def test_without_weights_it_is_said_where_they_are() -> None:
    with pytest.raises(UsageError, match=r"pass the checkpoint of NVIDIA's DeepLearningExamples .* 'fresh' for random"):
        tiernas.load("gpunet_d2")
    assert sum(p.numel() for p in tiernas.load("gpunet_0", "fresh", num_classes=1000).parameters()) == 11_885_432
