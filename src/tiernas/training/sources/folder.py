"""Image folders: `DIR/<class>/...` or `DIR/<split>/<class>/...`, the layout of torchvision's `ImageFolder`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from tiernas.errors import UsageError
from tiernas.training.sources.source import SPLIT_NAMES, Part, Source

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})
"""Endings of the files that count as images; other files are passed over."""


def open_source(root: Path) -> Source:
    """Lists the images of a folder.

    Raises:
        UsageError: No class folders, no images, two folders for one split, or a class that training does not have.
    """
    splits = _split_folders(root)
    train_root = splits.get("train", root)
    classes = tuple(folder.name for folder in _folders(train_root))
    if not classes:
        raise UsageError(
            f"data.path: {train_root} has no class folders; put the images of each class into a folder named "
            f"after it, as in {train_root}/cat/001.jpg and {train_root}/dog/001.jpg"
        )
    parts = {name: _part(folder, root, classes) for name, folder in splits.items()}
    return Source(classes, parts.get("train") or _part(root, root, classes), parts.get("validation"), parts.get("test"))


def _split_folders(root: Path) -> dict[str, Path]:
    """Folders of the splits; none where the folders of `root` are those of the classes."""
    found: dict[str, Path] = {}
    for folder in _folders(root):
        name = SPLIT_NAMES.get(folder.name.lower())
        if name is None or not _folders(folder):  # a class may be called "train"; it has no folders inside
            continue
        if name in found:
            raise UsageError(f"data.path: {folder} and {found[name]} both hold the {name} split; keep one")
        found[name] = folder
    return found if "train" in found else {}


def _part(folder: Path, root: Path, classes: tuple[str, ...]) -> Part:
    unknown = [child.name for child in _folders(folder) if child.name not in classes]
    if unknown:
        raise UsageError(
            f"data.path: {folder} has class {unknown[0]!r}, which the training images do not have; "
            f"they have: {', '.join(classes)}"
        )
    files: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        of_class = sorted(p for p in (folder / name).rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
        files += of_class
        labels += [label] * len(of_class)
    if not files:
        raise UsageError(f"data.path: no images under {folder}; image files end in {', '.join(sorted(SUFFIXES))}")
    names = [str(path.relative_to(root)) for path in files]
    return Part(np.array(labels, dtype=np.int64), names, lambda i: Image.open(files[i]))


def _folders(root: Path) -> list[Path]:
    return sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
