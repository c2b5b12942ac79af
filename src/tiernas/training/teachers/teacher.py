"""A teacher in use: images to logits, and the loss of its student."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, softmax

from tiernas.networks.normalization import IMAGENET, Normalization
from tiernas.training.images import ImageSet
from tiernas.training.preprocessing import normalize, resize

_BATCH = 64
"""Images at a time; affects only memory."""


class View(nn.Module):
    """A network that gets images as students do: scaled to its own size, with its own normalization.

    Args:
        network: `(n, 3, h, w)` images to `(n, outputs)`.
        own: Normalization that it expects.
        resolution: Height and width that it gets, in pixels; None for those of the student.
        given: Normalization of the student's input.
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
        """`(n, 3, size, size)` images, normalized for students, to `(n, outputs)`."""
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
    """The outputs of a network for stored images.

    Args:
        network: A `View`, or one with a head: `(n, 3, student_resolution, student_resolution)` normalized images to
            `(n, outputs)`.
        images: The images.
        rows: Which of them, `(n,)`.
        student_resolution: Input size of the student, in pixels.
        normalization: Normalization of the student's input.

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
        network: Images as the student gets them, normalized, to `(n, classes)` logits.
        weight: Weight of its part of the loss.
        temperature: Temperature of its part of the loss.
        accuracy: Top-1 accuracy on validation images, in 0 ... 1.
        known: Its logits of every training image, `(n, classes)` on CPU, if students always see the images as
            stored; None if images are changed.
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
            images: `(n, 3, size, size)` as the student gets them, normalized.
            rows: Which training images they are, `(n,)` on CPU.
        """
        if self.known is not None:
            return self.known[rows].to(images.device)
        logits: Tensor = self.network(images)
        return logits


def distillation_loss(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Cross entropy between a student's and a teacher's probabilities, both softened, times the temperature squared.

    Args:
        student: Logits, `(n, classes)`.
        teacher: Logits, `(n, classes)`.
        temperature: Divides both.
    """
    return cross_entropy(student / temperature, softmax(teacher / temperature, dim=1)) * temperature**2
