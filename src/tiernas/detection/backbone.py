"""Backbones of detectors: the feature maps of a network, and a pyramid of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork

from tiernas.closest import did_you_mean
from tiernas.errors import UsageError, first_line
from tiernas.networks import FeatureNet, Network, build, repeatable_weights
from tiernas.networks.normalization import IMAGENET, Normalization, rgb
from tiernas.networks.timm_names import TIMM_PREFIX, timm_with
from tiernas.pretrained import load
from tiernas.pretrained.timm_networks import HOMES
from tiernas.spaces import read_architecture

_FRESH = "fresh"


class Features(nn.Module):
    """Feature maps of a network, finest first.

    Attributes:
        net: The network without its head: images to a list of maps.
        channels: Channels of each map.
        strides: Input pixels per pixel of each map.
        architecture: `Architecture.to_json()` of the network, or its name if it is not one of ours.
        normalization: Normalization of its input.
    """

    def __init__(
        self,
        net: nn.Module,
        channels: Sequence[int],
        strides: Sequence[int],
        architecture: str,
        normalization: Normalization = IMAGENET,
    ) -> None:
        super().__init__()
        self.net = net
        self.channels, self.strides = tuple(channels), tuple(strides)
        self.architecture, self.normalization = architecture, normalization

    def forward(self, images: Tensor) -> list[Tensor]:
        maps: list[Tensor] = self.net(images)
        return maps

    def end_at(self, stride: int) -> None:
        """Removes the blocks of one of our networks that only maps of larger strides need."""
        if isinstance(self.net, FeatureNet):
            count = self.strides.index(stride) + 1
            self.net.blocks = self.net.blocks[: self.net.levels[count - 1] + 1]
            self.channels, self.strides = self.channels[:count], self.strides[:count]


def open_features(source: str, weights: str | None = None) -> Features:
    """The feature maps of a network that a user names.

    Args:
        source: What `tiernas.load` opens; an architecture's JSON file, which gets random weights; or `timm:NAME` for
            any network of timm that has feature maps.
        weights: See `tiernas.load`; "fresh" for random weights, which are the same at every call.

    Raises:
        UsageError: There is no such network, its weights are unavailable, or it has no feature maps.
        NotInstalledError: The package that it comes from is not installed.
    """
    with repeatable_weights():
        if source.lower().endswith(".json") and Path(source).is_file():
            return _of_ours(build(read_architecture(Path(source)), 1), IMAGENET)
        if source.startswith(TIMM_PREFIX):
            timm = timm_with(source.removeprefix(TIMM_PREFIX), "rivals")
            if not timm.models.is_model_in_modules(source.removeprefix(TIMM_PREFIX), HOMES):
                return _of_timm(timm, source.removeprefix(TIMM_PREFIX), weights)
        network = load(source, weights)
        return _of_ours(network, network.normalization)


def _of_ours(network: Network, normalization: Normalization) -> Features:
    net = features_of(network)
    return Features(net, net.channels, net.strides, network.architecture.to_json(), normalization)


def features_of(network: Network) -> FeatureNet:
    """The backbone of a classifier, with its weights.

    Raises:
        UsageError: The network has layers that do not output a map.
    """
    net = build(network.architecture, features_only=True)
    expected = net.state_dict()
    net.load_state_dict({name: tensor for name, tensor in network.state_dict().items() if name in expected})
    return net


def _of_timm(timm: Any, name: str, weights: str | None) -> Features:
    if weights not in (None, _FRESH):
        raise UsageError(f"weights = {weights!r}: for {TIMM_PREFIX}{name} only 'fresh', or none for those of the hub")
    try:
        net = timm.create_model(name, features_only=True)
    except (RuntimeError, AttributeError, AssertionError) as error:
        raise UsageError(f"{TIMM_PREFIX}{name}: timm does not offer its feature maps") from error
    if weights is None:
        try:
            net = timm.create_model(name, features_only=True, pretrained=True)
        except Exception as error:  # hub clients may raise anything
            raise UsageError(
                f"{TIMM_PREFIX}{name}: its weights are not available from the hub ({first_line(error)}); write "
                "weights = 'fresh' for random ones"
            ) from error
    info, config = net.feature_info, timm.get_pretrained_cfg(name)
    normalization = Normalization(rgb(config.mean), rgb(config.std))
    return Features(net, info.channels(), info.reduction(), TIMM_PREFIX + name, normalization)


class Pyramid(nn.Module):
    """A feature pyramid over chosen maps of a backbone (Lin et al., arXiv 1612.03144), for torchvision's detectors.

    Attributes:
        features: The backbone.
        strides: Input pixels per pixel of each level, finest first.
        out_channels: Channels of every level.

    Args:
        features: The backbone; blocks after the last level are removed.
        strides: The strides of its maps that become levels, finest first.
        channels: Channels of every level.

    Raises:
        UsageError: The backbone has no map of a stride.
    """

    def __init__(self, features: Features, strides: Sequence[int], channels: int) -> None:
        super().__init__()
        for stride in strides:
            if stride not in features.strides:
                has = ", ".join(map(str, features.strides))
                raise UsageError(
                    f"stride {stride}: the backbone has no such map{did_you_mean(str(stride), has.split(', ')) or '.'} "
                    f"It has the strides {has}"
                )
        features.end_at(strides[-1])
        self.features = features
        self.strides, self.out_channels = tuple(strides), channels
        self._places = [features.strides.index(stride) for stride in strides]
        used = [features.channels[place] for place in self._places]
        self.fpn = FeaturePyramidNetwork(used, channels, norm_layer=nn.BatchNorm2d)

    def forward(self, images: Tensor) -> OrderedDict[str, Tensor]:
        maps = self.features(images)
        levels: OrderedDict[str, Tensor] = self.fpn(OrderedDict((str(place), maps[place]) for place in self._places))
        return levels
