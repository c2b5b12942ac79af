"""A teacher at work: images to logits, and the loss of a student that has one."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, softmax

from tiernas.networks.normalization import IMAGENET, Normalization
from tiernas.training.images import ImageSet
from tiernas.training.preprocessing import normalize, resize

_BATCH = 64
"""Images at a time; changes nothing but memory."""


class View(nn.Module):
    """A network that gets images as students do: scaled to its own size, with its own normalisation.

    Args:
        network: `(n, 3, h, w)` images to `(n, outputs)`.
        own: What it wants done to pixels.
        resolution: Height and width that it gets, in pixels; None for those of the student.
        given: What is done to the images that students get.
    """

    scale: Tensor
    shift: Tensor

    def __init__(
        self,
        network: nn.Module,
        own: Normalization,
        resolution: int | None,
        given: Normalization = IMAGENET,
    ) -> None:
        super().__init__()
        self.network = network
        self.resolution = resolution
        own_mean, own_std, mean_in, std_in = (
            torch.tensor(values).view(1, 3, 1, 1) for values in (own.mean, own.std, given.mean, given.std)
        )
        self.register_buffer("scale", std_in / own_std, persistent=False)
        self.register_buffer("shift", (mean_in - own_mean) / own_std, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """`(n, 3, size, size)` images, normalised for students, to `(n, outputs)`."""
        if self.resolution is not None:
            images = resize(images, self.resolution)
        outputs: Tensor = self.network(images * self.scale + self.shift)
        return outputs


@torch.no_grad()
def answers(
    network: nn.Module,
    images: ImageSet,
    rows: Tensor,
    student_resolution: int,
    normalization: Normalization = IMAGENET,
) -> Tensor:
    """What a network says to images as they are stored.

    Args:
        network: A `View`, or one with a head: `(n, 3, student_resolution, student_resolution)` normalised images to
            `(n, outputs)`.
        images: The images.
        rows: Which of them, `(n,)`.
        student_resolution: Size that the student takes, in pixels.
        normalization: What is done to the images that the student gets.

    Returns:
        `(n, outputs)` on CPU.
    """
    device = next(network.buffers()).device
    batches = [
        network(normalize(resize(batch, student_resolution).to(device), normalization)).cpu()
        for batch in images.batches(torch.split(rows, _BATCH))
    ]
    return torch.cat(batches)


@dataclass(frozen=True, slots=True, eq=False)
class Teacher:
    """A trained network in evaluation mode.

    Attributes:
        network: Images as the student gets them, normalised, to `(n, classes)` logits.
        weight: Of its part of the loss.
        temperature: Of its part of the loss.
        accuracy: Top-1 accuracy on validation images, in 0 ... 1.
        known: Its logits of every training image, `(n, classes)` on CPU, where students always see the images as they
            are stored; None where they are changed.
    """

    network: nn.Module
    weight: float
    temperature: float
    accuracy: float
    known: Tensor | None = None

    @torch.no_grad()
    def logits(self, images: Tensor, rows: Tensor) -> Tensor:
        """Logits, `(n, classes)`.

        Args:
            images: `(n, 3, size, size)` as the student gets them, normalised.
            rows: Which training images they are, `(n,)` on CPU.
        """
        if self.known is not None:
            return self.known[rows].to(images.device)
        logits: Tensor = self.network(images)
        return logits


def distillation_loss(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Cross entropy of a student's to a teacher's probabilities, both softened, times the temperature squared.

    Args:
        student: Logits, `(n, classes)`.
        teacher: Logits, `(n, classes)`.
        temperature: Divides both.
    """
    return cross_entropy(student / temperature, softmax(teacher / temperature, dim=1)) * temperature**2
