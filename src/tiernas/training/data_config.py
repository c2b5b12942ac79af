"""`DataConfig`: the images a study trains on, as read from TOML."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

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

from tiernas.training.sources.catalogue import SOURCES

DEFAULT_SIZE = 128
"""Largest height and width at which images are kept: the largest resolution of the preset `gpunet-small`."""

_PATH, _NAME = frozenset({"path"}), frozenset({"name"})

_NEEDS = {
    "digits": frozenset[str](),
    "folder": _PATH,
    "parquet": _PATH,
    "huggingface": frozenset[str](),
    "torchvision": _PATH | _NAME,
    "webdataset": _PATH,
}
"""Required keys of each kind; huggingface has a rule of its own."""

_ALLOWS = _NEEDS | {
    "huggingface": _PATH | _NAME | {"subset", "image_column", "label_column", "download"},
    "torchvision": _PATH | _NAME | {"download"},
}
"""Optional keys of each kind, besides those that every kind has."""

_OF_PACKAGES = frozenset({"path", "options"})
"""The same for kinds from plug-ins."""


class DataConfig(BaseModel):
    """The data set: the `[data]` section of a study.

    Attributes:
        kind: "digits" (scikit-learn's, nothing to download), "folder" (`DIR/<class>/*.jpg` or
            `DIR/<split>/<class>/*.jpg`), "parquet" (`DIR/<split>-00000-of-00001.parquet`), "huggingface" (a data set
            of the library `datasets`), "torchvision" (one of `torchvision.datasets`) or "webdataset" (tar files,
            `DIR/<split>-000000.tar` or `DIR/<split>/000000.tar`). Or `package.module:function`, or a name that an
            installed package offers: a function that returns a `tiernas.training.sources.Source`.
        path: The folder; for "torchvision" the folder of its data sets. A plug-in function gets it as `path`.
        name: "huggingface": the data set on the Hub, such as "ethz/food101", instead of `path`. "torchvision": the
            class, such as "CIFAR10".
        subset: "huggingface": the configuration of the data set, if it has several.
        image_column: "huggingface": the column of images. Default: the only column of that type.
        label_column: "huggingface": the column of labels. Default: the only column of type ClassLabel, else "label".
        download: Whether "huggingface" and "torchvision" may download a named data set that is not on this machine.
        options: Arguments of a plug-in function.
        image_size: Largest height and width at which images are kept in memory, in pixels: the shorter side is scaled
            down to it and the longer one cropped around its center. If all images are smaller, they keep their size.
            Networks get them scaled to their own resolution. Default: the largest resolution of the space in a
            search, else 128.
        seed: Fixes the splits.
        validation_fraction: Fraction of the training images that is split off for validation if the source has no
            validation split of its own.
        test_fraction: The same for the test split.
        train_limit: Train on this many images, drawn so that classes keep their shares; validation and test do not
            change. Default: all.
        on_corrupt: What to do about an image that cannot be read: "refuse" the data set, or "skip" and count it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Annotated[str, BeforeValidator(SOURCES.as_text), AfterValidator(SOURCES.require_portable)] = "digits"
    path: Path | None = None
    name: str | None = Field(default=None, min_length=1)
    subset: str | None = Field(default=None, min_length=1)
    image_column: str | None = Field(default=None, min_length=1)
    label_column: str | None = Field(default=None, min_length=1)
    download: bool = False
    options: dict[str, Any] = Field(default_factory=dict)
    image_size: int | None = Field(default=None, ge=8, le=1024)
    seed: int = Field(default=0, ge=0, lt=2**32)
    validation_fraction: float = Field(default=0.15, gt=0, lt=0.5)
    test_fraction: float = Field(default=0.15, gt=0, lt=0.5)
    train_limit: int | None = Field(default=None, ge=2)
    on_corrupt: Literal["skip", "refuse"] = "refuse"

    @model_validator(mode="after")
    def _check_keys(self) -> Self:
        given = {key for key in {*_ALLOWS["huggingface"], *_OF_PACKAGES} if getattr(self, key) not in (None, False, {})}
        for key in sorted(_NEEDS.get(self.kind, frozenset()) - given):
            raise ValueError(f'kind = "{self.kind}" needs {key}, {_MEANT[key]}')
        for key in sorted(given - _ALLOWS.get(self.kind, _OF_PACKAGES)):
            kinds = [f'"{kind}"' for kind, keys in _ALLOWS.items() if key in keys]
            kinds += ["package.module:function"] if key in _OF_PACKAGES else []
            raise ValueError(f"{key} is only for kind = {' or '.join(kinds)}; remove it, or change kind")
        if self.kind == "huggingface" and len(given & {"name", "path"}) != 1:
            raise ValueError('kind = "huggingface" needs either name, a data set of the Hub, or path, a folder')
        if self.download and self.name is None:
            raise ValueError("download = true needs name; data in path are not downloaded")
        return self

    @model_serializer(mode="wrap")
    def _omit_empty_options(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """The cache key of decoded data is derived from this, and the first version had no options."""
        return {name: value for name, value in serialize(self).items() if name != "options" or value}

    @property
    def shown(self) -> str:
        """The name shown for the data: their name, else that of their folder, else their kind."""
        return self.name or (self.path.name if self.path else self.kind)


_MEANT = {"path": "the folder that holds the images", "name": 'the data set, such as "CIFAR10"'}
