"""A data set as found: counts, sizes, balance and copies, without decoding it."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from tiernas.errors import UsageError
from tiernas.image_files import counted
from tiernas.proportions import least_difference
from tiernas.training.assignment import assigned_rows
from tiernas.training.data_config import DataConfig
from tiernas.training.data_size import DataSize
from tiernas.training.decoding import kept_size, pillow_silenced
from tiernas.training.sources import Part, Source

_LOOKED_AT = 20_000
"""Number of images that are opened, evenly spread over the data; takes some seconds."""

_UNBALANCED = 10
"""Classes whose sizes differ by more than this factor are reported."""

_NOISE_POINTS = 5
"""Validation images are reported as few if they cannot tell accuracies apart that differ by this many points."""

_NAMED = 3
"""Number of images that a line names."""

_ANY_SIZE = 2**31


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is known of a data set without decoding it.

    Attributes:
        config: The data set.
        counts: Number of images of each class, in all splits.
        splits: Number of images of "train", "validation" and "test", after missing splits were drawn.
        chance: Share of the most frequent class among the validation images, 0 to 1.
        typical_px: Median length of the shorter side of the images opened, in pixels.
        largest_px: Largest shorter side, in pixels.
        opened: Number of images opened, evenly spread over the data.
        unreadable: Names of those that cannot be opened.
        copies: Images among them that equal an earlier one byte for byte, as "copy = original".
        passed_over: What is skipped, in words; empty if nothing is.
    """

    config: DataConfig
    counts: Mapping[str, int]
    splits: Mapping[str, int]
    chance: float
    typical_px: int
    largest_px: int
    opened: int
    unreadable: Sequence[str] = ()
    copies: Sequence[str] = ()
    passed_over: str = ""

    @classmethod
    def of(cls, source: Source, config: DataConfig) -> Inspection:
        """Inspects an opened data set.

        Raises:
            UsageError: It cannot be split as configured, or none of the images can be opened.
        """
        assigned = assigned_rows(source, config)
        part, rows = assigned["validation"]
        validation = np.bincount(part.labels[rows])
        parts = [part for part in (source.train, source.validation, source.test) if part is not None]
        with pillow_silenced():
            seen, unreadable = _opened(parts)
            copies = list(_copies(seen))
        if not seen:
            raise UsageError(f"data: none of the images can be read, such as {unreadable[0]}")
        return cls(
            config=config,
            counts=class_counts(source),
            splits={name: len(rows) for name, (_, rows) in assigned.items()},
            chance=float(validation.max() / validation.sum()),
            typical_px=int(np.median([min(found.size) for found in seen])),
            largest_px=kept_size(source.train, _ANY_SIZE),
            opened=len(seen) + len(unreadable),
            unreadable=unreadable,
            copies=copies,
            passed_over=counted(source.passed_over),
        )

    def size(self, largest_px: int) -> DataSize:
        """The size of the data set if images are kept at no more than this many pixels."""
        return DataSize(
            **self.splits,
            classes=len(self.counts),
            image_size=min(largest_px, self.largest_px),
            chance=self.chance,
        )

    @property
    def words(self) -> str:
        """A description in one line."""
        fewest, most = min(self.counts.values()), max(self.counts.values())
        of_a_class = f"{fewest}" if fewest == most else f"{fewest} to {most}"
        splits = self.splits
        return (
            f"{sum(self.counts.values())} images of {len(self.counts)} classes ({of_a_class} of each): "
            f"{splits['train']} for training, {splits['validation']} for validation, {splits['test']} for the test; "
            f"their shorter side is typically {self.typical_px} px"
        )

    @property
    def warnings(self) -> Iterator[str]:
        """What the user should know before a search, a line each."""
        looked_at = f"of {self.opened} images opened, " if self.opened < sum(self.counts.values()) else ""
        if self.passed_over:
            yield f"skipped: {self.passed_over}"
        if self.unreadable:
            yield (
                f"{looked_at}{len(self.unreadable)} cannot be read ({_named(self.unreadable)}): remove or replace "
                'them, or set data.on_corrupt = "skip"'
            )
        if self.copies:
            are = "is a copy" if len(self.copies) == 1 else "are copies"
            yield (
                f"{looked_at}{len(self.copies)} {are} of another one ({_named(self.copies)}): copies in two splits "
                "make accuracies too high"
            )
        (rare, fewest), *_, (frequent, most) = sorted(self.counts.items(), key=lambda item: item[1])
        if most > _UNBALANCED * fewest:
            yield (
                f"classes differ in size: {most} images of {frequent!r}, {fewest} of {rare!r}; judge networks by their "
                "class mean too"
            )
        points = 100 * least_difference(self.splits["validation"])
        if points > _NOISE_POINTS:
            yield (
                f"{self.splits['validation']} validation images can only tell networks apart whose accuracies differ "
                f"by about {points:.0f} points or more"
            )


def class_counts(source: Source) -> dict[str, int]:
    """Number of images of each class, in all splits."""
    parts = [part for part in (source.train, source.validation, source.test) if part is not None]
    found = sum(np.bincount(part.labels, minlength=len(source.classes)) for part in parts)
    return dict(zip(source.classes, np.asarray(found).tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class _Seen:
    part: Part
    row: int
    size: tuple[int, int]
    length_bytes: int

    @property
    def name(self) -> str:
        return self.part.names[self.row]


def _opened(parts: Sequence[Part]) -> tuple[list[_Seen], list[str]]:
    """Images across all splits, as far as they can be opened, and the names of the others."""
    seen: list[_Seen] = []
    unreadable: list[str] = []
    total = sum(len(part.labels) for part in parts)
    for part in parts:
        count = len(part.labels)
        wanted = min(count, max(1, _LOOKED_AT * count // total))
        for row in np.unique(np.linspace(0, count - 1, wanted).astype(int)).tolist():
            try:
                with part.read(row) as image:
                    seen.append(_Seen(part, row, image.size, _length_bytes(image)))
            except Exception:  # Pillow raises anything for damaged files
                unreadable.append(part.names[row])
    return seen, unreadable


def _copies(seen: Sequence[_Seen]) -> Iterator[str]:
    """Images that equal an earlier one; only those of the same size and length are read."""
    alike: defaultdict[Hashable, list[_Seen]] = defaultdict(list)
    for found in seen:
        alike[found.size, found.length_bytes].append(found)
    for group in alike.values():
        first: dict[bytes, _Seen] = {}
        for found in group if len(group) > 1 else ():
            original = first.setdefault(_content_digest(found), found)
            if original is not found:
                yield f"{found.name} = {original.name}"


def _length_bytes(image: Image.Image) -> int:
    """Length of the open file of an image; 0 if it has none."""
    file = _file_of(image)
    return 0 if file is None else int(file.seek(0, 2))


def _file_of(image: Image.Image) -> Any:
    file = getattr(image, "fp", None)
    return None if file is None or file.closed else file


def _content_digest(found: _Seen) -> bytes:
    with found.part.read(found.row) as image:
        file = _file_of(image)
        if file is None:
            content = image.tobytes()
        else:
            file.seek(0)
            content = file.read()
    return hashlib.blake2b(content, digest_size=16).digest()


def _named(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
