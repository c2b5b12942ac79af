"""`Rival`: a known network, ready to be trained and measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tiernas.errors import UsageError, about
from tiernas.rivals.fitting import fitted
from tiernas.rivals.names import ALLOWED, RivalName
from tiernas.rivals.published import cifar_resnet, mobilenetv2
from tiernas.spaces import Architecture, released

_LEAST_PX = 32
"""Resolution that the residual networks for CIFAR are published for; smaller images are enlarged for all rivals."""


@dataclass(frozen=True, slots=True)
class Rival:
    """A known network.

    Attributes:
        name: Its name with its resolution, such as "timm:mobilenetv3_small_100@64".
        architecture: The network, with strides that fit its resolution.
    """

    name: str
    architecture: Architecture


def open_rivals(names: Sequence[str], image_size: int) -> list[Rival]:
    """The networks of several names.

    Args:
        names: See `RivalName`.
        image_size: Height and width of the stored images, in pixels; see `open_rival`.

    Raises:
        UsageError: As `open_rival`, or two are the same network.
        NotInstalledError: As `open_rival`.
    """
    found: dict[str, Rival] = {}
    for name in names:
        rival = open_rival(name, image_size)
        if other := found.get(rival.architecture.digest):
            raise UsageError(f"rivals {other.name!r} and {rival.name!r} are the same network; remove one of them")
        found[rival.architecture.digest] = rival
    return list(found.values())


def open_rival(name: str, image_size: int) -> Rival:
    """The network of a name, with strides fitted to small images (`tiernas.rivals.fitting`).

    Args:
        name: See `RivalName`.
        image_size: Height and width of the stored images, in pixels: the resolution of a rival whose name has none, but
            at least 32; a residual network for CIFAR takes 32.

    Raises:
        UsageError: There is no such network, or it has blocks that tiernas does not have.
        NotInstalledError: It is one of timm's, which is not installed.
    """
    found = RivalName.parse(name)
    if layers := found.resnet_layers:
        resolution = found.resolution or _LEAST_PX
        architecture: Architecture = cifar_resnet(layers, resolution)
    else:
        resolution = found.resolution or max(image_size, _LEAST_PX)
        with about(f"rival {name!r}"):
            architecture = fitted(_published(found), resolution)
    return Rival(f"{found.network}@{resolution}", architecture)


def _published(name: RivalName) -> Architecture:
    if width := name.mobilenet_width:
        return mobilenetv2(width, 224)
    if not name.timm_name:
        return released(name.network)
    from tiernas.pretrained.timm_networks import timm_architecture  # imports torch

    try:
        return timm_architecture(name.timm_name)
    except UsageError as error:
        raise UsageError(f"{error}. Allowed are {ALLOWED}") from error
