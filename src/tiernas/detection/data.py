"""The splits of a data set, decoded once to the size of a detector's input."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tiernas.detection.coco import Annotations, CocoImage, FloatArray, read_annotations
from tiernas.detection.detector import Target
from tiernas.detection.pictures import Pictures, decode
from tiernas.errors import UsageError
from tiernas.storage import read_tensors, write_tensors
from tiernas.training.once import made_once
from tiernas.training.stored_pixels import PixelFile

_FORMAT = 1
"""Increased when the same files would be decoded differently."""

_HUGE = 8
"""Images with a side this many times that of the input are noted: what is smaller in them is less than a pixel."""

_NAMED = 3
"""Number of images that a message names."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SplitFiles:
    """The files of one split.

    Attributes:
        annotations: The JSON file.
        images: The folder or zip archive of its images.
    """

    annotations: Path
    images: Path


@dataclass(frozen=True, slots=True, eq=False)
class DetectionSplit:
    """One split in memory.

    Attributes:
        annotations: What the file says.
        pixels: `(n, 3, height, width)` uint8, RGB, mapped from a file; channels last.
        targets: What each image shows, in pixels of the input.
        scales: `(n, 4)`: factors from corners in the input to corners in the original image.
        digest: 16 hexadecimal digits of annotations and pixels.
    """

    annotations: Annotations
    pixels: Tensor
    targets: tuple[Target, ...]
    scales: Tensor
    digest: str

    def __len__(self) -> int:
        return len(self.targets)

    def batch(self, rows: Tensor) -> tuple[Tensor, list[Target]]:
        """Images `(k, 3, height, width)` uint8 and targets of some positions, `(k,)` int64."""
        images = self.pixels.permute(0, 2, 3, 1).index_select(0, rows).permute(0, 3, 1, 2)
        return images, [self.targets[row] for row in rows.tolist()]

    def in_original(self, detections: Tensor, row: int) -> FloatArray:
        """Detections `(m, 6)` of an image with corners in pixels of the original image."""
        return torch.cat((detections[:, :4] * self.scales[row], detections[:, 4:]), dim=1).numpy()


@dataclass(frozen=True, slots=True, eq=False)
class DetectionData:
    """A data set.

    Attributes:
        train: The split that detectors learn from.
        validation: The split that is evaluated after every epoch.
        test: The split for the final evaluation; None if there is none.
        digest: 16 hexadecimal digits of all of it.
        notes: What the user should know: one line for each kind.
    """

    train: DetectionSplit
    validation: DetectionSplit
    test: DetectionSplit | None
    digest: str
    notes: tuple[str, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the labels."""
        return self.train.annotations.classes


def load_detection_data(
    train: SplitFiles, validation: SplitFiles, test: SplitFiles | None, image_size: tuple[int, int], cache_dir: Path
) -> DetectionData:
    """Reads annotations and images; images are decoded only once.

    Args:
        train: Files of the training split.
        validation: Files of the validation split.
        test: Files of the test split, if there is one.
        image_size: Height and width to which images are scaled.
        cache_dir: Folder of decoded images.

    Raises:
        UsageError: Something cannot be used; the message says what and where.
    """
    files = {"train": train, "validation": validation} | ({} if test is None else {"test": test})
    read = {name: read_annotations(split.annotations) for name, split in files.items()}
    if not any(len(image.boxes) for image in read["train"].images):
        raise UsageError(f"{train.annotations}: has no box to learn from")
    for other in read.values():
        _require_same_classes(read["train"], other)
    splits = {name: _split(read[name], split.images, image_size, cache_dir) for name, split in files.items()}
    notes = [*read["train"].notes]
    for name, found in read.items():
        if name != "train":
            notes += found.notes
        notes += _huge(found, image_size)
    digest = hashlib.sha256(" ".join(split.digest for split in splits.values()).encode()).hexdigest()[:16]
    return DetectionData(splits["train"], splits["validation"], splits.get("test"), digest, tuple(notes))


def _require_same_classes(train: Annotations, other: Annotations) -> None:
    ours, theirs = (dict(zip(some.category_ids, some.classes, strict=True)) for some in (train, other))
    if ours != theirs:
        differing = sorted({name for _, name in ours.items() ^ theirs.items()})
        raise UsageError(
            f"{other.path}: its categories are not those of {train.path}; they differ in: {', '.join(differing)}"
        )


def _huge(annotations: Annotations, image_size: tuple[int, int]) -> Iterator[str]:
    height, width = image_size
    huge = [i for i in annotations.images if i.width > _HUGE * width or i.height > _HUGE * height]
    if huge:
        named = ", ".join(f"{i.file_name} ({i.width} x {i.height})" for i in huge[:_NAMED])
        more = ", ..." if len(huge) > _NAMED else ""
        yield (
            f"{annotations.path}: {len(huge)} images are more than {_HUGE} times as large as the input, {height} x "
            f"{width} pixels, in which objects of fewer than {_HUGE} pixels disappear: {named}{more}"
        )


def _split(annotations: Annotations, images: Path, image_size: tuple[int, int], cache_dir: Path) -> DetectionSplit:
    pictures = Pictures(images)
    if missing := pictures.missing([image.file_name for image in annotations.images]):
        named = f"{', '.join(missing[:_NAMED])}{', ...' if len(missing) > _NAMED else ''}"
        raise UsageError(f"{annotations.path}: {len(missing)} of its images are not in {images}: {named}")
    shape = (len(annotations.images), *image_size, 3)
    path = cache_dir / f"detection-{_key(annotations, images, image_size)}.safetensors"
    stored = made_once(path, partial(_read, shape), partial(_decode, path, pictures, annotations, shape), _write)
    pixels, digest = stored
    height, width = image_size
    return DetectionSplit(
        annotations,
        pixels.permute(0, 3, 1, 2),
        tuple(_target(image, height, width) for image in annotations.images),
        torch.tensor([[i.width / width, i.height / height] * 2 for i in annotations.images], dtype=torch.float32),
        digest,
    )


def _target(image: CocoImage, height: int, width: int) -> Target:
    scale = np.array([width / image.width, height / image.height] * 2, np.float32)
    return {"boxes": torch.from_numpy(image.boxes * scale), "labels": torch.from_numpy(image.labels)}


_Stored = tuple[Tensor, str]


def _decode(path: Path, pictures: Pictures, annotations: Annotations, shape: tuple[int, ...]) -> _Stored:
    _log.info("decoding %d images of %s", len(annotations.images), pictures.path)
    file = path.with_suffix(".pixels")
    try:
        pixels = PixelFile(file).create(shape)
        decode(pictures, annotations.images, pixels)
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error}; free some space or choose another folder") from error
    except BaseException:
        file.unlink(missing_ok=True)
        raise
    sha = hashlib.sha256(annotations.path.read_bytes())
    for image in pixels:
        sha.update(image.data)
    return torch.from_numpy(pixels), sha.hexdigest()[:16]


def _write(path: Path, stored: _Stored) -> None:
    write_tensors(path, {}, {"digest": stored[1]})


def _read(shape: Sequence[int], path: Path) -> _Stored | None:
    stored = read_tensors(path)
    pixels = PixelFile(path.with_suffix(".pixels")).map(tuple(shape))
    return None if stored is None or pixels is None else (pixels, str(stored[1]["digest"]))


def _key(annotations: Annotations, images: Path, image_size: tuple[int, int]) -> str:
    """What decoding depends on: annotations, size, and the time and length of the archive or of each file."""
    sha = hashlib.sha256(f"{_FORMAT} {image_size} {images.absolute()}".encode())
    sha.update(annotations.path.read_bytes())
    files = [images / image.file_name for image in annotations.images] if images.is_dir() else [images]
    for file in files:
        status = file.stat()
        sha.update(f"{status.st_size} {status.st_mtime_ns} ".encode())
    return sha.hexdigest()[:16]
