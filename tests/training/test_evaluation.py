from __future__ import annotations

import math

import pytest
import torch
from sklearn.metrics import balanced_accuracy_score
from torch import nn
from torch.nn.functional import cross_entropy

from tiernas.networks import build
from tiernas.networks.normalization import Normalization
from tiernas.spaces import Architecture
from tiernas.training import ImageSet, Splits, accuracy_of, evaluate, normalize, predict, resize
from tiernas.training.evaluation import assess


def test_accuracies_worked_out_by_hand() -> None:
    labels = torch.tensor([0] * 8 + [2] * 2)
    found = accuracy_of(torch.tensor([0] * 8 + [0, 2]), labels)
    assert found.top1 == 0.9
    assert found.class_mean == 0.75  # all of class 0, half of class 2; class 1 has no images
    neglectful = accuracy_of(torch.zeros(10, dtype=torch.int64), labels)
    assert (neglectful.top1, neglectful.class_mean) == (0.8, 0.5)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_the_class_mean_is_scikit_learns_balanced_accuracy() -> None:
    generator = torch.Generator().manual_seed(0)
    for classes in (2, 5, 40):
        labels = torch.randint(classes, (60,), generator=generator)
        predicted = torch.where(
            torch.rand(60, generator=generator) < 0.5, labels, torch.randint(classes + 2, (60,), generator=generator)
        )
        assert math.isclose(accuracy_of(predicted, labels).class_mean, balanced_accuracy_score(labels, predicted))


def test_predictions_do_not_depend_on_the_batch(digits: Splits, tiny: Architecture) -> None:
    torch.manual_seed(0)
    network = build(tiny, 10).train()
    whole = predict(network, digits.test, tiny.resolution)
    assert whole.shape == (len(digits.test),)
    assert torch.equal(whole, predict(network, digits.test, tiny.resolution, batch_size=7))
    assert network.training
    assert accuracy_of(whole, digits.test.labels).top1 == evaluate(network, digits.test, tiny.resolution)


def test_the_loss_of_an_image_is_its_cross_entropy_whatever_the_batch(digits: Splits, tiny: Architecture) -> None:
    torch.manual_seed(0)
    network = build(tiny, 10).eval()
    found = assess(network, digits.test, tiny.resolution, batch_size=7)
    with torch.no_grad():
        logits = network(normalize(resize(digits.test.images, tiny.resolution)))
    torch.testing.assert_close(found.losses, cross_entropy(logits, digits.test.labels, reduction="none"))
    rows = torch.tensor([5, 3, 8])
    some = assess(network, digits.test, tiny.resolution, rows=rows)
    torch.testing.assert_close(some.losses, found.losses[rows])
    assert torch.equal(some.classes, found.classes[rows])


def test_the_loss_of_a_guess_is_the_logarithm_of_the_number_of_classes(digits: Splits) -> None:
    guess = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 10))
    for parameter in guess.parameters():
        nn.init.zeros_(parameter)
    losses = assess(guess, digits.test, 8).losses
    torch.testing.assert_close(losses, torch.full((len(digits.test),), math.log(10)))


def test_images_are_normalized_as_the_network_expects(digits: Splits) -> None:
    classifier = nn.Linear(3, 3, bias=False)
    nn.init.eye_(classifier.weight)
    brightest = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), classifier)
    are_ones = digits.test.labels == 1
    grey = ImageSet(digits.test.images[are_ones], digits.test.labels[are_ones], digits.classes)
    green_stands_out = Normalization((0.9, 0.1, 0.9), (1.0, 1.0, 1.0))
    assert evaluate(brightest, grey, 8, normalization=green_stands_out) == 1.0
    assert evaluate(brightest, grey, 8) == 0.0, "with ImageNet's, grey is bluish"
