"""How large a data set is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tiernas.training.images import Splits


_GLANCE = 10
"""A sample has this many times fewer images than an epoch trains on. An image costs about a third of one in a training
step, so samples make training at most 3 % longer."""


def glance_of(train: int, validation: int) -> int:
    """Number of validation images that are evaluated after every epoch but the last, which evaluates all.

    Args:
        train: Number of training images.
        validation: Number of validation images.
    """
    return min(train // _GLANCE, validation)


@dataclass(frozen=True, slots=True)
class DataSize:
    """The size of a data set.

    Attributes:
        train: Number of training images.
        validation: Number of validation images.
        test: Number of test images.
        classes: Number of classes.
        image_size: Height and width at which images are kept, in pixels.
        chance: Accuracy of always guessing the most frequent class of the validation images, 0 to 1.
    """

    train: int
    validation: int
    test: int
    classes: int
    image_size: int
    chance: float

    @classmethod
    def of(cls, splits: Splits) -> DataSize:
        """The size of a loaded data set."""
        labels = splits.validation.labels
        return cls(
            len(splits.train),
            len(splits.validation),
            len(splits.test),
            len(splits.classes),
            splits.train.image_size,
            int(labels.bincount().max()) / len(labels),
        )

    @property
    def decoded_bytes(self) -> int:
        """Size of all decoded images."""
        return 3 * self.image_size**2 * (self.train + self.validation + self.test)
