"""WebDataset shards: tar files in which the files of one image share their name, as in `0001.jpg` and `0001.cls`.

The `webdataset` library streams shards in their order. A search needs to draw splits and read the same images again, so
the shards are listed once with `tarfile`, and images are read at their position in the shards.

As in that library, the part of a file's name before the first dot is the key of its sample, and the rest is the field.
`a.b.jpg` is the field `b.jpg` of sample `a`; only if its label has the same long name, as `a.b.cls`, is it a sample of
its own.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from PIL import Image

from tiernas.errors import UsageError
from tiernas.image_files import PassedOver, files_below, image_suffixes, is_hidden, shown
from tiernas.training.data_config import DataConfig
from tiernas.training.sources.labels import Labelled, Written, numbered, written_label
from tiernas.training.sources.source import Part, Source, existing_folder
from tiernas.training.sources.split_names import split_of, split_within

_CLASS_NAMES = "classnames.txt"
"""Names of the classes, one per line, as in the shards of CLIP benchmark."""

_LAYOUT = (
    "tar files <split>-000000.tar or <split>/000000.tar, where <split> is train, validation or test, and in them "
    "0001.jpg with its label in 0001.cls (a number, or the name of the class) or in 0001.json as "
    '{"label": ...}'
)
_LABEL_FILES = (".cls", ".json")


@dataclass(frozen=True, slots=True)
class _Place:
    """The position of a file within a shard, in bytes."""

    shard: Path
    start: int
    size: int

    def read(self) -> bytes:
        with self.shard.open("rb") as file:
            return os.pread(file.fileno(), self.size, self.start)


@dataclass(frozen=True, slots=True)
class _Sample:
    """An image and its label as written; a `.cls` file does not distinguish numbers from names."""

    name: str
    image: _Place
    label: Written
    from_cls: bool


def open_source(config: DataConfig) -> Source:
    """Lists the images of all shards of a folder; reads each shard once.

    Raises:
        UsageError: There are no shards, one is damaged, an image has no label or several, a sample occurs twice, or
            labels are outside the classes.
    """
    root = existing_folder(config.path)
    passed_over: list[PassedOver] = []
    shards = _shards(root, passed_over)
    if "train" not in shards:
        raise UsageError(f"data.path: no training images in {shown(root)}; it should hold {_LAYOUT}")
    samples = {
        split: [sample for shard in paths for sample in _samples(shard, root, passed_over)]
        for split, paths in shards.items()
    }
    labelled = _labelled(samples)
    classes, labels = numbered(labelled, _class_names(root), root)
    parts = {
        split: Part(labels[split], labelled[split].names, partial(_open, found)) for split, found in samples.items()
    }
    return Source(classes, parts["train"], parts.get("validation"), parts.get("test"), passed_over=tuple(passed_over))


def _open(samples: Sequence[_Sample], row: int) -> Image.Image:
    return Image.open(io.BytesIO(samples[row].image.read()))


def _shards(root: Path, passed_over: list[PassedOver]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    listing = files_below(root, root)
    passed_over += listing.passed_over
    for path in sorted(listing.files, key=lambda path: (len(path.relative_to(root).parts), path)):
        name = path.stem if path.parent == root else path.parent.name
        split = split_of(name) or split_within(name)
        if path.suffix.lower() == ".tar" and split and len(path.relative_to(root).parts) <= 2:
            found.setdefault(split, []).append(path)
        elif path != root / _CLASS_NAMES:
            what = "tar files of no split" if path.suffix.lower() == ".tar" else "no tar files"
            passed_over.append(PassedOver(shown(path.relative_to(root)), what, shown(path.suffix.lower())))
    return found


def _samples(shard: Path, root: Path, passed_over: list[PassedOver]) -> list[_Sample]:
    members: defaultdict[str, dict[str, _Place]] = defaultdict(dict)
    where = shown(shard.relative_to(root))
    try:
        with tarfile.open(shard, "r:") as tar:
            for member in tar:
                if member.isdir():
                    continue
                path = PurePosixPath(member.name)
                key, dot, field = path.name.partition(".")
                name = f"{where}: {shown(path)}"
                if any(map(is_hidden, path.parts)):
                    passed_over.append(PassedOver(name, "hidden"))
                    continue
                if not member.isfile():
                    passed_over.append(PassedOver(name, "links and other members of shards that are not files"))
                    continue
                if not key:
                    passed_over.append(PassedOver(name, "files of shards without a name"))
                    continue
                fields, suffix = members[str(path.with_name(key))], (dot + field).lower()
                if suffix in fields:
                    raise UsageError(f"data.path: {name} occurs twice in this shard; keep one, or give each a key")
                fields[suffix] = _Place(shard, member.offset_data, member.size)
        _require_end(shard)
    except (OSError, tarfile.TarError) as error:
        raise UsageError(
            f"data.path: cannot read {shown(shard)} ({error}); copy or make this tar file again"
        ) from error
    return [
        sample for key, fields in members.items() for sample in _of_key(f"{where}: {shown(key)}", fields, passed_over)
    ]


def _of_key(name: str, fields: Mapping[str, _Place], passed_over: list[PassedOver]) -> list[_Sample]:
    """The samples of the files that share the part before the first dot: one, or those with longer names."""
    images = [field for field in fields if "." + field.rpartition(".")[2] in image_suffixes()]
    plain = [field for field in images if field.count(".") == 1]
    dotted = [field for field in images if field not in plain]
    own = [field for field in dotted if any(_stem(field) + label in fields for label in _LABEL_FILES)]
    rest = plain or [field for field in dotted if field not in own]
    samples = [
        _Sample(name + _stem(field), fields[field], *_label(fields, _stem(field), name + _stem(field))) for field in own
    ]
    if len(rest) > 1:
        raise UsageError(
            f"data.path: {name} has several images ({', '.join(rest)}), and it is unclear which one its label is for. "
            "The part of a name before the first dot is the sample. Keep one image, or rename the files without dots"
        )
    if rest:
        samples.append(_Sample(name, fields[rest[0]], *_label(fields, "", name)))
    used = {*own, *rest}
    passed_over += [PassedOver(name + field, "further images of samples") for field in images if field not in used]
    if not samples:
        passed_over.append(PassedOver(name, "samples without an image", " ".join(sorted(fields))))
    return samples


def _stem(field: str) -> str:
    return field.rpartition(".")[0]


def _require_end(shard: Path) -> None:
    """`tarfile` accepts a file that is truncated between two members; a complete one ends with zeros."""
    with shard.open("rb") as file:
        file.seek(-tarfile.BLOCKSIZE, os.SEEK_END)
        if file.read() != tarfile.NUL * tarfile.BLOCKSIZE:
            raise tarfile.ReadError("it is truncated")


def _label(fields: Mapping[str, _Place], stem: str, name: str) -> tuple[Written, bool]:
    """The label of a sample, and whether it comes from a `.cls`."""
    written, described = (fields.get(stem + suffix) for suffix in _LABEL_FILES)
    try:
        if written is not None:
            return written_label(written.read().decode("utf-8-sig"), name, f"its {stem}.cls"), True
        if described is not None:
            return written_label(json.loads(described.read())["label"], name, f"its {stem}.json"), False
    except UsageError:
        raise
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        what = "JSON without a label" if isinstance(error, KeyError | TypeError) else f"a damaged label ({error})"
        raise UsageError(f"data.path: {name} has {what}; there should be {_LAYOUT}") from error
    raise UsageError(f"data.path: {name} has no label; there should be {_LAYOUT}")


def _labelled(samples: Mapping[str, list[_Sample]]) -> dict[str, Labelled]:
    """Labels of `.cls` files are numbers if all of them look like numbers, as in `webdataset`; else all are names."""
    are_numbers = all(_is_number(s.label) for found in samples.values() for s in found if s.from_cls)
    return {
        split: Labelled([_number(s) if s.from_cls and are_numbers else s.label for s in found], [s.name for s in found])
        for split, found in samples.items()
    }


def _number(sample: _Sample) -> Written:
    try:
        return written_label(int(sample.label), sample.name, "its .cls")
    except UsageError:
        raise
    except ValueError as error:
        raise UsageError(f"data.path: {sample.name} has a damaged label ({error})") from error


def _class_names(root: Path) -> tuple[str, ...] | None:
    path = root / _CLASS_NAMES
    if not path.exists():
        return None
    try:
        names = path.read_text(encoding="utf-8-sig").rstrip().splitlines()
    except (OSError, ValueError) as error:
        raise UsageError(f"data.path: cannot read {shown(path)} ({error}); it should be UTF-8 text") from error
    if "" in (stripped := [name.strip() for name in names]) or not names:
        line = stripped.index("") + 1 if names else 1
        raise UsageError(
            f"data.path: line {line} of {shown(path)} is empty; it should list one class per line, in their order"
        )
    return tuple(stripped)


def _is_number(label: Written) -> bool:
    text = str(label)
    return text.removeprefix("-").isdecimal() and text.isascii()
