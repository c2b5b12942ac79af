"""The files that a training leaves in its folder, and what is in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from tiernas.networks.normalization import IMAGE_MEAN, IMAGE_STD, Normalization

CURRENT = "checkpoint.safetensors"
"""The state after the last epoch, while it runs."""

PREVIOUS = "checkpoint.previous.safetensors"
"""The state before."""

WEIGHTS = "weights.safetensors"
"""The weights, once it is complete."""

NETWORK = "network."
"""What the names of the network's tensors begin with in a state."""

AVERAGE = "average."
"""What those of the running mean of its weights begin with."""

AVERAGED_NETWORK = f"{AVERAGE}module."
"""What those of the network with these weights begin with."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a training is a training of; a checkpoint of any other is not continued.

    Attributes:
        architecture: `Architecture.to_json()`.
        classes: Names of the classes, in the order of the logits.
        recipe_digest: `RecipeConfig.digest`.
        data_digest: `Splits.digest`.
        seed: Seed of the training.
        input_mean: Mean of red, green and blue (pixels in 0 to 1) that is subtracted from images.
        input_std: What images are divided by afterwards.
    """

    architecture: str
    classes: tuple[str, ...]
    recipe_digest: str
    data_digest: str
    seed: int
    input_mean: tuple[float, float, float] = IMAGE_MEAN
    input_std: tuple[float, float, float] = IMAGE_STD

    @property
    def normalization(self) -> Normalization:
        """What is done to images before the network sees them."""
        return Normalization(self.input_mean, self.input_std)

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self:
        """The identity that a file holds."""
        known = {**facts["identity"]}
        lists = {key: tuple(value) for key, value in known.items() if isinstance(value, list)}
        return cls(**{**known, **lists})
