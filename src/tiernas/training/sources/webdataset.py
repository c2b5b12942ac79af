"""WebDataset shards: tar files in which the files of one image share their name, as in `0001.jpg` and `0001.cls`.

The `webdataset` library streams shards in their order. A search wants to draw splits and to read the same images again,
so the shards are listed once with `tarfile`, and images are read from where they lie in them.
"""

from __future__ import annotations

import io
import json
import os
import re
import tarfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from tiernas.errors import UsageError
from tiernas.training.sources.folder import SUFFIXES
from tiernas.training.sources.source import SPLIT_NAMES, Part, Source, require_labels

_NAME = re.compile(rf"({'|'.join(SPLIT_NAMES)})(?:[-_.].*)?", re.IGNORECASE)
_CLASS_NAMES = "classnames.txt"
"""Names of the classes, one a line, as CLIP benchmark's shards have them."""

_LAYOUT = (
    "tar files <split>-000000.tar or <split>/000000.tar, where <split> is train, validation or test, and in them "
    "0001.jpg with its label in 0001.cls (a number, or the name of the class) or in 0001.json as "
    '{"label": ...}'
)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a file lies within a shard, in bytes."""

    shard: Path
    start: int
    size: int

    def read(self) -> bytes:
        with self.shard.open("rb") as file:
            return os.pread(file.fileno(), self.size, self.start)


@dataclass(frozen=True, slots=True)
class _Sample:
    """An image and its label as it is written."""

    name: str
    image: _Place
    label: str


def open_source(root: Path) -> Source:
    """Lists the images of all shards of a folder; reads them through once.

    Raises:
        UsageError: No shards, one that is damaged, an image without a label, or labels outside the classes.
    """
    shards = _shards(root)
    if "train" not in shards:
        raise UsageError(f"data.path: no training images in {root}; it should hold {_LAYOUT}")
    samples = {split: [s for shard in paths for s in _samples(shard, root)] for split, paths in shards.items()}
    classes = _classes(root, samples)
    number = {name: label for label, name in enumerate(classes)}
    parts = {}
    for split, found in samples.items():
        labels = np.array([_label(sample, number) for sample in found], dtype=np.int64)
        names = [sample.name for sample in found]
        require_labels(labels, names, classes, split, root)
        parts[split] = Part(labels, names, partial(_open, found))
    return Source(classes, parts["train"], parts.get("validation"), parts.get("test"))


def _open(samples: Sequence[_Sample], row: int) -> Image.Image:
    return Image.open(io.BytesIO(samples[row].image.read()))


def _shards(root: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in sorted([*root.glob("*.tar"), *root.glob("*/*.tar")]):
        name = path.stem if path.parent == root else path.parent.name
        if match := _NAME.fullmatch(name):
            found.setdefault(SPLIT_NAMES[match[1].lower()], []).append(path)
    return found


def _samples(shard: Path, root: Path) -> Iterator[_Sample]:
    shown = shard.relative_to(root)
    members: defaultdict[str, dict[str, _Place]] = defaultdict(dict)
    try:
        with tarfile.open(shard, "r:") as tar:
            for member in tar:
                folder, _, file = member.name.rpartition("/")
                key, _, suffix = file.partition(".")
                if member.isfile() and key:
                    place = _Place(shard, member.offset_data, member.size)
                    members[str(PurePosixPath(folder, key))]["." + suffix.lower()] = place
        _require_end(shard)
    except (OSError, tarfile.TarError) as error:
        raise UsageError(f"data.path: cannot read {shard} ({error}); copy or make this tar file again") from error
    for key, files in members.items():
        name = f"{shown}: {key}"
        image = next((files[suffix] for suffix in files if suffix in SUFFIXES), None)
        if image is not None:
            yield _Sample(name, image, _written_label(files, name))


def _require_end(shard: Path) -> None:
    """`tarfile` takes a file that is cut off between two members for a whole one; a whole one ends with zeros."""
    with shard.open("rb") as file:
        file.seek(-tarfile.BLOCKSIZE, os.SEEK_END)
        if file.read() != tarfile.NUL * tarfile.BLOCKSIZE:
            raise tarfile.ReadError("it is cut off")


def _written_label(files: Mapping[str, _Place], name: str) -> str:
    if ".cls" in files:
        return files[".cls"].read().decode(errors="replace").strip()
    if ".json" in files:
        try:
            return str(json.loads(files[".json"].read())["label"])
        except (ValueError, KeyError, TypeError):
            pass
    raise UsageError(f"data.path: {name} has no label; there should be {_LAYOUT}")


def _classes(root: Path, samples: Mapping[str, list[_Sample]]) -> tuple[str, ...]:
    if (path := root / _CLASS_NAMES).exists():
        return tuple(path.read_text(encoding="utf-8").splitlines())
    written = {sample.label for found in samples.values() for sample in found}
    if all(_is_number(label) for label in written):
        return tuple(map(str, range(1 + max(map(int, written), default=-1))))
    return tuple(sorted({sample.label for sample in samples["train"]}))


def _label(sample: _Sample, number: Mapping[str, int]) -> int:
    if _is_number(sample.label):
        return int(sample.label)
    if sample.label not in number:
        raise UsageError(
            f"data.path: {sample.name} is of class {sample.label!r}, which the training images do not have; "
            f"they have: {', '.join(number)}"
        )
    return number[sample.label]


def _is_number(text: str) -> bool:
    return text.lstrip("-").isdecimal()
