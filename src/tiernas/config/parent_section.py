"""The `[parent]` section of the file."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from tiernas.config.section import Section
from tiernas.spaces.parent import CHANNEL_PERCENT, RESOLUTION


def _increasing(values: tuple[int, ...]) -> tuple[int, ...]:
    if any(later <= earlier for earlier, later in pairwise(values)):
        raise ValueError("must increase")
    return values


def _up_to_the_whole(percent: tuple[int, ...]) -> tuple[int, ...]:
    if percent[-1] != CHANNEL_PERCENT[-1]:
        raise ValueError("must end with 100, the whole parent")
    return _increasing(percent)


class ParentSection(Section):
    """The trained network whose parts are searched with `study.space = "parent"`.

    Attributes:
        network: Anything that `tiernas.load` opens: "efficientnet-lite0", "timm:NAME", a released GPUNet, or the folder
            of an entry, an export or a training run.
        weights: File with its weights, if it comes without weights or is to use others.
        resolution: Allowed resolutions of the input, in pixels.
        channel_percent: Allowed percentages of the parent's channels: filters of stem, stages and head, and expanded
            channels of each stage.
        compared: Resolutions, among those allowed, at which the whole parent is trained and entered like a finalist, in
            whatever tier it is, as the baseline for the search.
    """

    network: Annotated[str, Field(min_length=1)]
    weights: Annotated[str | None, Field(min_length=1)] = None
    resolution: Annotated[
        tuple[Annotated[int, Field(ge=8, le=1024)], ...], Field(min_length=1), AfterValidator(_increasing)
    ] = RESOLUTION
    channel_percent: Annotated[
        tuple[Annotated[int, Field(ge=1, le=100)], ...], Field(min_length=1), AfterValidator(_up_to_the_whole)
    ] = CHANNEL_PERCENT
    compared: tuple[int, ...] = ()

    @field_validator("compared")
    @classmethod
    def _among_the_resolutions(cls, compared: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
        allowed = info.data.get("resolution", compared)
        if wrong := [resolution for resolution in compared if resolution not in allowed]:
            raise ValueError(f"{wrong[0]} is not among parent.resolution, {', '.join(map(str, allowed))}")
        return _increasing(compared)
