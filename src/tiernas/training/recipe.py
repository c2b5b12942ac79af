"""`RecipeConfig`: how a network is trained, as the TOML of a study says it."""

from __future__ import annotations

import hashlib
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class RecipeConfig(BaseModel):
    """The `[recipe]` table of a study.

    The defaults are for candidates, that is for small images and few epochs, chosen on digits and on 10,000 images of
    CIFAR-10 (two to four networks, one seed: differences below a point of accuracy were not told apart). Long
    trainings want larger shifts (an eighth is usual) and erasing.

    Attributes:
        epochs: Passes over the training images.
        batch_size: Images per step; the steps of an epoch have equally many, at most this.
        optimizer: "sgd" (Nesterov), "rmsprop" (smoothing 0.9, epsilon 1e-3, as in the paper) or "adamw".
        learning_rate: At its peak, after the warm-up.
        momentum: Of SGD and RMSprop; AdamW's first beta.
        weight_decay: Of convolutions and the classifier; biases and normalisation have none.
        schedule: How the learning rate falls to zero: along half a "cosine", or "linear".
        warmup_fraction: Part of all steps over which the learning rate rises from zero to its peak.
        label_smoothing: Probability that is spread over all classes.
        ema_decay: Decay per step of the running mean of the weights, which is what is evaluated and kept; it grows
            from a tenth towards this, so that few steps are no harm. 0: no mean.
        dropout: Before the classifier.
        drop_path_rate: Stochastic depth of the last block; falls linearly towards the first.
        crop_padding: Images are shifted by up to this part of their size, mirrored at the borders.
        flip: Whether half of the images are mirrored left to right. If not given, unless the data forbid it
            (digits do).
        erase_probability: Probability that a random rectangle of an image is blanked.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    epochs: int = Field(default=5, ge=1, le=100_000)
    batch_size: int = Field(default=64, ge=4, le=65_536)
    optimizer: Literal["sgd", "rmsprop", "adamw"] = "adamw"
    learning_rate: float = Field(default=5e-3, gt=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=0.02, ge=0, le=1)
    schedule: Literal["cosine", "linear"] = "cosine"
    warmup_fraction: float = Field(default=0.2, ge=0, le=0.9)
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    ema_decay: float = Field(default=0.0, ge=0, lt=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    drop_path_rate: float = Field(default=0.0, ge=0, lt=1)
    crop_padding: float = Field(default=0.0625, ge=0, le=0.5)
    flip: bool | None = None
    erase_probability: float = Field(default=0.0, ge=0, le=1)

    @property
    def digest(self) -> str:
        """16 hexadecimal digits that are the same for equal recipes, defaults filled in."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]
