"""What blocks have in common that end in a 1x1 projection without activation: IRB, fused IRB, separable."""

from __future__ import annotations

import abc
from typing import ClassVar

from tiernas.blocks.activations import costly, squeeze_name
from tiernas.blocks.convolution import convolution_likeness
from tiernas.blocks.rows import BlockRows, FloatArray
from tiernas.blocks.strided import StridedBlock, convolved


class ProjectedBlock(StridedBlock, abc.ABC):
    """A block that may weigh the channels of its spatial convolution, projects them, and may add its input.

    Attributes:
        projected: Name of the field with the channels that are weighed and projected.
        se_channels: Channels of the squeeze-and-excitation bottleneck, 0 without one.
        gate: One of `GATES`, of the squeeze-and-excitation.
    """

    __slots__ = ()

    projected: ClassVar[str]

    se_channels: int
    gate: str

    @property
    def residual(self) -> bool:
        """Whether the input is added to the output: with stride 1, where the output has the input's shape."""
        return self.stride == 1 and self.in_shape == self.out_shape

    def _squeeze(self, gap: str) -> str:
        return f" {squeeze_name(self.gate)}{gap}{self.se_channels}" if self.se_channels else ""

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
        """The work of squeeze-and-excitation, projection and addition, and the maps, which all such blocks have."""
        ins, outs, channels, squeezed = rows.numbers("in_channels", "out_channels", cls.projected, "se_channels")
        size, stride = rows.numbers("in_size", "stride")
        out_size = convolved(rows)
        after = out_size**2
        return {
            "project_macs": after * channels * outs,
            "squeeze_macs": 2 * channels * squeezed,
            "input": size**2 * ins,
            "inner": after * channels,
            "output": after * outs,
            "gated": after * channels * (squeezed > 0),
            "added": after * outs * ((stride == 1) & (ins == outs) & (out_size == size)),
            "squeezes": (squeezed > 0).astype(float),
        }
