"""The ways to train briefly that ranking.py compares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from tiernas.spaces import Architecture, LayeredArchitecture
from tiernas.training import RecipeConfig, TeacherConfig

SEARCH = "search"
"""The way of the search."""

TEACHER = TeacherConfig(kind="efficientnet-lite", name="lite0", resolution=64)
"""At 64 px it is four times as fast as at 96 px; see docs/training.md."""

_CHANNELS = frozenset({"in_channels", "out_channels", "mid_channels", "se_channels", "filters", "hidden"})
"""Fields of a layer that count channels."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way to train briefly.

    Attributes:
        recipe: Keys of the recipe that differ from that of the search.
        images: Fraction of the training images.
        halved: Whether all layers have half as many channels.
        inherits: Whether networks start with weights of the largest network of the space.
    """

    recipe: Mapping[str, Any] = field(default_factory=dict)
    images: float = 1.0
    halved: bool = False
    inherits: bool = False


def ways_for(recipe: RecipeConfig) -> dict[str, Way]:
    """All ways by name, that of the search first; without those that the recipe uses anyway."""
    ways = {
        SEARCH: Way(),
        "average": Way({"ema_decay": 0.99}),
        "growing": Way({"start_scale": 0.5}),
        "teacher": Way({"teacher": TEACHER}),
        "teacher-once": Way({"teacher": TEACHER, "crop_padding": 0.0, "flip": False}),
        "half-width": Way(halved=True),
        "half-images": Way(images=0.5),
        "half-rate": Way({"learning_rate": recipe.learning_rate / 2}),
        "double-rate": Way({"learning_rate": 2 * recipe.learning_rate}),
        "inherited": Way(inherits=True),
    }
    if recipe.ema_decay:
        del ways["average"]
    if recipe.start is not None:
        del ways["inherited"]
    return ways


def halved(architecture: Architecture) -> Architecture:
    """The network with half as many channels in all layers, rounded up; an image keeps its three."""
    first, *others = architecture.layers
    layers = (_halved(first, keep="in_channels"), *(_halved(layer) for layer in others))
    return LayeredArchitecture(architecture.resolution, layers, architecture.bn_eps)


def _halved(layer: Any, keep: str = "") -> Any:
    names = {each.name for each in fields(layer)} & _CHANNELS - {keep}
    return replace(layer, **{name: (getattr(layer, name) + 1) // 2 for name in names})
