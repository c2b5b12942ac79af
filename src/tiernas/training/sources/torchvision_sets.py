"""Classification sets of `torchvision.datasets`, by the name of their class."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
from PIL import Image

from tiernas.errors import NotInstalledError, UsageError
from tiernas.image_files import shown
from tiernas.training.data_config import DataConfig
from tiernas.training.sources.source import Part, Source, require_labels
from tiernas.training.sources.split_names import SPLIT_NAMES

_WHOLE = ("Caltech101", "Caltech256", "EuroSAT", "SEMEION", "SUN397")
"""Sets without splits."""

_BY_TRAIN = ("CIFAR10", "CIFAR100", "FashionMNIST", "KMNIST", "MNIST", "USPS")
"""Sets whose class has the argument `train`, a bool."""

_BY_SPLIT = {
    "Country211": ("train", "valid", "test"),
    "DTD": ("train", "val", "test"),
    "FGVCAircraft": ("train", "val", "test"),
    "Flowers102": ("train", "val", "test"),
    "Food101": ("train", "test"),
    "GTSRB": ("train", "test"),
    "ImageNet": ("train", "val"),
    "Imagenette": ("train", "val"),
    "OxfordIIITPet": ("trainval", "test"),
    "PCAM": ("train", "val", "test"),
    "Places365": ("train-standard", "val"),
    "RenderedSST2": ("train", "val", "test"),
    "STL10": ("train", "test"),
    "SVHN": ("train", "test"),
    "StanfordCars": ("train", "test"),
}
"""Values of the argument `split` for which there are labels, from the documentation of each class."""

_NAMES = SPLIT_NAMES | {"trainval": "train", "train-standard": "train"}

_FLIP_CHANGES = frozenset({"GTSRB", "KMNIST", "MNIST", "RenderedSST2", "SEMEION", "SVHN", "USPS"})
"""Digits, characters, text and traffic signs: mirrored, they show something else."""


def open_source(config: DataConfig) -> Source:
    """Lists the images of a set.

    Raises:
        UsageError: There is no such set, its files are not in the folder, or they cannot be downloaded.
        NotInstalledError: torchvision, or a package that it reads this set with, is not installed.
    """
    name, folder = config.name or "", config.path or Path()
    if name not in (names := sorted({*_WHOLE, *_BY_TRAIN, *_BY_SPLIT})):
        raise UsageError(
            f"data.name = {name!r}: no classification set of torchvision; there are {', '.join(names)}. Other images: "
            'lay them out as <split>/<class>/<image> and use kind = "folder"'
        )
    opened = _open_splits(name, folder, config)
    parts = {split: _part(images, split) for split, images in opened.items()}
    named = getattr(opened["train"], "classes", None) or getattr(opened["train"], "categories", None)
    if named is None:
        named = range(1 + max(int(part.labels.max(initial=-1)) for part in parts.values()))
    classes = tuple(", ".join(known) if isinstance(known, tuple) else str(known) for known in named)
    for split, part in parts.items():
        require_labels(part.labels, part.names, classes, split, name)
    return Source(classes, parts["train"], parts.get("validation"), parts.get("test"), name not in _FLIP_CHANGES)


def _open_splits(name: str, folder: Path, config: DataConfig) -> dict[str, Any]:
    try:
        from torchvision import datasets
    except ImportError as error:
        raise NotInstalledError("torchvision", "torchvision") from error
    kind = getattr(datasets, name)
    parameters = inspect.signature(kind.__init__).parameters
    arguments: dict[str, Any] = {"download": config.download} if "download" in parameters else {}
    if "loader" in parameters:
        arguments["loader"] = Path  # returns paths, so that images are not decoded to read their labels
    wanted: dict[str, dict[str, Any]]
    if name in _WHOLE:
        wanted = {"train": {}}
    elif name in _BY_TRAIN:
        wanted = {"train": {"train": True}, "test": {"train": False}}
    else:
        wanted = {_NAMES[split]: {"split": split} for split in _BY_SPLIT[name]}
    try:
        return {split: kind(str(folder), **arguments, **more) for split, more in wanted.items()}
    except ModuleNotFoundError as error:
        raise UsageError(f"data.name = {name!r}: torchvision reads it with {error.name}; pip install it") from error
    except (URLError, OSError, RuntimeError, ValueError) as error:
        if config.download:
            remedy = f"it could not be downloaded ({error}); check the network, or put its files there"
        else:
            remedy = f"{error}. Set data.download = true to download it, or put its files there"
        raise UsageError(f"data.name = {name!r}: its files are not in {folder}: {remedy}") from error


def _part(images: Any, split: str) -> Part:
    if isinstance(getattr(images, "loader", None), type):
        listed = [images[row] for row in range(len(images))]
        labels = np.array([label for _, label in listed], dtype=np.int64)
        return Part(labels, [shown(path) for path, _ in listed], lambda row: Image.open(listed[row][0]))
    labels = np.asarray(_labels(images), dtype=np.int64)
    return Part(labels, [f"{split} image {row}" for row in range(len(labels))], lambda row: images[row][0])


def _labels(images: Any) -> Iterable[int]:
    for attribute in ("targets", "labels"):
        labels: Iterable[int] | None = getattr(images, attribute, None)
        if labels is not None:
            return labels
    return [images[row][1] for row in range(len(images))]
