from __future__ import annotations

from pathlib import Path

import onnx
import pytest
import torch

from tiernas.errors import TiernasError
from tiernas.networks import Network, build, check_onnx, export_onnx
from tiernas.spaces import get_space


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    space = get_space("gpunet-small")
    built = build(space.decode(space.sample(8, seed=0)[3]), 10)
    assert isinstance(built, Network)
    with torch.no_grad():
        for module in built.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
                module.running_mean.normal_()  # type: ignore[union-attr]
    return built


def test_export_is_the_same_network(network: Network, tmp_path: Path) -> None:
    export_onnx(network, tmp_path / "net.onnx", batch=2)
    assert network.training
    assert check_onnx(tmp_path / "net.onnx", network) < 1e-4


def test_nodes_are_named_after_their_layer(network: Network, tmp_path: Path) -> None:
    export_onnx(network, tmp_path / "net.onnx")
    convolutions = [n.name for n in onnx.load(tmp_path / "net.onnx").graph.node if n.op_type == "Conv"]
    layers = {int(name.split("/")[2].removeprefix("blocks.")) for name in convolutions}
    assert layers == set(range(len(network.architecture.layers)))


def test_check_notices_other_weights(network: Network, tmp_path: Path) -> None:
    export_onnx(network, tmp_path / "net.onnx")
    with torch.no_grad():
        network.blocks[1][0].weight.mul_(1.5)  # type: ignore[index]
    with pytest.raises(TiernasError, match="differ by"):
        check_onnx(tmp_path / "net.onnx", network)
