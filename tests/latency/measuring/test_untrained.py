"""What an engine, or ONNX, cannot run is told with the blocks of plug-ins that the network has."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.acme import install

from tiernas.blocks import HeadBlock, StemBlock, layer_from_dict
from tiernas.engines import get_engine
from tiernas.errors import UsageError
from tiernas.latency.measuring.untrained import compiled_untrained
from tiernas.spaces import LayeredArchitecture

CODE = """
from dataclasses import dataclass

import numpy as np
import torch

from tiernas.blocks.map_block import MapBlock


class Frobnicate(torch.autograd.Function):
    @staticmethod
    def symbolic(g, x):
        return g.op("acme::Frobnicate", x).setType(x.type())

    @staticmethod
    def forward(ctx, x):
        return x.clone()


class Module(torch.nn.Module):
    def forward(self, x):
        return FUNCTION(x)


@dataclass(frozen=True, slots=True)
class Odd(MapBlock):
    block = "MODULE:Odd"
    work_kinds = ("moved",)
    settings = label = "odd"

    in_channels: int
    in_size: int

    @property
    def out_shape(self):
        return self.in_shape

    @classmethod
    def work(cls, rows):
        return {"moved": np.ones(len(rows))}

    @classmethod
    def likeness(cls, rows):
        return np.ones((len(rows), 1))

    def module(self, options):
        return Module()
"""


def network(site: Path, name: str, function: str) -> LayeredArchitecture:
    """A network whose second layer is a function of torch."""
    install(site, name, CODE.replace("FUNCTION", function).replace("MODULE", name))
    layer = layer_from_dict({"block": f"{name}:Odd", "in_channels": 8, "in_size": 8}, "layer")
    stem, head = StemBlock(3, 8, 3, 1, "relu", 16), HeadBlock(8, 16, 0, "relu", 8)
    return LayeredArchitecture(16, (stem, layer, head))


def refused(architecture: LayeredArchitecture, engine: str) -> str:
    with pytest.raises(UsageError) as caught, compiled_untrained(architecture, 3, get_engine(engine)):
        pass
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime", "torch"])
def test_an_operator_that_the_engine_lacks(site: Path, engine: str) -> None:
    pytest.importorskip({"torch": "onnx2torch"}.get(engine, engine))
    said = refused(network(site, f"odd_{engine}", "Frobnicate.apply"), engine)
    assert said.startswith(f"engine {engine!r} cannot run a network with the block 'odd_{engine}:Odd': ")
    if engine != "openvino":  # it stumbles over the convolution that comes next
        assert "Frobnicate" in said
    assert "/tiernas-" not in said, "the file is gone"


def test_an_operator_that_onnx_lacks(site: Path) -> None:
    said = refused(network(site, "odd_bessel", "torch.special.bessel_j0"), "openvino")
    assert said.startswith("torch cannot export a network with the block 'odd_bessel:Odd' to ONNX (operator set 17): ")
    assert "special_bessel_j0" in said
