"""Origins of teachers: those of `tiernas.pretrained`, which also has timm's networks of any family, and plug-ins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tiernas.errors import UsageError, about
from tiernas.networks.normalization import IMAGENET, Normalization, rgb
from tiernas.pretrained.efficientnet_lite import lite, load_lite, module_names
from tiernas.pretrained.folders import load_folder
from tiernas.pretrained.network import named_like
from tiernas.pretrained.timm_networks import timm_from_hub, timm_from_weights
from tiernas.pretrained.wanted import Wanted
from tiernas.pretrained.weights_file import read_weights
from tiernas.spaces.layered import LayeredArchitecture
from tiernas.training.teachers.catalogue import TEACHERS
from tiernas.training.teachers.config import TeacherConfig
from tiernas.training.teachers.plugin import teacher_function


@dataclass(frozen=True, slots=True, eq=False)
class Pretrained:
    """A network as found.

    Attributes:
        network: Images to logits of the data's classes, or to features if it has no head for them.
        has_head: Whether it returns logits.
        normalization: Normalization of its input.
        weights: Its tensors by the names under which files in a cache are found.
    """

    network: nn.Module
    has_head: bool
    normalization: Normalization
    weights: Mapping[str, Tensor]


def open_pretrained(config: TeacherConfig, classes: tuple[str, ...], resolution: int) -> Pretrained:
    """The network of a configuration, on CPU.

    Args:
        config: The teacher.
        classes: Names of the data's classes.
        resolution: Height and width of the images that it gets, in pixels.

    Raises:
        UsageError: It is not available, or has other classes and no features for a new head.
        NotInstalledError: Its package is not installed.
    """
    if config.is_plugin:
        network = teacher_function(config)(len(classes))
        return Pretrained(network, True, IMAGENET, network.state_dict())
    found: Pretrained = TEACHERS.load(config.kind)(config, classes, resolution)
    return found


def open_timm(config: TeacherConfig, classes: tuple[str, ...], resolution: int) -> Pretrained:
    """A network of timm with its pretrained weights; arguments and errors are those of `open_pretrained`."""
    name, path = str(config.name), config.path
    if path is None:
        with about(f"recipe.teacher.name = {name!r}"):
            network = timm_from_hub(name, "give a file of weights as recipe.teacher.path")
    else:
        with about("recipe.teacher.path"):
            weights = read_weights(path)
        with about(f"recipe.teacher.name = {name!r}"):
            network = timm_from_weights(name, weights, str(path))
    has_head = bool(network.num_classes == len(classes))
    if not has_head:
        network.reset_classifier(0)
    settings: Any = network.pretrained_cfg
    normalization = Normalization(rgb(settings["mean"]), rgb(settings["std"]))
    return Pretrained(network, has_head, normalization, network.state_dict())


def open_lite(config: TeacherConfig, classes: tuple[str, ...], resolution: int) -> Pretrained:
    """An EfficientNet-Lite; arguments and errors are those of `open_pretrained`."""
    name = f"efficientnet-{config.name}"
    network = load_lite(name, Wanted())
    head: Any = network.blocks[-1]
    has_head = bool(head[-1].out_features == len(classes))
    if not has_head:
        head[-1] = nn.Identity()
    weights: Mapping[str, Tensor] = network.state_dict()
    if _pads_as_published(architecture := lite(name), resolution):  # earlier versions named them so, and padded so
        weights = named_like(network, module_names(architecture))
    return Pretrained(network, has_head, network.normalization, weights)


def open_entry(config: TeacherConfig, classes: tuple[str, ...], resolution: int) -> Pretrained:
    """The network of an entry, export or training run; arguments and errors are those of `open_pretrained`."""
    folder = Path(str(config.path))
    with about("recipe.teacher.path"):
        network = load_folder(folder, Wanted(), complete=True)
    own = network.classes or ()
    if set(own) != set(classes):
        raise UsageError(
            f"recipe.teacher.path = {str(folder)!r}: its network has {len(own)} classes ({_some(own)}), the "
            f"data have {len(classes)} ({_some(classes)}); an entry can only teach the classes it was trained on"
        )
    reordered = _Reordered(network, [own.index(name) for name in classes])
    return Pretrained(reordered, True, network.normalization, reordered.state_dict())


class _Reordered(nn.Module):
    """A network with its classes in the order of the data."""

    def __init__(self, network: nn.Module, columns: list[int]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("columns", torch.tensor(columns))

    def forward(self, images: Tensor) -> Tensor:
        """`(n, 3, h, w)` images to `(n, classes)` logits."""
        return torch.index_select(self.network(images), 1, self.columns)  # type: ignore[arg-type]


def _pads_as_published(architecture: LayeredArchitecture, resolution: int) -> bool:
    """Whether TensorFlow's padding, which depends on the parity of a map's size, is that of the network's own size."""
    pairs = zip(architecture.layers, architecture.resized(resolution).layers, strict=True)
    return all((own.in_shape[-1] - given.in_shape[-1]) % 2 == 0 for own, given in pairs if own.reduction > 1)


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
