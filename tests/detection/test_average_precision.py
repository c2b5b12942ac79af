"""Our figures are those of pycocotools run on files, to the last digit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.detection.conftest import write_coco

from tiernas.detection.average_precision import average_precision
from tiernas.detection.coco import Annotations, FloatArray, read_annotations

pycocotools = pytest.importorskip("pycocotools")


@pytest.fixture
def scene(tmp_path: Path) -> Annotations:
    """With a crowd, and sizes of all three kinds."""

    def change(document: dict[str, list[dict[str, object]]]) -> None:
        for number, annotation in enumerate(document["annotations"]):
            annotation["iscrowd"] = int(number == 4)
            annotation["area"] = [500.0, 2000.0, 20000.0][number % 3]

    return read_annotations(write_coco(tmp_path, 30, seed=5, change=change).annotations)


def perfect(annotations: Annotations, shift: float = 0.0) -> list[FloatArray]:
    found = []
    for image in annotations.images:
        rows = [[*(box + shift), 0.9, label] for box, label in zip(image.boxes, image.labels, strict=True)]
        found.append(np.asarray(rows, np.float32).reshape(-1, 6))
    return found


def test_equals_pycocotools_on_random_detections(scene: Annotations, tmp_path: Path) -> None:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    rng = np.random.default_rng(0)
    found = []
    for rows in perfect(scene):
        noisy = np.repeat(rows, 3, axis=0)
        noisy[:, :4] += rng.normal(0, 3, (len(noisy), 4))
        stray = np.concatenate((np.sort(rng.uniform(0, 40, (5, 2, 2)), axis=1).reshape(5, 4), np.zeros((5, 2))), 1)
        both = np.concatenate((noisy, stray)).astype(np.float32)
        both[:, 4] = rng.uniform(0, 1, len(both))
        both[len(noisy) :, 5] = rng.integers(0, 2, 5)
        found.append(both)
    ours = average_precision(scene, found)
    results = [
        {
            "image_id": image.id,
            "category_id": scene.category_ids[int(row[5])],
            "bbox": [row[0], row[1], row[2] - row[0], row[3] - row[1]],
            "score": row[4],
        }
        for image, rows in zip(scene.images, found, strict=True)
        for row in rows.tolist()
    ]
    (tmp_path / "results.json").write_text(json.dumps(results))
    known = COCO(str(scene.path))
    evaluation = COCOeval(known, known.loadRes(str(tmp_path / "results.json")), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert [ours.ap, ours.ap50, ours.ap75, ours.small, ours.medium, ours.large] == evaluation.stats[:6].tolist()
    assert 0.05 < (ours.ap or 0) < 0.95
    assert None not in ours.to_dict().values()
    assert ours.ap == pytest.approx(np.mean([ap for ap in ours.by_class.values() if ap is not None]))


def test_a_perfect_detector_scores_one_and_shifted_boxes_less(scene: Annotations) -> None:
    best = average_precision(scene, perfect(scene))
    assert (best.ap, best.ap50, best.ap75) == (1.0, 1.0, 1.0)
    shifted = average_precision(scene, perfect(scene, 2.0))
    assert shifted.ap50 == 1.0
    assert 0.2 < (shifted.ap or 0) < 0.9
    far = average_precision(scene, perfect(scene, 25.0))
    assert far.ap == pytest.approx(0.0, abs=1e-3)


def test_no_detections_score_zero(scene: Annotations) -> None:
    nothing = average_precision(scene, [np.zeros((0, 6), np.float32)] * len(scene.images))
    assert nothing.ap == 0.0
    assert nothing.by_class == {"red": 0.0, "blue": 0.0}


def test_sizes_without_an_object_have_no_figure(tmp_path: Path) -> None:
    small = read_annotations(write_coco(tmp_path, 6).annotations)
    found = average_precision(small, perfect(small))
    assert found.small == 1.0
    assert found.large is None
