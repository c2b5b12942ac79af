from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.detection.conftest import HEIGHT, WIDTH, Change, write_coco

from tiernas.detection.augmentation import BoxAugmentation
from tiernas.detection.coco import read_annotations
from tiernas.detection.data import SplitFiles, load_detection_data
from tiernas.detection.recipe import DetectionRecipe
from tiernas.errors import UsageError

SIZE = (24, 32)


def bbox(number: int, box: list[Any]) -> Change:
    return lambda document: document["annotations"][number].update(bbox=box)


def test_boxes_labels_and_scales(coco: dict[str, SplitFiles], tmp_path: Path) -> None:
    data = load_detection_data(coco["train"], coco["validation"], None, SIZE, tmp_path)
    assert data.classes == ("red", "blue")  # in the order of their ids
    assert data.train.annotations.category_ids == (3, 7)
    said = json.loads(coco["train"].annotations.read_text())
    first = said["annotations"][0]
    x, y, w, h = first["bbox"]
    target = data.train.targets[first["image_id"] - 10]
    assert target["boxes"][0].tolist() == [x / 2, y / 2, (x + w) / 2, (y + h) / 2]
    assert data.classes[int(target["labels"][0])] == {3: "red", 7: "blue"}[first["category_id"]]
    assert data.train.targets[0]["boxes"].shape == (0, 4)  # nothing in the image
    found = torch.cat((target["boxes"][:1], torch.tensor([[0.5, 1.0]])), 1)
    assert data.train.in_original(found, 1)[0].tolist() == [x, y, x + w, y + h, 0.5, 1.0]
    images, _ = data.train.batch(torch.tensor([first["image_id"] - 10]))
    inside = images[0, :, int(y / 2 + h / 4), int(x / 2 + w / 4)].tolist()
    assert max(inside) > 200  # the rectangle is where its box is


def test_images_are_decoded_once_and_by_content(coco: dict[str, SplitFiles], tmp_path: Path) -> None:
    first = load_detection_data(coco["train"], coco["validation"], None, SIZE, tmp_path)
    before = {file: file.stat().st_mtime_ns for file in tmp_path.glob("*.pixels")}
    again = load_detection_data(coco["train"], coco["validation"], None, SIZE, tmp_path)
    assert again.digest == first.digest
    assert {file: file.stat().st_mtime_ns for file in tmp_path.glob("*.pixels")} == before
    assert len(before) == 2
    assert torch.equal(again.train.pixels, first.train.pixels)


@pytest.mark.parametrize("inner", ["", "pictures"])
def test_an_archive_is_as_good_as_a_folder(inner: str, coco: dict[str, SplitFiles], tmp_path: Path) -> None:
    files = coco["validation"]
    shutil.copytree(files.images, tmp_path / "tree" / inner, dirs_exist_ok=True)
    archive = Path(shutil.make_archive(str(tmp_path / "images"), "zip", tmp_path / "tree"))
    zipped = SplitFiles(files.annotations, archive)
    found = load_detection_data(coco["train"], zipped, None, SIZE, tmp_path / "cache")
    folder = load_detection_data(coco["train"], files, None, SIZE, tmp_path / "cache")
    assert torch.equal(found.validation.pixels, folder.validation.pixels)


def test_crowds_are_not_learned_but_known_to_the_measure(tmp_path: Path) -> None:
    files = write_coco(tmp_path, 4, change=lambda d: d["annotations"][0].update(iscrowd=1))
    read = read_annotations(files.annotations)
    assert sum(len(image.boxes) for image in read.images) == len(read.ground_truth["annotations"]) - 1
    assert read.ground_truth["annotations"][0]["iscrowd"] == 1


@pytest.mark.parametrize(
    ("box", "note", "left"),
    [
        ([5, 5, 0, 9], "1 boxes without area, which cannot be learned and are left out: annotations 1", 0),
        ([5, 5, 9, -2], "1 boxes without area, which cannot be learned and are left out: annotations 1", 0),
        ([WIDTH + 1, 5, 9, 9], "1 boxes outside of their image, which are left out: annotations 1", 0),
        ([-20, 5, 20, 9], "1 boxes outside of their image, which are left out: annotations 1", 0),
        ([WIDTH - 9, 5, 20, 9], "1 boxes that reach beyond the edge of their image, where they are cut: annot", 1),
    ],
)
def test_boxes_that_cannot_be_learned_are_one_note(box: list[float], note: str, left: int, tmp_path: Path) -> None:
    read = read_annotations(write_coco(tmp_path, 6, change=bbox(0, box)).annotations)
    (line,) = read.notes
    assert note in line
    assert len(read.images[1].boxes) == left
    assert not left or read.images[1].boxes[0].tolist() == [WIDTH - 9, 5, WIDTH, 14]


def test_boxes_at_the_edge_are_not_noted(tmp_path: Path) -> None:
    read = read_annotations(write_coco(tmp_path, 6, change=bbox(0, [-0.4, 0, WIDTH + 1, HEIGHT])).annotations)
    assert read.images[1].boxes[0].tolist() == [0, 0, WIDTH, HEIGHT]
    assert not read.notes


def test_a_category_without_boxes_is_one_note(tmp_path: Path) -> None:
    read = read_annotations(
        write_coco(
            tmp_path, 6, change=lambda d: d.update(categories=[*d["categories"], {"id": 9, "name": "green"}])
        ).annotations
    )
    assert read.notes == (f"{tmp_path / 'instances.json'}: categories without a box: green",)


def test_a_huge_image_is_read_and_noted(tmp_path: Path) -> None:
    def enlarge(document: dict[str, Any]) -> None:
        document["images"][0].update(file_name="huge.jpg", width=10_000, height=10_000)
        Image.new("RGB", (10_000, 10_000), (200, 10, 10)).save(tmp_path / "images" / "huge.jpg", quality=10)

    files = write_coco(tmp_path, 4, change=enlarge)
    data = load_detection_data(files, files, None, SIZE, tmp_path / "cache")
    assert any("1 images are more than 8 times as large as the input, 24 x 32" in note for note in data.notes)
    assert data.train.pixels[0].float().mean((1, 2)).tolist() == pytest.approx([200, 10, 10], abs=3)


def duplicate(key: str) -> Change:
    return lambda document: document[key].append(
        {**document[key][0], **({"file_name": "x"} if key == "images" else {})}
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(images=[]), "lists no images; an empty split cannot be used"),
        (lambda d: d.update(categories=[]), "lists no categories"),
        (
            lambda d: d["annotations"][0].update(category_id=5),
            "1 annotations have a category_id that the file lists no",
        ),
        (
            lambda d: d["annotations"][0].update(image_id=99),
            "1 annotations have a image_id that the file lists no image",
        ),
        (duplicate("annotations"), "the same annotation id occurs more than once: 1"),
        (duplicate("images"), "the same image id occurs more than once: 10"),
        (duplicate("categories"), "the same category id occurs more than once: 7"),
        (lambda d: d["annotations"][0].update(bbox=[1, 2, 3]), r"annotation 1: bbox = \[1, 2, 3\]: must be"),
        (lambda d: d["annotations"][0].update(bbox=[1, 2, 3, float("nan")]), "annotation 1: bbox = .*: must be"),
        (lambda d: d["images"][0].pop("width"), r"images\[0\] has no width"),
        (lambda d: d.pop("categories"), "is not in COCO's format"),
    ],
)
def test_bad_annotations_are_one_message(change: Change, message: str, tmp_path: Path) -> None:
    files = write_coco(tmp_path, 4, change=change)
    with pytest.raises(UsageError, match=message) as raised:
        read_annotations(files.annotations)
    assert str(files.annotations) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_missing_damaged_and_other_images_are_one_message(coco: dict[str, SplitFiles], tmp_path: Path) -> None:
    def load(files: SplitFiles) -> None:
        load_detection_data(files, coco["validation"], None, SIZE, tmp_path / "cache")

    files = write_coco(tmp_path / "a", 4)
    (files.images / "1.png").unlink()
    with pytest.raises(UsageError, match=r"1 of its images are not in .*: 1\.png"):
        load(files)
    (files.images / "1.png").write_text("nothing")
    with pytest.raises(UsageError, match=r"1\.png is no image of a known format; correct or remove"):
        load(files)
    Image.new("RGB", (WIDTH, HEIGHT + 1)).save(files.images / "1.png")
    with pytest.raises(UsageError, match=r"1\.png is 64 x 49 pixels, and the annotations say 64 x 48"):
        load(files)
    assert not list((tmp_path / "cache").glob("*.pixels"))
    outside = write_coco(tmp_path / "b", 4, change=lambda d: d["images"][0].update(file_name="../../secret.png"))
    Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "secret.png")
    with pytest.raises(UsageError, match=r"1 of its images are not in"):
        load(outside)
    empty = write_coco(tmp_path / "c", 1)
    with pytest.raises(UsageError, match="has no box to learn from"):
        load(empty)
    other = write_coco(tmp_path / "d", 4, change=lambda d: d["categories"][0].update(name="violet"))
    with pytest.raises(UsageError, match=r"its categories are not those of .*; they differ in: blue, violet"):
        load(other)
    with pytest.raises(UsageError, match="there is no such folder or zip archive"):
        load(SplitFiles(coco["train"].annotations, tmp_path / "nowhere"))


def test_boxes_follow_their_images() -> None:
    """After any change the rectangle is where its box is."""
    recipe = DetectionRecipe(flip=True, vertical_flip=True, color=False, crop=True)
    augment = BoxAugmentation(recipe, (HEIGHT, WIDTH))
    image = torch.full((1, 3, HEIGHT, WIDTH), 20, dtype=torch.uint8)
    image[:, 1, 12:30, 10:40] = 250
    target = {"boxes": torch.tensor([[10.0, 12.0, 40.0, 30.0]]), "labels": torch.tensor([1])}
    torch.manual_seed(3)
    seen, kept = set(), 0
    for _ in range(30):
        changed, (now,) = augment(image, [target])
        assert changed.shape == image.shape
        assert changed.dtype == torch.uint8
        for x1, y1, x2, y2 in now["boxes"].tolist():
            bright = (changed[0, 1] > 135).nonzero()
            (top, left), (bottom, right) = bright.amin(0).tolist(), bright.amax(0).tolist()
            assert [left, top, right + 1, bottom + 1] == pytest.approx([x1, y1, x2, y2], abs=2)
            seen.add((round(x1), round(y1)))
            kept += 1
        assert now["labels"].tolist() == [1] * len(now["boxes"])
    assert kept > 20
    assert len(seen) > 10
    assert target["boxes"].tolist() == [[10.0, 12.0, 40.0, 30.0]]  # the original is unchanged


def test_color_changes_pixels_alone() -> None:
    augment = BoxAugmentation(DetectionRecipe(flip=False, color=True), (HEIGHT, WIDTH))
    rng = np.random.default_rng(0)
    image = torch.from_numpy(rng.integers(0, 255, (4, 3, HEIGHT, WIDTH), dtype=np.uint8))
    target = {"boxes": torch.tensor([[1.0, 2.0, 3.0, 4.0]]), "labels": torch.tensor([0])}
    torch.manual_seed(0)
    changed, targets = augment(image, [target] * 4)
    assert not torch.equal(changed, image)
    assert all(torch.equal(t["boxes"], target["boxes"]) for t in targets)


def test_blood_cells_are_read_as_published(tmp_path: Path) -> None:
    """A real set; the numbers are those of its README."""
    folder = Path(__file__).resolve().parents[3] / "shared" / "data" / "bccd_coco"
    if not folder.exists():
        pytest.skip(f"the real data set {folder} is not on this machine")
    splits = {
        name: SplitFiles(folder / "annotations" / f"instances_{name}.json", folder / f"{name}.zip")
        for name in ("train", "val", "test")
    }
    read = {name: read_annotations(files.annotations) for name, files in splits.items()}
    counts = {name: (len(a.images), len(a.ground_truth["annotations"])) for name, a in read.items()}
    assert counts == {"train": (205, 2805), "val": (87, 1138), "test": (72, 945)}
    assert set(read["train"].classes) == {"RBC", "WBC", "Platelets"}
    data = load_detection_data(splits["test"], splits["test"], None, SIZE, tmp_path)
    assert data.train.pixels.shape == (72, 3, *SIZE)
    assert data.train.pixels.float().std() > 10
