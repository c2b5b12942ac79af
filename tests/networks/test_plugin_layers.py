"""Layers of plug-ins must give what they say, and nothing but shapes is computed to find out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from tests.tokens import CLASSES, SPACE, Mean, Mlp, Pooled
from torch import nn

from tiernas.blocks import ModuleOptions
from tiernas.errors import UsageError
from tiernas.networks import export_untrained
from tiernas.networks.plugin_layers import plugin_blocks, require_declared_shapes
from tiernas.spaces import LayeredArchitecture, released

NETWORK = SPACE.decode([24, 16, 2, 2])


@dataclass(frozen=True, slots=True)
class OneClassMore(Pooled):
    def module(self, options: ModuleOptions) -> nn.Module:
        return nn.Sequential(Mean(), nn.Linear(self.dim, options.num_classes + 1))


@dataclass(frozen=True, slots=True)
class Counted(Mlp):
    def module(self, options: ModuleOptions) -> nn.Module:
        built.append(self)
        return nn.Linear(self.dim, self.dim)


built: list[Counted] = []


def with_last(layer: Pooled) -> LayeredArchitecture:
    return replace(NETWORK, blocks=(*NETWORK.blocks[:-1], layer))


def test_a_classifier_must_give_a_logit_for_each_class(tmp_path: Path) -> None:
    network = with_last(OneClassMore(9, 16))
    with pytest.raises(UsageError, match=r"its module outputs 6, but there are 5 classes \(layer 3, pooled 16 @9"):
        require_declared_shapes(network, CLASSES)
    with pytest.raises(UsageError, match="its module outputs 6, but there are 5 classes"):
        export_untrained(network, CLASSES, tmp_path / "network.onnx")
    assert not list(tmp_path.iterdir())


def test_no_random_number_is_drawn() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    require_declared_shapes(SPACE.decode([48, 48, 3, 3]), CLASSES)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_layer_is_looked_at_once() -> None:
    network = replace(NETWORK, blocks=(NETWORK.blocks[0], *(Counted(9, 16, 7),) * 5, NETWORK.blocks[-1]))
    require_declared_shapes(network, CLASSES)
    require_declared_shapes(network, CLASSES)
    assert len(built) == 1


def test_blocks_of_plugins_are_named_once_in_the_order_they_run() -> None:
    assert plugin_blocks(NETWORK) == "blocks 'tests.tokens:Patches', 'tests.tokens:Mlp', 'tests.tokens:Pooled'"
    assert plugin_blocks(released("gpunet_0")) is None
