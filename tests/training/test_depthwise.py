from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tiernas.networks import build
from tiernas.spaces import Architecture
from tiernas.training.depthwise import SmallMapDepthwise, speed_up_depthwise


@settings(deadline=None, max_examples=80)
@given(
    size=st.integers(1, 9),
    kernel=st.sampled_from([3, 5, 7]),
    stride=st.integers(1, 2),
    same=st.booleans(),
    channels=st.integers(2, 5),
)
def test_result_and_gradients_are_those_of_torch(
    size: int, kernel: int, stride: int, same: bool, channels: int
) -> None:
    padding = kernel // 2 if same else 0
    if size + 2 * padding < kernel:
        return
    torch.manual_seed(0)
    conv = nn.Conv2d(channels, channels, kernel, stride, padding, groups=channels, bias=False).double()
    x = torch.randn(3, channels, size, size, dtype=torch.float64)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    expected = conv(theirs)
    direction = torch.randn_like(expected)
    expected.backward(direction)
    assert conv.weight.grad is not None
    expected_weight_grad, conv.weight.grad = conv.weight.grad.clone(), None
    result = SmallMapDepthwise(conv)(ours)
    result.backward(direction)
    torch.testing.assert_close(result, expected)
    torch.testing.assert_close(ours.grad, theirs.grad)
    torch.testing.assert_close(conv.weight.grad, expected_weight_grad)


def test_a_network_keeps_its_parameters_and_outputs(tiny: Architecture) -> None:
    torch.manual_seed(0)
    network = build(tiny, 10).eval()
    parameters = dict(network.named_parameters())
    images = torch.randn(2, 3, 16, 16)
    expected = network(images)
    speed_up_depthwise(network)
    assert sum(isinstance(m, SmallMapDepthwise) for m in network.modules()) == 2
    assert all(parameters[name] is p for name, p in network.named_parameters())
    assert len(parameters) == len(dict(network.named_parameters()))
    torch.testing.assert_close(network(images), expected)


@pytest.mark.parametrize("conv", [nn.Conv2d(4, 4, 3), nn.Conv2d(4, 8, 3, groups=4), nn.Conv2d(4, 4, (3, 1), groups=4)])
def test_other_convolutions_stay(conv: nn.Conv2d) -> None:
    network = nn.Sequential(conv)
    speed_up_depthwise(network)
    assert network[0] is conv
