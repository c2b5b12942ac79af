"""Image folders: `DIR/<class>/...` or `DIR/<split>/<class>/...`, the layout of torchvision's `ImageFolder`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from tiernas.errors import UsageError
from tiernas.image_files import (
    FolderLevel,
    PassedOver,
    counted,
    files_below,
    image_suffixes,
    level_of,
    shown,
    without_format,
)
from tiernas.training.data_config import DataConfig
from tiernas.training.sources.source import Part, Source, existing_folder
from tiernas.training.sources.split_names import SPLIT_NAMES, split_of, split_within

_SPLITS = f"folders named {', '.join(SPLIT_NAMES)} in any case are splits"


def open_source(config: DataConfig) -> Source:
    """Lists the images of a folder.

    Raises:
        UsageError: There are no class folders, no images, no training split, two folders for one split, a mixture of
            splits and classes, a class that the training images lack, or a folder that cannot be read.
    """
    return _Folder(existing_folder(config.path)).source()


@dataclass(slots=True)
class _Folder:
    root: Path
    passed_over: list[PassedOver] = field(default_factory=list)

    def source(self) -> Source:
        splits = self._splits(self._level(self.root))
        levels = {
            name: level_of(self.root, self.root) if folder == self.root else self._level(folder)
            for name, folder in splits.items()
        }
        classes = levels["train"].folders
        if not classes:
            raise UsageError(
                f"data.path: {shown(splits['train'])} has no class folders; put the images of each class into a folder "
                f"named after it, as in {shown(splits['train'] / 'cat' / '001.jpg')} and "
                f"{shown(splits['train'] / 'dog' / '001.jpg')}"
            )
        for folder in classes:
            self._refuse_splits_within(folder)
        names = tuple(folder.name for folder in classes)
        parts = {name: self._part(splits[name], level, names) for name, level in levels.items()}
        return Source(
            tuple(map(shown, names)),
            parts["train"],
            parts.get("validation"),
            parts.get("test"),
            passed_over=tuple(self.passed_over),
        )

    def _level(self, folder: Path) -> FolderLevel:
        """The contents of a folder whose subfolders are splits or classes; its files are skipped."""
        level = level_of(folder, self.root)
        self.passed_over += level.passed_over
        for path in level.files:
            self._skip(path, "in no class folder")
        return level

    def _skip(self, path: Path, reason: str) -> None:
        if _is_image(path):
            self.passed_over.append(PassedOver(shown(path.relative_to(self.root)), f"images {reason}"))
        else:
            self.passed_over.append(without_format(path, self.root))

    def _splits(self, top: FolderLevel) -> dict[str, Path]:
        """The folder of each split; the root is the training split if its subfolders are the classes."""
        named = {folder: split for folder in top.folders if (split := split_of(folder.name))}
        within = {
            folder: split for folder in top.folders if (split := split_of(folder.name) or split_within(folder.name))
        }
        distinct = len(within) == len(set(within.values()))
        with_others = len(within) > 1 and "train" in within.values() and all(map(self._has_folders, within))
        if distinct and (len(within) == len(top.folders) or with_others):  # training_set and test_set are not classes
            named = within
        others = [folder for folder in top.folders if folder not in named]
        with_classes = list(filter(self._has_folders, named))
        if not named or (others and not with_classes and all(folder.name.lower() == "train" for folder in named)):
            return {"train": self.root}  # a class may be named "train"; it has no folders inside
        for folder in others:
            self._refuse_mixture(folder, next(iter(named)))
        found: dict[str, Path] = {}
        for folder, split in named.items():
            if split in found:
                raise UsageError(
                    f"data.path: {shown(folder)} and {shown(found[split])} both hold the {split} split; keep one"
                )
            found[split] = folder
        if "train" not in found:
            raise UsageError(
                f"data.path: {shown(self.root)} has the folders {_listed(list(named))} but no training split; name the "
                f"folder with the training images train ({_SPLITS})"
            )
        return {split: folder for split, folder in found.items() if split == "train" or self._has_labels(folder)}

    def _has_folders(self, folder: Path) -> bool:
        return bool(level_of(folder, self.root).folders)

    def _refuse_mixture(self, folder: Path, split: Path) -> None:
        """Refuses a folder beside the splits that contains images; others, such as notes and lists, are skipped."""
        listing = files_below(folder, self.root)
        if any(map(_is_image, listing.files)):
            raise UsageError(
                f"data.path: {shown(self.root)} mixes splits ({shown(split.name)}) and others ({shown(folder.name)}), "
                f"so it is unclear what the classes are. Move {shown(folder.name)} into the split it belongs to, or "
                f"elsewhere; if {shown(split.name)} is a class, rename it ({_SPLITS})"
            )
        self.passed_over += listing.passed_over
        self.passed_over += [without_format(path, self.root) for path in listing.files]

    def _refuse_splits_within(self, folder: Path) -> None:
        inside = [child for child in level_of(folder, self.root).folders if split_of(child.name)]
        if len({split_of(child.name) for child in inside}) > 1:
            raise UsageError(
                f"data.path: class folder {shown(folder)} contains splits ({_listed(inside)}); they would be merged. "
                f"Put the splits above the classes, as in {shown(self.root / inside[0].name / folder.name)}"
            )

    def _has_labels(self, folder: Path) -> bool:
        """Whether a validation or test split has class folders; in competitions, test images often have no labels."""
        if level_of(folder, self.root).folders:
            return True
        listing = files_below(folder, self.root)
        self.passed_over += listing.passed_over
        for path in listing.files:
            self._skip(path, "without a label, in no class folder")
        return False

    def _part(self, folder: Path, level: FolderLevel, classes: tuple[str, ...]) -> Part:
        unknown = [child.name for child in level.folders if child.name not in classes]
        if unknown:
            raise UsageError(
                f"data.path: {shown(folder)} has class {shown(unknown[0])!r}, which the training images lack; "
                f"they have: {', '.join(map(shown, classes))}"
            )
        files: list[Path] = []
        labels: list[int] = []
        passed_over: list[PassedOver] = []
        for child in level.folders:
            listing = files_below(child, self.root)
            of_class = list(filter(_is_image, listing.files))
            files += of_class
            labels += [classes.index(child.name)] * len(of_class)
            passed_over += listing.passed_over
            passed_over += [without_format(path, self.root) for path in listing.files if not _is_image(path)]
        self.passed_over += passed_over
        if not files:
            there = f"; there are {counted(passed_over)}" if passed_over else ""
            raise UsageError(
                f"data.path: no images under {shown(folder)}{there}; image files end in "
                f"{', '.join(sorted(image_suffixes()))}"
            )
        names = [shown(path.relative_to(self.root)) for path in files]
        return Part(np.array(labels, dtype=np.int64), names, lambda i: Image.open(files[i]))


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in image_suffixes()


def _listed(folders: list[Path]) -> str:
    return ", ".join(shown(folder.name) for folder in folders)
