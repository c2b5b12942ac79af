"""`DetectionConfig`: the TOML of a detector."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from tiernas.config.file import read_sections, validated
from tiernas.config.section import Section
from tiernas.config.sections import EngineSection, TableSection
from tiernas.detection.data import SplitFiles
from tiernas.detection.detector import Design
from tiernas.detection.recipe import DetectionRecipe

_STRIDES = (4, 8, 16, 32)

_Side = Annotated[int, Field(ge=32, le=4096)]


def _strides(strides: tuple[int, ...]) -> tuple[int, ...]:
    if tuple(sorted(set(strides))) != strides or not set(strides) <= set(_STRIDES) or not strides:
        raise ValueError("must be increasing, of 4, 8, 16 and 32")
    return strides


class DetectionStudySection(Section):
    """The name of the detector, and where results go.

    Attributes:
        name: Its name; entries of the model table begin with it.
        output: Folder for decoded images, checkpoints, weights and figures.
        seed: Seed of everything random.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$")]
    output: Path
    seed: Annotated[int, Field(ge=0)] = 0


class DetectorSection(Section):
    """What the detector consists of.

    Attributes:
        kind: "ssdlite" or "retinanet".
        backbone: What `tiernas.load` opens, such as "efficientnet-lite0" or the folder of an entry; an architecture's
            JSON file; or `timm:NAME`.
        weights: Weights of the backbone, see `tiernas.load`; "fresh" for random ones.
        strides: Strides of the levels: any of 4, 8, 16 and 32. Fine levels find small objects and cost the most.
        channels: Channels of every level.
        image_size: Height and width of the input, in pixels; images are scaled to it, whatever the ratio of
            their sides.
        anchor_scale: Side of the smallest anchor of a level, in strides.
    """

    kind: Literal["ssdlite", "retinanet"] = "ssdlite"
    backbone: Annotated[str, Field(min_length=1)]
    weights: Annotated[str | None, Field(min_length=1)] = None
    strides: Annotated[tuple[int, ...], AfterValidator(_strides)] = (8, 16, 32)
    channels: Annotated[int, Field(ge=8, le=1024)] = 64
    image_size: tuple[_Side, _Side] = (224, 224)
    anchor_scale: Annotated[float, Field(gt=0.5, le=16)] = 4.0

    def design(self, num_classes: int) -> Design:
        """The detector for a number of classes."""
        return Design(self.kind, self.strides, self.channels, self.image_size, self.anchor_scale, num_classes)


class DetectionDataSection(Section):
    """The data, in COCO's format.

    Attributes:
        train: `instances_*.json` of the training split.
        train_images: Folder or zip archive of its images.
        validation: That of the validation split, which is measured after every epoch.
        validation_images: Folder or zip archive of its images.
        test: That of the test split, for the final measure; the validation split's if there is none.
        test_images: Folder or zip archive of its images.
        name: Name of the data, by which entries are compared; by default that of the folder of `train_images`.
    """

    train: Path
    train_images: Path
    validation: Path
    validation_images: Path
    test: Path | None = None
    test_images: Path | None = None
    name: Annotated[str | None, Field(min_length=1)] = None

    @model_validator(mode="after")
    def _both_of_test(self) -> Self:
        if (self.test is None) != (self.test_images is None):
            raise ValueError("test and test_images belong together; write both, or neither")
        return self

    @property
    def shown(self) -> str:
        """The name shown for the data."""
        return self.name or self.train_images.parent.name

    def files(self) -> tuple[SplitFiles, SplitFiles, SplitFiles | None]:
        """The files of the training, validation and test split."""
        test = None if self.test is None or self.test_images is None else SplitFiles(self.test, self.test_images)
        return SplitFiles(self.train, self.train_images), SplitFiles(self.validation, self.validation_images), test


class DetectionConfig(Section):
    """The whole file.

    Attributes:
        study: The name, and where results go.
        detector: What it consists of.
        data: The data.
        recipe: How it is trained.
        engine: The deployment target.
        table: The model table.
    """

    study: DetectionStudySection
    detector: DetectorSection
    data: DetectionDataSection
    recipe: DetectionRecipe = DetectionRecipe()
    engine: EngineSection = EngineSection()
    table: TableSection = TableSection()


def load_detection_config(path: Path, overrides: Sequence[str] = ()) -> DetectionConfig:
    """Reads a TOML file; relative paths are relative to its folder, those in overrides to the working directory.

    Args:
        path: The file.
        overrides: `section.key=value` each; they replace values of the file.

    Raises:
        UsageError: The file is missing, is not TOML, or has an unknown key or a value that is not allowed.
    """
    return validated(DetectionConfig, read_sections(path, overrides, "docs/detection.md has one"), path)
