from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tiernas.spaces import Architecture
from tiernas.training import ImageSet, RecipeConfig, Splits, evaluate
from tiernas.training.evaluation import assess
from tiernas.training.group import ALONE
from tiernas.training.state import TrainingState
from tiernas.training.validation import glanced_at, validate


def splits_of(validation_labels: list[int], training_images: int) -> Splits:
    labels = torch.tensor(validation_labels)
    classes = tuple(map(str, range(int(labels.max()) + 1)))
    pixels = torch.zeros(len(labels), 3, 8, 8, dtype=torch.uint8)
    validation = ImageSet(pixels, labels, classes)
    train = ImageSet(
        torch.zeros(training_images, 3, 8, 8, dtype=torch.uint8), torch.arange(training_images) % 2, classes
    )
    return Splits(train, validation, validation, True, (), "")


@pytest.mark.parametrize(
    "labels",
    [[0] * 100 + [1] * 300, [0, 1] * 200, [0, 1, 1, 1] * 100, [1] * 399 + [0]],
    ids=lambda labels: str(labels[:4]),
)
def test_a_glance_sees_every_class_in_its_share_however_the_images_lie(labels: list[int]) -> None:
    splits = splits_of(labels, 1000)
    rows = glanced_at(splits)
    assert len(rows) == len(set(rows.tolist())) == 100
    shares = np.bincount(np.array(labels)[rows.numpy()], minlength=2)
    exact = np.bincount(labels) / 4
    assert (np.abs(shares - exact) <= 1).all()
    assert shares.min() >= 1
    assert torch.equal(rows, glanced_at(splits))


def test_a_glance_at_few_images_is_a_look_at_all() -> None:
    assert glanced_at(splits_of([0, 1] * 10, 1000)).tolist() == list(range(20))


def test_accuracy_and_cross_entropy_are_those_of_the_rows_looked_at(digits: Splits, tiny: Architecture) -> None:
    torch.manual_seed(0)
    state = TrainingState(tiny, 10, RecipeConfig(), torch.device("cpu"))
    rows = glanced_at(digits)
    assert 10 <= len(rows) < len(digits.validation)
    part = replace(digits.validation, images=digits.validation.images[rows], labels=digits.validation.labels[rows])
    for whole, images in ((True, digits.validation), (False, part)):
        found = validate(state, digits, tiny.resolution, ALONE, whole=whole)
        assert found.accuracy.top1 == evaluate(state.network, images, tiny.resolution)
        losses = assess(state.network, images, tiny.resolution).losses
        assert found.cross_entropy == pytest.approx(float(losses.mean()), rel=1e-5)
