"""The factors, and the networks that differ from a base in one of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from tiernas.blocks import ACTIVATIONS
from tiernas.errors import UsageError
from tiernas.spaces import Architecture, StagedArchitecture, read_architecture, released
from tiernas.spaces.staged import round_channels

KERNELS = (3, 5, 7)
"""Kernel sizes of the spatial convolutions: the two in the paper's Table 1, and 7, which GPUNet-D1 uses."""

EXPANSIONS = (1, 2, 3, 4, 5, 6)
"""Expansions in Fig. 3 of the paper."""

MULTIPLIERS = (0.5, 0.75, 1.0, 1.25, 1.5)
"""Multipliers of filters and resolution."""

DEPTHS = (0.5, 1.0, 1.5, 2.0)
"""Multipliers of layers, rounded up as in EfficientNet (arXiv 1905.11946)."""

CHANNEL_STEP = 8
"""Filters and resolution are rounded to multiples of this."""


class Factor(StrEnum):
    """A design choice that is varied."""

    ACTIVATION = "activation"
    KERNEL = "kernel"
    EXPANSION = "expansion"
    SQUEEZE_EXCITE = "squeeze-excite"
    FILTERS = "filters"
    LAYERS = "layers"
    RESOLUTION = "resolution"

    def label(self, value: str | float) -> str:
        """A value of this factor, for people."""
        if isinstance(value, str):
            return value
        return f"{value:g} x" if self in (Factor.FILTERS, Factor.LAYERS) else f"{value:g}"


def get_factor(name: str) -> Factor:
    """The factor of a name.

    Raises:
        UsageError: There is no such factor.
    """
    if name not in tuple(Factor):
        raise UsageError(f"no factor {name!r}; there are: {', '.join(Factor)}")
    return Factor(name)


@dataclass(frozen=True, slots=True)
class Base:
    """The network around which the factors are varied.

    Attributes:
        name: Its name in tables and figures.
        architecture: The network.
        num_classes: Its number of classes.
    """

    name: str
    architecture: StagedArchitecture
    num_classes: int = 1000

    def __post_init__(self) -> None:
        if self.architecture.shrunk_layer is not None:
            raise UsageError(
                f"base {self.name}: {self.architecture.resolution} pixels shrink to nothing before the head; "
                "choose a larger resolution"
            )


@dataclass(frozen=True, slots=True)
class Variant:
    """The base with one factor set to one value.

    Attributes:
        factor: The factor.
        value: Its value: a name, or a number (pixels for the resolution, a multiple of the base's for filters and
            layers).
        architecture: The network.
    """

    factor: Factor
    value: str | float
    architecture: StagedArchitecture


def base_network(name_or_path: str, *, resolution: int | None = None, num_classes: int = 1000) -> Base:
    """The base given by the name of a released network or the path of an architecture's JSON file.

    Args:
        name_or_path: Such as `gpunet_0` or `my-network.json`.
        resolution: Replaces the network's own.
        num_classes: Its number of classes.

    Raises:
        UsageError: There is no such network or file, the file does not contain an architecture, or a value is out of
            range.
    """
    path = Path(name_or_path)
    architecture: Architecture
    if path.suffix == ".json":
        name, architecture = path.stem, read_architecture(path)
    else:
        name, architecture = name_or_path, released(name_or_path)
    if num_classes < 1:
        raise UsageError(f"classes = {num_classes}: must be at least 1")
    if resolution is not None:
        architecture = architecture.resized(resolution)
    if not isinstance(architecture, StagedArchitecture):
        raise UsageError(f"{name_or_path}: has no stages, which the factors vary; choose a network with stages")
    return Base(name, architecture, num_classes)


def variants(base: StagedArchitecture, factor: Factor) -> tuple[Variant, ...]:
    """The base with a factor set to each of its values, in ascending order if they are numbers.

    A value is set in all stages at once (the activation also in stem and head), and everything else is unchanged: a
    base that mixes values is not one of the variants. Values that result in the same network, or in one whose maps
    shrink to nothing, are omitted.
    """
    found: dict[StagedArchitecture, Variant] = {}
    for value, architecture in _values(base, factor):
        if architecture.shrunk_layer is None:
            found.setdefault(architecture, Variant(factor, value, architecture))
    return tuple(found.values())


def _values(base: StagedArchitecture, factor: Factor) -> list[tuple[str | float, StagedArchitecture]]:
    match factor:
        case Factor.ACTIVATION:
            return [(name, _with_activation(base, name)) for name in ACTIVATIONS]
        case Factor.KERNEL:
            return [(kernel, _with_stages(base, kernel=kernel)) for kernel in KERNELS]
        case Factor.EXPANSION:
            return [(expansion, _with_residuals(base, expansion=expansion)) for expansion in EXPANSIONS]
        case Factor.SQUEEZE_EXCITE:
            return [(name, _with_residuals(base, squeeze_excite=on)) for name, on in [("none", False), ("all", True)]]
        case Factor.FILTERS:
            return [(multiplier, _widened(base, multiplier)) for multiplier in MULTIPLIERS]
        case Factor.LAYERS:
            return [(multiplier, _deepened(base, multiplier)) for multiplier in DEPTHS]
        case Factor.RESOLUTION:
            sizes = [base.resolution if m == 1 else _rounded(base.resolution * m) for m in MULTIPLIERS]
            return [(size, replace(base, resolution=size)) for size in sizes]


def _with_stages(base: StagedArchitecture, **changes: Any) -> StagedArchitecture:
    return replace(base, stages=tuple(replace(stage, **changes) for stage in base.stages))


def _with_residuals(base: StagedArchitecture, **changes: Any) -> StagedArchitecture:
    """Changes the stages of IRB and fused IRB; plain convolutions have no expansion and no squeeze-and-excitation."""
    stages = (stage if stage.block == "conv" else replace(stage, **changes) for stage in base.stages)
    return replace(base, stages=tuple(stages))


def _with_activation(base: StagedArchitecture, name: str) -> StagedArchitecture:
    stem, head = replace(base.stem, activation=name), replace(base.head, activation=name)
    return replace(_with_stages(base, activation=name), stem=stem, head=head)


def _widened(base: StagedArchitecture, multiplier: float) -> StagedArchitecture:
    """Widens stem and stages; the head keeps its width, as in the paper's Table 1."""
    if multiplier == 1:
        return base
    stages = (replace(stage, filters=_rounded(stage.filters * multiplier)) for stage in base.stages)
    stem = replace(base.stem, filters=_rounded(base.stem.filters * multiplier))
    return replace(base, stem=stem, stages=tuple(stages))


def _deepened(base: StagedArchitecture, multiplier: float) -> StagedArchitecture:
    stages = (replace(stage, layers=math.ceil(stage.layers * multiplier)) for stage in base.stages)
    return replace(base, stages=tuple(stages))


def _rounded(size: float) -> int:
    return round_channels(size, CHANNEL_STEP)
