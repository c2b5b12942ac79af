"""`DetectionRecipe`: how a detector is trained, as read from its TOML."""

from __future__ import annotations

import hashlib
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tiernas.networks.normalization import IMAGE_MEAN, IMAGE_STD, Normalization


class DetectionRecipe(BaseModel):
    """The `[recipe]` section of a detector's file.

    Optimizer, schedule and average are those of classification ([training.md](training.md)).

    Attributes:
        epochs: Passes over the training images.
        batch_size: Largest number of images per step.
        optimizer: "sgd", "rmsprop", "rmsproptf" or "adamw".
        learning_rate: Peak value, after the warm-up.
        body_learning_rate_scale: Factor of the learning rate for the backbone: trained weights need smaller steps than
            fresh heads.
        momentum: Momentum of SGD and RMSprop; first beta of AdamW.
        weight_decay: For convolutions; biases and normalization have none.
        schedule: How the learning rate falls: to zero along half a "cosine" or "linear", or by "step": times
            `decay_rate` every `decay_epochs` epochs.
        decay_rate: For the schedule "step".
        decay_epochs: For the schedule "step".
        warmup_fraction: Fraction of all steps over which it rises from zero to its peak.
        ema_decay: Decay per step of the moving average of the weights, which is evaluated and kept. 0: no average.
        clip_norm: Largest norm of the gradient of all weights; longer ones are scaled down to it. 0: no limit.
        flip: Whether half of the images are mirrored left to right.
        vertical_flip: Whether half of them are mirrored top to bottom, for images without an up.
        color: Whether brightness, contrast, saturation and hue of half of the images change.
        crop: Whether images are made smaller or cropped, as for SSD.
        precision: Precision of convolutions during training: "fp32" or "bf16".
        input_mean: Mean of red, green and blue (pixels in 0 to 1), which is subtracted; replaced by the backbone's.
        input_std: Standard deviation, by which the difference is divided; replaced likewise.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    epochs: int = Field(default=20, ge=1, le=100_000)
    batch_size: int = Field(default=8, ge=4, le=65_536)
    optimizer: Literal["sgd", "rmsprop", "rmsproptf", "adamw"] = "adamw"
    learning_rate: float = Field(default=1e-3, gt=0)
    body_learning_rate_scale: float = Field(default=0.3, gt=0, le=1)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=0.02, ge=0, le=1)
    schedule: Literal["cosine", "linear", "step"] = "cosine"
    decay_rate: float = Field(default=0.1, gt=0, le=1)
    decay_epochs: float = Field(default=8.0, gt=0)
    warmup_fraction: float = Field(default=0.1, ge=0, le=0.9)
    ema_decay: float = Field(default=0.0, ge=0, lt=1)
    clip_norm: float = Field(default=10.0, ge=0)
    flip: bool = True
    vertical_flip: bool = False
    color: bool = False
    crop: bool = False
    precision: Literal["fp32", "bf16"] = "fp32"
    input_mean: tuple[float, float, float] = IMAGE_MEAN
    input_std: tuple[float, float, float] = IMAGE_STD

    @property
    def normalization(self) -> Normalization:
        """Normalization of the images."""
        return Normalization(self.input_mean, self.input_std)

    @property
    def digest(self) -> str:
        """16 hexadecimal digits, equal for recipes that are equal with defaults filled in."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]
