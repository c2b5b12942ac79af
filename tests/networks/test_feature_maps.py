"""The walk over feature maps, on modules whose maps are counted by hand."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tiernas.blocks.modules import Residual, SqueezeExcite
from tiernas.networks.feature_maps import held_elements


def test_a_convolution_holds_its_input_and_its_output() -> None:
    conv = nn.Conv2d(3, 8, 3, padding=1)
    assert held_elements(conv, (3, 4, 4)) == (3 + 8) * 16


def test_normalization_and_activation_overwrite_their_input() -> None:
    body = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.SiLU(), nn.Conv2d(8, 4, 1))
    assert held_elements(body, (3, 4, 4)) == (8 + 4) * 16


def test_what_is_added_later_is_held_until_then() -> None:
    body = nn.Sequential(nn.Conv2d(4, 8, 1), nn.ReLU(), nn.Conv2d(8, 8, 1), nn.ReLU(), nn.Conv2d(8, 4, 1))
    assert held_elements(Residual(body, False, 0.0), (4, 4, 4)) == (8 + 8) * 16
    assert held_elements(Residual(body, True, 0.0), (4, 4, 4)) == (4 + 8 + 8) * 16


def test_normalization_copies_what_is_needed_later() -> None:
    body = nn.Sequential(nn.LayerNorm(6), nn.Linear(6, 2))
    assert held_elements(body, (5, 6)) == 5 * (6 + 2)
    assert held_elements(Residual(nn.Sequential(*body, nn.Linear(2, 6)), True, 0.0), (5, 6)) == 5 * (6 + 6 + 2)


def test_what_does_nothing_holds_nothing() -> None:
    body = nn.Sequential(nn.Conv2d(3, 8, 1), nn.Identity(), nn.ReLU(), nn.Dropout(0.5))
    assert held_elements(body, (3, 4, 4)) == (3 + 8) * 16


def test_sums_in_place_are_sums() -> None:
    class Skipped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Conv2d(4, 8, 1), nn.Conv2d(8, 4, 1))

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.body(x)
            out += x
            return out.reshape(-1, x.shape[1] * x.shape[2] * x.shape[3])

    assert held_elements(Skipped(), (4, 4, 4)) == (4 + 8 + 4) * 16


def test_gates_are_held_beside_the_map() -> None:
    assert held_elements(SqueezeExcite(8, 3, "relu", "sigmoid"), (8, 2, 2)) == 8 * 4 + 8 + 3


def test_a_view_takes_no_memory_and_keeps_what_it_shows() -> None:
    class Halves(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            left, right = torch.split(x.transpose(1, 2), [2, 2], dim=-1)
            return left @ right.transpose(1, 2)

    assert held_elements(Halves(), (4, 3)) == 4 * 3 + 3 * 3


def test_a_module_is_left_as_it_is() -> None:
    conv = nn.Conv2d(3, 8, 1).train()
    held_elements(conv, (3, 4, 4))
    assert conv.training
    assert conv.weight.device.type == "cpu"
