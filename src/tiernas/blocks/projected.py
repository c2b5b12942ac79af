"""Common base of blocks that end in a 1x1 projection without activation: IRB, fused IRB, separable."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from tiernas.blocks.activations import costly, slopes, squeeze_name
from tiernas.blocks.convolution import convolution_likeness
from tiernas.blocks.rows import BlockRows, FloatArray, Sizes, counted_macs
from tiernas.blocks.strided import StridedBlock, added, convolved, skipped


class ProjectedBlock(StridedBlock, abc.ABC):
    """A block that may gate the channels of its spatial convolution, projects them, and may add its input.

    Attributes:
        projected: Name of the field with the channels that are gated and projected.
        se_channels: Channels of the squeeze-and-excitation bottleneck; 0 without one.
        gate: One of `GATES`, of the squeeze-and-excitation.
        se_activation: One of `SE_ACTIVATIONS`, of the squeeze-and-excitation.
    """

    __slots__ = ()

    projected: ClassVar[str]

    se_channels: int
    gate: str
    se_activation: str

    def _squeeze(self, gap: str) -> str:
        if not self.se_channels:
            return ""
        inside = "" if self.se_activation == "block" else f" of {self.se_activation}"
        return f" {squeeze_name(self.gate)}{gap}{self.se_channels}{inside}"

    def _rare(self) -> str:
        return super()._rare() + (" no skip" if self.skip == "none" else "")

    @classmethod
    def likeness(cls, rows: BlockRows) -> FloatArray:
        ins, outs, between, squeezed = rows.numbers("in_channels", "out_channels", cls.projected, "se_channels")
        kernel, stride, size = rows.numbers("kernel", "stride", "in_size")
        return convolution_likeness(
            inputs=ins,
            outputs=outs,
            between=between,
            size=size,
            kernel=kernel,
            stride=stride,
            costly=costly(rows),
            squeezed=squeezed > 0,
        )

    @classmethod
    def _projection_work(cls, rows: BlockRows) -> dict[str, FloatArray]:
        """The work that all such blocks have: squeeze-and-excitation, projection, addition, and maps."""
        ins, outs, channels, squeezed = rows.numbers("in_channels", "out_channels", cls.projected, "se_channels")
        (size,) = rows.numbers("in_size")
        out_size = convolved(rows)
        after = out_size**2
        return {
            "project_macs": after * channels * outs,
            "squeeze_macs": 2 * channels * squeezed,
            "input": size**2 * ins,
            "inner": after * channels,
            "output": after * outs,
            "gated": after * channels * (squeezed > 0),
            "added": after * outs * added(rows, out_size),
            "squeezes": (squeezed > 0).astype(float),
        }

    @classmethod
    def _projected_sizes(
        cls, rows: BlockRows, counted: Mapping[str, FloatArray], other_params: FloatArray, held: FloatArray
    ) -> Sizes:
        """The sizes of such blocks.

        Args:
            rows: `m` layers.
            counted: Their work by kind.
            other_params: Parameters other than weights up to squeeze-and-excitation (`m`), and of what follows the
                projection and its normalization.
            held: Elements that are held up to the spatial convolution, at most (`m`).
        """
        outs, channels, squeezed = rows.numbers("out_channels", cls.projected, "se_channels")
        inherits = rows.have("se_activation", "block")
        excited = squeezed + slopes(rows, squeezed, "se_activation") + slopes(rows, squeezed) * inherits
        gate = (channels + squeezed) * (squeezed > 0)
        return Sizes(
            weights=counted["weights"],
            other_params=other_params + excited + channels * (squeezed > 0) + 2 * outs,
            macs=counted_macs(counted),
            held=np.maximum(held, skipped(counted) + counted["inner"] + np.maximum(gate, counted["output"])),
        )
