"""`DataConfig`: which images a study trains on, as its TOML says it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

DIGITS_SIZE = 8
"""Height and width of scikit-learn's digits, in pixels."""

DEFAULT_SIZE = 64
"""Storage size of images that come in any size: the middle of `gpunet-small`'s resolutions (32 to 128)."""


class DataConfig(BaseModel):
    """The `[data]` table of a study.

    Attributes:
        kind: "digits" (scikit-learn's, nothing to download), "folder" (`DIR/<class>/*.jpg` or
            `DIR/<split>/<class>/*.jpg`) or "parquet" (`DIR/<split>-00000-of-00001.parquet`).
        path: The folder; for "folder" and "parquet" only.
        image_size: Height and width at which images are kept in memory, in pixels: the shorter side is scaled to
            it and the longer one cut around its centre. Networks get them scaled to their own resolution. If not
            given, 8 for digits, else 64.
        seed: Fixes the splits.
        validation_fraction: Part of the training images that is cut off for validation, where the source has no
            validation split of its own.
        test_fraction: The same for the test part.
        train_limit: Train on this many images, drawn so that classes keep their shares; validation and test
            stay what they are. If not given, on all.
        on_corrupt: What to do about an image that cannot be read: "refuse" the data set, or "skip" and count it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["digits", "folder", "parquet"] = "digits"
    path: Path | None = None
    image_size: int | None = Field(default=None, ge=8, le=1024)
    seed: int = Field(default=0, ge=0, lt=2**32)
    validation_fraction: float = Field(default=0.15, gt=0, lt=0.5)
    test_fraction: float = Field(default=0.15, gt=0, lt=0.5)
    train_limit: int | None = Field(default=None, ge=2)
    on_corrupt: Literal["skip", "refuse"] = "refuse"

    @model_validator(mode="after")
    def _path_where_it_is_needed(self) -> Self:
        if self.kind == "digits" and self.path is not None:
            raise ValueError('path is only for kind = "folder" or "parquet"; remove it, or change kind')
        if self.kind != "digits" and self.path is None:
            raise ValueError(f'kind = "{self.kind}" needs path, the folder that holds the images')
        return self

    @property
    def storage_size(self) -> int:
        """Height and width at which images are kept, in pixels."""
        if self.image_size is not None:
            return self.image_size
        return DIGITS_SIZE if self.kind == "digits" else DEFAULT_SIZE
