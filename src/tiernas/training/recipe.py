"""`RecipeConfig`: how a network is trained, as read from the TOML of a study."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from tiernas.networks.normalization import IMAGE_MEAN, IMAGE_STD, Normalization
from tiernas.training.presets import presets
from tiernas.training.teachers.config import TeacherConfig

Precision = Literal["fp32", "bf16", "fp16"]

_ADDED_LATER = frozenset(
    {
        "decay_rate",
        "decay_epochs",
        "crop_scale",
        "auto_augment",
        "precision",
        "teacher",
        "start_scale",
        "growing_fraction",
        "compile",
        "mixup_alpha",
        "cutmix_alpha",
        "start",
        "input_mean",
        "input_std",
        "body_learning_rate_scale",
    }
)
"""Fields that the first version did not have. They are not written at their defaults, so that recipes written by it
keep their digest and their training runs and studies can be resumed."""

_Part = Annotated[float, Field(gt=0, le=1)]
_Deviation = Annotated[float, Field(gt=0)]


class RecipeConfig(BaseModel):
    """How networks are trained: the `[recipe]` section of a study.

    The defaults are for candidates, that is for small images and few epochs, chosen on digits and on 10,000 images of
    CIFAR-10 (two to four networks, one seed: differences below a point of accuracy could not be resolved). Long
    training runs need larger shifts (an eighth is usual) and erasing.

    `preset = "paper"` stands for the values GPUNet was trained with, `preset = "transformer"` for those of networks of
    tokens, and `preset = "finetune"` for those of networks that start from a trained one (see `presets.toml`); other
    keys override single values. `preset = "fast"` is the defaults. Files record the values, not the name.

    Attributes:
        epochs: Passes over the training images.
        batch_size: Largest number of images per step; the steps of an epoch have equal numbers.
        optimizer: "sgd" (Nesterov), "rmsprop" (torch's, smoothing 0.9, epsilon 1e-3), "rmsproptf" (timm's, which is
            TensorFlow's and the paper's: epsilon inside the root; same values) or "adamw".
        learning_rate: Peak value, after the warm-up.
        body_learning_rate_scale: Factor of the learning rate for everything but the classifier, for networks that start
            from a trained one: inherited weights need smaller steps than a fresh classifier.
        momentum: Momentum of SGD and RMSprop; first beta of AdamW.
        weight_decay: For convolutions and the classifier; biases and normalization have none.
        schedule: How the learning rate falls: to zero along half a "cosine" or "linear", or by "step": times
            `decay_rate` every `decay_epochs` epochs.
        decay_rate: For the schedule "step".
        decay_epochs: For the schedule "step"; need not be an integer.
        warmup_fraction: Fraction of all steps over which the learning rate rises from zero to its peak.
        label_smoothing: Probability that is spread over all classes.
        ema_decay: Decay per step of the moving average of the weights, which is evaluated and kept; it grows from a
            tenth towards this, so that short training runs are not harmed. 0: no average.
        dropout: Before the classifier.
        drop_path_rate: Stochastic depth of the last block; falls linearly towards the first.
        crop_padding: Images are shifted by up to this fraction of their size, reflected at the borders.
        crop_scale: Instead of shifts, a rectangle whose area is a fraction in this range is cropped and scaled, and
            `auto_augment` and erasing are those of timm (erasing with noise). One image at a time, in the process
            that trains: about 0.6 ms for each of 64 px.
        auto_augment: A policy of timm, such as "rand-m9-mstd0.5" (RandAugment); requires `crop_scale`.
        flip: Whether half of the images are mirrored left to right. Default: unless the data forbid it (digits do).
        erase_probability: Probability that a random rectangle of an image is blanked.
        mixup_alpha: Each image of a batch is blended with another one, and so are their labels: the share of each is
            drawn from Beta(alpha, alpha) for the batch. 0: never.
        cutmix_alpha: Likewise, but a rectangle of one image is pasted into the other. With both, half of the batches
            are blended and half are pasted.
        precision: Precision of convolutions and matrix products during training: "fp32", "bf16" or "fp16" (with a
            scaled loss); weights, sums and saved values are fp32.
        teacher: A trained network whose answers are learned besides the labels (distillation).
        start_scale: Fraction of the network's resolution at which it gets the images in the first epoch; less than 1
            is faster. The size then grows evenly; validation always uses the network's own. Networks of tokens take
            only one size.
        growing_fraction: Fraction of the epochs after which the size is the network's own; the last epoch always has
            it.
        start: A trained network whose weights every network starts with, as far as it continues it: anything that
            `tiernas.load` opens. Other classes get a fresh classifier. Before anything is trained, it is replaced by
            the digest of that network ("sha256:..."), and `input_mean` and `input_std` by its normalization.
        input_mean: Mean of red, green and blue (pixels in 0 to 1), which is subtracted from images.
        input_std: Standard deviation, by which the difference is divided.
        compile: Whether `torch.compile` compiles the network for training, which takes minutes on a CPU.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    epochs: int = Field(default=5, ge=1, le=100_000)
    batch_size: int = Field(default=64, ge=4, le=65_536)
    optimizer: Literal["sgd", "rmsprop", "rmsproptf", "adamw"] = "adamw"
    learning_rate: float = Field(default=5e-3, gt=0)
    body_learning_rate_scale: float = Field(default=1.0, gt=0, le=1)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=0.02, ge=0, le=1)
    schedule: Literal["cosine", "linear", "step"] = "cosine"
    decay_rate: float = Field(default=0.97, gt=0, le=1)
    decay_epochs: float = Field(default=2.4, gt=0)
    warmup_fraction: float = Field(default=0.2, ge=0, le=0.9)
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    ema_decay: float = Field(default=0.0, ge=0, lt=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    drop_path_rate: float = Field(default=0.0, ge=0, lt=1)
    crop_padding: float = Field(default=0.0625, ge=0, le=0.5)
    crop_scale: tuple[_Part, _Part] | None = None
    auto_augment: str | None = None
    flip: bool | None = None
    erase_probability: float = Field(default=0.0, ge=0, le=1)
    mixup_alpha: float = Field(default=0.0, ge=0, le=10)
    cutmix_alpha: float = Field(default=0.0, ge=0, le=10)
    precision: Precision = "fp32"
    teacher: TeacherConfig | None = None
    start_scale: float = Field(default=1.0, ge=0.25, le=1)
    growing_fraction: float = Field(default=0.6, gt=0, le=1)
    compile: bool = False
    start: str | None = Field(default=None, min_length=1)
    input_mean: tuple[float, float, float] = IMAGE_MEAN
    input_std: tuple[_Deviation, _Deviation, _Deviation] = IMAGE_STD

    @model_validator(mode="before")
    @classmethod
    def _fill_in_preset(cls, given: Any) -> Any:
        if not isinstance(given, dict) or "preset" not in given:
            return given
        name, known = given["preset"], presets()
        if not isinstance(name, str) or name not in known:
            raise ValueError(f"preset = {name!r}: must be one of {', '.join(known)}")
        return {**known[name], **{key: value for key, value in given.items() if key != "preset"}}

    @model_validator(mode="after")
    def _check_crop(self) -> Self:
        if self.auto_augment is not None and self.crop_scale is None:
            raise ValueError(f"auto_augment = {self.auto_augment!r} needs crop_scale, such as [0.08, 1.0]")
        if self.crop_scale is not None and self.crop_padding:
            raise ValueError(f"crop_scale replaces crop_padding = {self.crop_padding:g}; set that to 0")
        if self.crop_scale is not None and self.crop_scale[0] > self.crop_scale[1]:
            raise ValueError(f"crop_scale = {list(self.crop_scale)}: the first must not be larger than the second")
        return self

    @property
    def normalization(self) -> Normalization:
        """Normalization of the networks' input."""
        return Normalization(self.input_mean, self.input_std)

    @property
    def digest(self) -> str:
        """16 hexadecimal digits, equal for recipes that are equal with defaults filled in."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]

    @model_serializer(mode="wrap")
    def _omit_later_defaults(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields = type(self).model_fields
        unused = {name for name in _ADDED_LATER if getattr(self, name) == fields[name].default}
        return {name: value for name, value in serialize(self).items() if name not in unused}
