"""Annotations in COCO's format, `instances_*.json`, checked."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tiernas.errors import UsageError

FloatArray = npt.NDArray[np.float32]

_NAMED = 3
"""Number of images or annotations that a message names."""

_ROUNDING_PX = 1.0
"""Boxes that reach this far beyond the edge are cut without a note: tools round their corners."""


@dataclass(frozen=True, slots=True)
class CocoImage:
    """An image as the annotations describe it.

    Attributes:
        id: Its number in the file.
        file_name: Its file, relative to the folder or archive of images.
        width: Width in pixels.
        height: Height in pixels.
        boxes: `(k, 4)` corners x1, y1, x2, y2 in pixels, within the image; without crowds.
        labels: `(k,)` positions in the categories.
    """

    id: int
    file_name: str
    width: int
    height: int
    boxes: FloatArray
    labels: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Annotations:
    """The annotations of one split.

    Attributes:
        path: The file.
        images: Its images, in the order of the file.
        category_ids: Numbers of the categories, increasing; they may have gaps.
        classes: Their names.
        ground_truth: The file as COCO's measure reads it, with crowds and with boxes that cannot be learned.
        notes: What the user should know: one line for each kind.
    """

    path: Path
    images: tuple[CocoImage, ...]
    category_ids: tuple[int, ...]
    classes: tuple[str, ...]
    ground_truth: Mapping[str, Any]
    notes: tuple[str, ...]


def read_annotations(path: Path) -> Annotations:
    """Reads and checks a file of annotations.

    Boxes without area or outside of their image are left out and noted; crowds are left out.

    Args:
        path: The JSON file.

    Raises:
        UsageError: It is missing or not in COCO's format, an id is not unique, an annotation refers to an image or
            category that the file does not list, or there are no images.
    """
    document = _document(path)
    images, categories, annotations = (_records(document, key, path) for key in ("images", "categories", "annotations"))
    if not images:
        raise UsageError(f"{path}: lists no images; an empty split cannot be used")
    if not categories:
        raise UsageError(f"{path}: lists no categories; a detector needs at least one")
    for key, records in (("image", images), ("category", categories), ("annotation", annotations)):
        _require_unique(key, [record["id"] for record in records], path)
    _require_unique("file_name", [record["file_name"] for record in images], path)
    categories = sorted(categories, key=lambda category: category["id"])
    label_of = {category["id"]: label for label, category in enumerate(categories)}
    _require_known("image_id", "image", {image["id"] for image in images}, annotations, path)
    _require_known("category_id", "category", label_of, annotations, path)
    boxes = _Boxes(path, images)
    for annotation in annotations:
        boxes.add(annotation, label_of[annotation["category_id"]])
    names = tuple(str(category["name"]) for category in categories)
    return Annotations(
        path,
        tuple(boxes.of(image) for image in images),
        tuple(label_of),
        names,
        _ground_truth(images, categories, annotations),
        tuple(boxes.notes(names)),
    )


class _Boxes:
    """Collects the boxes of each image, and what is wrong with them."""

    def __init__(self, path: Path, images: Sequence[Mapping[str, Any]]) -> None:
        self._path = path
        self._sizes = {image["id"]: (image["width"], image["height"]) for image in images}
        self._boxes: dict[Any, list[list[float]]] = {image["id"]: [] for image in images}
        self._labels: dict[Any, list[int]] = {image["id"]: [] for image in images}
        self._flat: list[int] = []
        self._outside: list[int] = []
        self._beyond: list[int] = []

    def add(self, annotation: Mapping[str, Any], label: int) -> None:
        if annotation.get("iscrowd"):
            return
        x, y, w, h = annotation["bbox"]
        width, height = self._sizes[annotation["image_id"]]
        if w <= 0 or h <= 0:
            self._flat.append(annotation["id"])
            return
        corners = [max(x, 0.0), max(y, 0.0), min(x + w, float(width)), min(y + h, float(height))]
        if corners[0] >= corners[2] or corners[1] >= corners[3]:
            self._outside.append(annotation["id"])
            return
        if max(-x, -y, x + w - width, y + h - height) > _ROUNDING_PX:
            self._beyond.append(annotation["id"])
        self._boxes[annotation["image_id"]].append(corners)
        self._labels[annotation["image_id"]].append(label)

    def of(self, image: Mapping[str, Any]) -> CocoImage:
        boxes = np.asarray(self._boxes[image["id"]], np.float32).reshape(-1, 4)
        labels = np.asarray(self._labels[image["id"]], np.int64)
        return CocoImage(image["id"], image["file_name"], image["width"], image["height"], boxes, labels)

    def notes(self, classes: Sequence[str]) -> Iterator[str]:
        for ids, what in (
            (self._flat, "without area, which cannot be learned and are left out"),
            (self._outside, "outside of their image, which are left out"),
            (self._beyond, "that reach beyond the edge of their image, where they are cut"),
        ):
            if ids:
                yield f"{self._path}: {len(ids)} boxes {what}: annotations {_named(ids)}"
        there = {label for labels in self._labels.values() for label in labels}
        if missing := [name for label, name in enumerate(classes) if label not in there]:
            yield f"{self._path}: categories without a box: {_named(missing)}"


def _document(path: Path) -> Mapping[str, Any]:
    try:
        document = json.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError as error:
        raise UsageError(f"{path}: there is no such file of annotations") from error
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path}: cannot be read as JSON ({error})") from error
    if not isinstance(document, dict) or not {"images", "annotations", "categories"} <= document.keys():
        raise UsageError(f"{path}: is not in COCO's format: an object with images, annotations and categories")
    return document


_KEYS: Mapping[str, Mapping[str, type | tuple[type, ...]]] = {
    "images": {"id": int, "file_name": str, "width": int, "height": int},
    "categories": {"id": int, "name": str},
    "annotations": {"id": int, "image_id": int, "category_id": int, "bbox": list},
}


def _records(document: Mapping[str, Any], key: str, path: Path) -> list[Mapping[str, Any]]:
    records = document[key]
    if not isinstance(records, list):
        raise UsageError(f"{path}: {key} must be a list")
    for number, record in enumerate(records):
        for name, kind in _KEYS[key].items():
            if not isinstance(record, dict) or not isinstance(record.get(name), kind):
                raise UsageError(f"{path}: {key}[{number}] has no {name}, or one of the wrong type")
        if key == "annotations" and not _is_box(record["bbox"]):
            raise UsageError(
                f"{path}: annotation {record['id']}: bbox = {record['bbox']}: must be [x, y, width, height] in pixels"
            )
        if key == "images" and min(record["width"], record["height"]) < 1:
            raise UsageError(f"{path}: image {record['id']}: {record['width']} x {record['height']} pixels is no size")
    return records


def _is_box(values: Sequence[object]) -> bool:
    return len(values) == 4 and all(isinstance(v, int | float) and math.isfinite(v) for v in values)


def _require_unique(what: str, ids: Sequence[Hashable], path: Path) -> None:
    if twice := [found for found, count in Counter(ids).items() if count > 1]:
        of = what if what == "file_name" else f"{what} id"
        raise UsageError(f"{path}: the same {of} occurs more than once: {_named(twice)}; number them anew")


def _require_known(
    key: str, what: str, known: Iterable[Hashable], annotations: Sequence[Mapping[str, Any]], path: Path
) -> None:
    there = set(known)
    unknown = [annotation for annotation in annotations if annotation[key] not in there]
    if unknown:
        listed = _named(sorted({annotation[key] for annotation in unknown}))
        raise UsageError(
            f"{path}: {len(unknown)} annotations have a {key} that the file lists no {what} for: {listed}; "
            "add it to the file or remove the annotations"
        )


def _ground_truth(
    images: Sequence[Mapping[str, Any]],
    categories: Sequence[Mapping[str, Any]],
    annotations: Sequence[Mapping[str, Any]],
) -> Mapping[str, Any]:
    """What pycocotools needs; areas and crowds that are not stated are filled in, as COCO defines them."""
    complete = [
        {
            "id": a["id"],
            "image_id": a["image_id"],
            "category_id": a["category_id"],
            "bbox": a["bbox"],
            "area": a.get("area", a["bbox"][2] * a["bbox"][3]),
            "iscrowd": int(bool(a.get("iscrowd", 0))),
        }
        for a in annotations
    ]
    return {"images": [{"id": i["id"]} for i in images], "categories": list(categories), "annotations": complete}


def _named(found: Sequence[object]) -> str:
    return f"{', '.join(map(str, found[:_NAMED]))}{', ...' if len(found) > _NAMED else ''}"
