"""`load_data`: from a configuration to images in memory, in three disjoint splits."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from tiernas.errors import UsageError
from tiernas.standalone.preprocessing import Pixels
from tiernas.training.assignment import assigned_rows
from tiernas.training.cache import DataCache, Room
from tiernas.training.data_config import DEFAULT_SIZE, DataConfig
from tiernas.training.decoding import DamagedImage, Decoded, decode, kept_size
from tiernas.training.images import ImageSet, Splits, channels_last, digest_of
from tiernas.training.memory import machine_memory_bytes
from tiernas.training.notes import notes_on
from tiernas.training.sources import Part, Source, open_source

_NAMED = 5
"""Number of damaged images listed in a message."""

_log = logging.getLogger(__name__)


def load_data(config: DataConfig, cache_dir: Path | None = None, *, tell: bool = True) -> Splits:
    """Loads the images of a configuration.

    A split that the source provides is used as it is; a missing one is drawn from the training images, stratified and
    fixed by `config.seed`.

    Args:
        config: The images.
        cache_dir: Where decoded images are kept for later calls, also from other processes. The files are used as long
            as the configuration and the names, sizes and times of the image files do not change; all processes of a
            machine share their memory. If None, images are decoded into memory each time.
        tell: Whether to log the classes and `Splits.notes`.

    Raises:
        UsageError: The data cannot be used for training; the message says why, where and how to fix it.
        NotInstalledError: A library that reads this kind of data is not installed.
    """
    splits = _load(config, _Memory()) if cache_dir is None else DataCache(cache_dir).get(config, _load)
    if tell:
        _log.info("data: %d classes: %s", len(splits.classes), ", ".join(splits.classes))
        for note in splits.notes:
            _log.warning("data: %s", note)
    return splits


class _Memory:
    """Storage in the memory of this process."""

    def pixels(self, part: str, shape: tuple[int, ...]) -> Pixels:
        wanted, there = math.prod(shape), machine_memory_bytes()
        if wanted > there:
            raise UsageError(
                f"data: the decoded images of the {part} split take {wanted / 1e9:.1f} GB, and this machine has "
                f"{there / 1e9:.1f} GB; give load_data a cache_dir to keep them on disk, or lower data.image_size"
            )
        return np.empty(shape, np.uint8)

    def record(self, rows: Iterable[tuple[str, str, str, str]]) -> None:
        """Does nothing."""


def _load(config: DataConfig, room: Room) -> Splits:
    source = open_source(config)
    assigned = assigned_rows(source, config)
    size = kept_size(source.train, config.image_size or DEFAULT_SIZE)
    parts: dict[str, ImageSet] = {}
    decoded: dict[str, Decoded] = {}
    for name, (part, rows) in assigned.items():
        pixels = room.pixels(name, (len(rows), size, size, 3))
        decoded[name] = found = decode(part, rows, pixels)
        images = channels_last(torch.from_numpy(pixels[: len(found.rows)]).permute(0, 3, 1, 2))
        parts[name] = ImageSet(images, torch.from_numpy(part.labels[found.rows]), source.classes)
    damaged = [image for found in decoded.values() for image in found.damaged]
    total = sum(len(rows) for _, rows in assigned.values())
    if damaged and config.on_corrupt == "refuse":
        raise UsageError(
            f'data: {_unreadable(damaged, total)}. Remove or replace them, or set data.on_corrupt = "skip" to skip them'
        )
    splits = Splits(
        **parts,
        flip_safe=source.flip_safe,
        skipped=tuple(image.name for image in damaged),
        digest=digest_of(parts.values()),
        notes=(
            *([f"{_unreadable(damaged, total)}. They are skipped"] if damaged else []),
            *notes_on(source, {name: (part, decoded[name]) for name, (part, _) in assigned.items()}),
        ),
    )
    _check_after_skipping(splits)
    room.record(_listed(source, {name: (part, decoded[name]) for name, (part, _) in assigned.items()}))
    return splits


def _listed(source: Source, parts: Mapping[str, tuple[Part, Decoded]]) -> Iterator[tuple[str, str, str, str]]:
    """Split, image, class and, for unused images, the reason."""
    for name, (part, decoded) in parts.items():
        yield from ((name, part.names[row], source.classes[part.labels[row]], "") for row in decoded.rows.tolist())
    for _, decoded in parts.values():
        yield from (("", image.name, "", f"cannot be read: {image.reason}") for image in decoded.damaged)
    for item in source.passed_over:
        yield "", item.name, "", f"{item.reason} {item.kind}".rstrip()


def _unreadable(damaged: Sequence[DamagedImage], total: int) -> str:
    shown = ", ".join(f"{image.name} ({image.reason})" for image in damaged[:_NAMED])
    return f"{len(damaged)} of {total} images cannot be read: {shown}{', ...' if len(damaged) > _NAMED else ''}"


def _check_after_skipping(splits: Splits) -> None:
    present = np.bincount(splits.train.labels.numpy(), minlength=len(splits.classes))
    empty = [name for name, n in zip(splits.classes, present, strict=True) if n == 0]
    if empty:
        raise UsageError(f"data: no readable training image of class {empty[0]!r} is left; replace the damaged files")
    for name, count in splits.counts.items():
        if count == 0 and name != "skipped":
            raise UsageError(f"data: no readable image of the {name} split is left; replace the damaged files")
