"""The files that a training leaves in its folder, and what is in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

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
    """

    architecture: str
    classes: tuple[str, ...]
    recipe_digest: str
    data_digest: str
    seed: int

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self:
        """The identity that a file holds."""
        known = facts["identity"]
        return cls(**{**known, "classes": tuple(known["classes"])})
