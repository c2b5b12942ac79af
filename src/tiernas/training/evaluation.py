"""Accuracy and cross-entropy of a network on images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tiernas.networks.normalization import IMAGENET, Normalization
from tiernas.training.images import ImageSet
from tiernas.training.preprocessing import normalize, resize


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Fraction of correct predictions, in 0 ... 1.

    Attributes:
        top1: Over all images.
        class_mean: The mean over the classes of each one's accuracy, also called balanced accuracy: if classes differ
            in size, a network that neglects the rare ones has a high `top1` and a low `class_mean`. Classes without
            an image do not count.
    """

    top1: float
    class_mean: float


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """What a network says about `n` images, on CPU.

    Attributes:
        classes: The predicted classes, `(n,)` int64.
        losses: Cross-entropy of each with its label, in nats, `(n,)` float32.
    """

    classes: Tensor
    losses: Tensor


def accuracy_of(predicted: Tensor, labels: Tensor) -> Accuracy:
    """Compares predictions with labels.

    Args:
        predicted: Classes, `(n,)` int64; n is at least 1.
        labels: The true classes, `(n,)` int64.
    """
    right = predicted == labels
    there = torch.bincount(labels)
    of_class = torch.bincount(labels[right], minlength=len(there))[there > 0] / there[there > 0].double()
    return Accuracy(int(right.sum()) / len(labels), float(of_class.mean()))


@torch.inference_mode()
def assess(
    network: nn.Module,
    images: ImageSet,
    resolution: int,
    batch_size: int = 256,
    rows: Tensor | None = None,
    normalization: Normalization = IMAGENET,
) -> Predictions:
    """The class that a network predicts for each image, and its cross-entropy with the label.

    Args:
        network: `(n, 3, resolution, resolution)` to logits; in evaluation mode during the call.
        images: The images.
        resolution: Input size of the network, in pixels.
        batch_size: Images at a time; affects only time and memory.
        rows: Positions of the images to use, `(n,)` int64; if None, all.
        normalization: Normalization of the network's input.
    """
    was_training = network.training
    network.eval()
    device = next(network.parameters()).device
    steps = torch.split(torch.arange(len(images)) if rows is None else rows, batch_size)
    classes: list[Tensor] = []
    losses: list[Tensor] = []
    for step, batch in zip(steps, images.batches(steps), strict=True):
        logits = network(normalize(resize(batch, resolution).to(device), normalization)).float()
        classes.append(logits.argmax(1))
        losses.append(cross_entropy(logits, images.labels[step].to(device), reduction="none"))
    network.train(was_training)
    return Predictions(torch.cat(classes).cpu(), torch.cat(losses).cpu())


def predict(
    network: nn.Module,
    images: ImageSet,
    resolution: int,
    batch_size: int = 256,
    normalization: Normalization = IMAGENET,
) -> Tensor:
    """The class that a network predicts for each image, `(n,)` int64 on CPU; see `assess` for the arguments."""
    return assess(network, images, resolution, batch_size, normalization=normalization).classes


def evaluate(
    network: nn.Module,
    images: ImageSet,
    resolution: int,
    batch_size: int = 256,
    normalization: Normalization = IMAGENET,
) -> float:
    """Top-1 accuracy in 0 ... 1; see `assess` for the arguments."""
    predicted = predict(network, images, resolution, batch_size, normalization=normalization)
    return accuracy_of(predicted, images.labels).top1
