"""Names of rivals, as a configuration writes them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tiernas.closest import did_you_mean
from tiernas.errors import UsageError
from tiernas.networks.timm_names import TIMM_PREFIX
from tiernas.spaces.released import released_names

_RESNET = "resnet"
_MOBILENET = "mobilenetv2"

_RESNET_LAYERS = (8, 14, 20, 32, 44, 56, 110)
"""6 n + 2 layers: the residual networks for CIFAR (He et al., arXiv 1512.03385, section 4.2) and two smaller ones."""

_RESOLUTIONS = range(8, 1025)
"""Allowed resolutions, in pixels; as for a search around a parent."""

_WIDTHS = 0.1, 2.0
"""Allowed widths of MobileNetV2; published from 0.35 to 1.4."""

ALLOWED = (
    f"{TIMM_PREFIX}NAME, a network of timm's EfficientNet builder such as {TIMM_PREFIX}mobilenetv3_small_100; "
    f"{', '.join(f'{_RESNET}{layers}' for layers in _RESNET_LAYERS)}, the residual networks for CIFAR; {_MOBILENET} or "
    f"{_MOBILENET}-WIDTH such as {_MOBILENET}-0.35; a released GPUNet such as gpunet_0; each with @PIXELS for another "
    "resolution than that of the data"
)
"""What is allowed, in words."""


@dataclass(frozen=True, slots=True)
class RivalName:
    """The parts of a name such as "timm:mobilenetv3_small_100@64".

    Attributes:
        network: The network.
        resolution: Height and width of its input, in pixels; None if it is not given.
    """

    network: str
    resolution: int | None = None

    @classmethod
    def parse(cls, text: str) -> RivalName:
        """The parts of a name; whether timm has a network is found when it is opened.

        Raises:
            UsageError: It is not a name of a rival; the message says what is allowed.
        """
        network, at, pixels = text.partition("@")
        if at and not (pixels.isascii() and pixels.isdigit() and int(pixels) in _RESOLUTIONS):
            raise UsageError(
                f"{text!r}: after @ stands a resolution in pixels, {_RESOLUTIONS.start} to {_RESOLUTIONS.stop - 1}"
            )
        name = cls(network, int(pixels) if at else None)
        if not (name.timm_name or name.resnet_layers or name.mobilenet_width or network in released_names()):
            known = [f"{_RESNET}{layers}" for layers in _RESNET_LAYERS] + [_MOBILENET, *released_names()]
            raise UsageError(f"{text!r} is no rival{did_you_mean(network, known) or '.'} Allowed are {ALLOWED}")
        return name

    @property
    def timm_name(self) -> str:
        """The name in timm; empty if it is not one of timm's networks."""
        return self.network.removeprefix(TIMM_PREFIX) if self.network.startswith(TIMM_PREFIX) else ""

    @property
    def resnet_layers(self) -> int | None:
        """The number of layers of a residual network for CIFAR; None if it is none."""
        found = re.fullmatch(rf"{_RESNET}(\d{{1,3}})", self.network)
        return int(found[1]) if found and int(found[1]) in _RESNET_LAYERS else None

    @property
    def mobilenet_width(self) -> float | None:
        """The width of a MobileNetV2; None if it is none."""
        found = re.fullmatch(rf"{_MOBILENET}(?:-(\d(?:\.\d+)?))?", self.network)
        if found is None:
            return None
        width = float(found[1] or 1)
        return width if _WIDTHS[0] <= width <= _WIDTHS[1] else None

    def __str__(self) -> str:
        return self.network if self.resolution is None else f"{self.network}@{self.resolution}"
