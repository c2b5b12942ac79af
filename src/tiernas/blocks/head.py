"""The classifier: 1x1 convolution, pooling, optionally a second 1x1 convolution, linear layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tiernas.blocks.activations import ACTIVATIONS, activation, activation_work, costly, slopes
from tiernas.blocks.block import ModuleOptions, choice, whole
from tiernas.blocks.convolution import STAND_INS, WORK_KINDS, bn_act_params, convolution_likeness
from tiernas.blocks.map_block import MapBlock
from tiernas.blocks.rows import BlockRows, FloatArray, Sizes

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class HeadBlock(MapBlock):
    """Turns a map into logits.

    The number of classes is not a field: it is the same for all networks of a latency table.

    Attributes:
        in_channels: Channels of the map.
        filters: Channels of the 1x1 convolution; 0 without one.
        hidden: Channels of the second 1x1 convolution, after pooling; 0 without one.
        activation: One of `ACTIVATIONS`.
        in_size: Height and width of the square map, in pixels.
        hidden_bias: "yes" if the second convolution has a bias.
    """

    block = "head"
    work_kinds = WORK_KINDS
    stand_ins = STAND_INS

    in_channels: int
    filters: int = field(metadata=whole(0))
    hidden: int = field(metadata=whole(0))
    activation: str = field(metadata=choice(*ACTIVATIONS))
    in_size: int
    hidden_bias: str = field(default="no", metadata=choice("no", "yes"))

    @property
    def out_shape(self) -> tuple[int, ...]:
        return self._pooled, self.in_size, self.in_size

    @property
    def settings(self) -> str:
        return f"1x1 {self.activation}{self._rare()}"

    @property
    def label(self) -> str:
        channels = f"{self.in_channels}-{self.filters}"
        return f"{self.block} 1x1 {channels} {self.activation}{self._rare()} @{self.in_size}"

    @property
    def _pooled(self) -> int:
        """Channels of the map that is pooled."""
        return self.filters or self.in_channels

    def _rare(self) -> str:
        return " with bias" if self.hidden_bias == "yes" else ""

    @classmethod
    def work(cls, rows: BlockRows) -> Mapping[str, FloatArray]:
        ins, filters, size = rows.numbers("in_channels", "filters", "in_size")
        output = size**2 * filters
        return {
            "expand_macs": output * ins,
            "weights": ins * filters,
            "input": size**2 * ins,
            "inner": output,
            "output": output,
            "row_starts": size,
            **activation_work(rows, output),
        }

    @classmethod
    def sizes(cls, rows: BlockRows, num_classes: int) -> Sizes:
        """Unlike `work`, which a latency table is fitted to, this includes what follows the pooling."""
        ins, filters, hidden, size = rows.numbers("in_channels", "filters", "hidden", "in_size")
        pooled = np.where(filters > 0, filters, ins)
        last = np.where(hidden > 0, hidden, pooled)
        pixels, after_pooling = size**2, pooled * hidden + last * num_classes
        steps = [
            pixels * (ins + filters),
            (pixels + 1) * pooled,
            (pooled + hidden) * (hidden > 0),
            last + num_classes,
        ]
        biases = hidden * rows.have("hidden_bias", "yes") + num_classes
        return Sizes(
            weights=ins * filters + after_pooling,
            other_params=bn_act_params(rows, filters) + slopes(rows, hidden) + biases,
            macs=pixels * ins * filters + after_pooling,
            held=np.maximum.reduce(steps),
        )

    @classmethod
    def likeness(cls, rows: BlockRows) -> FloatArray:
        ins, filters, hidden, size = rows.numbers("in_channels", "filters", "hidden", "in_size")
        return convolution_likeness(
            inputs=ins, outputs=filters, between=hidden, size=size, kernel=1, stride=1, costly=costly(rows)
        )

    def module(self, options: ModuleOptions) -> nn.Module:
        from torch import nn

        from tiernas.blocks.modules import conv_bn_act, convolution

        modules: list[nn.Module] = []
        if self.filters:
            conv = convolution(self.in_channels, self.filters, 1)
            modules += conv_bn_act(conv, options.bn_eps, self.activation)
        modules.append(nn.AdaptiveAvgPool2d(1))
        channels = self._pooled
        if self.hidden:
            hidden = convolution(channels, self.hidden, 1, bias=self.hidden_bias == "yes")
            modules += [hidden, activation(self.activation, self.hidden)]
            channels = self.hidden
        return nn.Sequential(
            *modules, nn.Flatten(), nn.Dropout(options.dropout), nn.Linear(channels, options.num_classes)
        )
