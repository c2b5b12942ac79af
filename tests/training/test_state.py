"""A step of training."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.optim import SGD

from tiernas.training.state import OptimizedModule


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize(("clip_norm", "moved"), [(0.0, 500.0), (2.0, 2.0)])
def test_a_long_gradient_is_scaled_down_to_the_limit(clip_norm: float, moved: float, scaled: bool) -> None:
    network = nn.Linear(2, 1, bias=False)
    before = network.weight.detach().clone()
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0) if scaled else None
    state = OptimizedModule(network, SGD(network.parameters(), lr=1.0), 0.0, scaler, clip_norm)
    state.optimizer.param_groups[0]["lr_scale"] = 1.0
    state.update(network(torch.tensor([[300.0, 400.0]])).sum(), 1.0)
    assert (network.weight.detach() - before).norm().item() == pytest.approx(moved, rel=1e-4)
