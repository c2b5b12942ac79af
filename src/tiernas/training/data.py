"""`load_data`: a configuration to images in memory, in three disjoint parts."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch

from tiernas.errors import UsageError
from tiernas.standalone.preprocessing import Pixels
from tiernas.training.cache import DataCache, Room
from tiernas.training.data_config import DEFAULT_SIZE, DataConfig
from tiernas.training.decoding import Damaged, decode, kept_size
from tiernas.training.images import ImageSet, Splits, channels_last, digest_of
from tiernas.training.memory import machine_memory_bytes
from tiernas.training.sources import Part, Source, open_source
from tiernas.training.sources.source import IntArray
from tiernas.training.splitting import stratified

_NAMED = 5
"""Damaged images that are named in a message."""

_log = logging.getLogger(__name__)


def load_data(config: DataConfig, cache_dir: Path | None = None) -> Splits:
    """Loads the images of a configuration.

    A split that the source brings is used as it is; one that it does not bring is cut from its training images,
    stratified and fixed by `config.seed`.

    Args:
        config: The images.
        cache_dir: Where decoded images are kept for the next call, also from other processes. Files there are used
            as long as the configuration and the names, sizes and times of the image files are the same; all processes
            of a machine share the memory that they take. If None, images are decoded anew, into memory.

    Raises:
        UsageError: The data cannot be trained on; says why, where and what to do.
        NotInstalledError: A library that the kind is read with is not installed.
    """
    if cache_dir is None:
        return _load(config, _Memory())
    return DataCache(cache_dir).get(config, _load)


class _Memory:
    """Room in the memory of this process."""

    def pixels(self, part: str, shape: tuple[int, ...]) -> Pixels:
        wanted, there = math.prod(shape), machine_memory_bytes()
        if wanted > there:
            raise UsageError(
                f"data: the decoded images of the {part} part take {wanted / 1e9:.1f} GB, and this machine has "
                f"{there / 1e9:.1f} GB; give load_data a cache_dir to keep them on disk, or lower data.image_size"
            )
        return np.empty(shape, np.uint8)

    def record(self, assigned: Iterable[tuple[str, str, str]]) -> None:
        """Nothing is kept."""


def _load(config: DataConfig, room: Room) -> Splits:
    source = open_source(config)
    _check_classes(source)
    rng = np.random.default_rng(config.seed)
    train: IntArray = np.arange(len(source.train.labels))
    test, train = _own_or_cut(source.test, source.train, train, config.test_fraction, rng)
    validation, train = _own_or_cut(source.validation, source.train, train, config.validation_fraction, rng)
    if config.train_limit is not None and config.train_limit < len(train):
        if config.train_limit < len(source.classes):
            raise UsageError(
                f"data.train_limit = {config.train_limit}: there are {len(source.classes)} classes and each needs a "
                f"training image; allowed: {len(source.classes)} to {len(train)}"
            )
        train = train[stratified(source.train.labels[train], config.train_limit, rng, leave=0)[0]]
    size = kept_size(source.train, config.image_size or DEFAULT_SIZE)
    wanted = {
        "train": (source.train, train),
        "validation": (source.validation or source.train, validation),
        "test": (source.test or source.train, test),
    }
    room.record(
        (name, part.names[row], source.classes[part.labels[row]])
        for name, (part, rows) in wanted.items()
        for row in rows.tolist()
    )
    parts: dict[str, ImageSet] = {}
    damaged: list[Damaged] = []
    for name, (part, rows) in wanted.items():
        pixels = room.pixels(name, (len(rows), size, size, 3))
        kept, unread = decode(part, rows, pixels)
        images = channels_last(torch.from_numpy(pixels[: len(kept)]).permute(0, 3, 1, 2))
        parts[name] = ImageSet(images, torch.from_numpy(part.labels[kept]), source.classes)
        damaged += unread
    if damaged:
        _refuse_or_tell(damaged, sum(len(rows) for _, rows in wanted.values()), config)
    skipped = tuple(image.name for image in damaged)
    splits = Splits(**parts, flip_safe=source.flip_safe, skipped=skipped, digest=digest_of(parts.values()))
    _check_after_skipping(splits)
    return splits


def _refuse_or_tell(damaged: Sequence[Damaged], total: int, config: DataConfig) -> None:
    shown = ", ".join(f"{image.name} ({image.reason})" for image in damaged[:_NAMED])
    what = f"{len(damaged)} of {total} images cannot be read: {shown}{', ...' if len(damaged) > _NAMED else ''}"
    if config.on_corrupt == "refuse":
        raise UsageError(f'data: {what}. Remove or replace them, or set data.on_corrupt = "skip" to go on without them')
    _log.warning("%s. They are left out", what)


def _own_or_cut(
    own: Part | None, train: Part, rows: IntArray, fraction: float, rng: np.random.Generator
) -> tuple[IntArray, IntArray]:
    """Rows of a split (of `own`, or of `train` where there is none) and the rows of `train` that remain."""
    if own is not None:
        return np.arange(len(own.labels)), rows
    drawn, left = stratified(train.labels[rows], round(fraction * len(rows)), rng, leave=1)
    return rows[drawn], rows[left]


def _check_classes(source: Source) -> None:
    if len(source.classes) < 2:
        raise UsageError(
            f"data: there is only one class, {source.classes[0]!r}; a classifier needs images of at least two"
        )
    cut = [name for name, own in (("validation", source.validation), ("test", source.test)) if own is None]
    needed = max(2, 1 + len(cut))
    counts = np.bincount(source.train.labels, minlength=len(source.classes))
    short = [f"{name!r} has {n}" for name, n in zip(source.classes, counts, strict=True) if n < needed]
    if short:
        parts = " and ".join(["training", *cut])
        raise UsageError(
            f"data: too few training images of a class: {', '.join(short)}; each needs at least {needed} "
            f"(for {parts}). Add images or remove the class"
        )


def _check_after_skipping(splits: Splits) -> None:
    present = np.bincount(splits.train.labels.numpy(), minlength=len(splits.classes))
    empty = [name for name, n in zip(splits.classes, present, strict=True) if n == 0]
    if empty:
        raise UsageError(f"data: no readable training image of class {empty[0]!r} is left; replace the damaged files")
    for name, count in splits.counts.items():
        if count == 0 and name != "skipped":
            raise UsageError(f"data: no readable image of the {name} split is left; replace the damaged files")
