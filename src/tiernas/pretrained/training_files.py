"""The files of a training run in its folder, and their contents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from tiernas.networks.normalization import IMAGE_MEAN, IMAGE_STD, Normalization

CURRENT = "checkpoint.safetensors"
"""The state after the last completed epoch, during the training run."""

PREVIOUS = "checkpoint.previous.safetensors"
"""The state one epoch earlier."""

WEIGHTS = "weights.safetensors"
"""The weights, once the training run is complete."""

NETWORK = "network."
"""Prefix of the names of the network's tensors in a state."""

AVERAGE = "average."
"""Prefix for the running mean of its weights."""

AVERAGED_NETWORK = f"{AVERAGE}module."
"""Prefix for the network with these averaged weights."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What identifies a training run; a checkpoint with a different identity is not resumed.

    Attributes:
        architecture: `Architecture.to_json()`.
        classes: Names of the classes, in the order of the logits.
        recipe_digest: `RecipeConfig.digest`.
        data_digest: `Splits.digest`.
        seed: Seed of the training run.
        input_mean: Mean of red, green and blue (pixels in 0 to 1), which is subtracted from images.
        input_std: Standard deviation, by which the difference is divided.
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
        """Normalization of the network's input."""
        return Normalization(self.input_mean, self.input_std)

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self:
        """The identity stored in a file."""
        known = {**facts["identity"]}
        lists = {key: tuple(value) for key, value in known.items() if isinstance(value, list)}
        return cls(**{**known, **lists})
