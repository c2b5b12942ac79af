"""`Limits`: the most that a network may have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from tiernas.errors import UsageError
from tiernas.rounding import apart

_UNITS = {
    "params": "parameters",
    "macs": "multiply-accumulates",
    "weights_mb": "MB of weights",
    "activations_mb": "MB of feature maps at a time",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that a network may have; None is no limit. A megabyte is 1,000,000 bytes.

    Attributes:
        params: Trainable parameters.
        macs: Multiply-accumulates at batch 1.
        weights_mb: Memory of the parameters at the engine's precision, see `tiernas.limits.figures_of`.
        activations_mb: Memory of the feature maps that are held at the same time, likewise.

    Raises:
        UsageError: A limit is not above 0.
    """

    params: int | None = None
    macs: int | None = None
    weights_mb: float | None = None
    activations_mb: float | None = None

    def __post_init__(self) -> None:
        for name, limit in self.given.items():
            if not limit > 0:
                raise UsageError(f"{name} = {limit}: must be above 0")

    @property
    def given(self) -> dict[str, float]:
        """The limits that there are, by name."""
        limits = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: limit for name, limit in limits if limit is not None}

    @property
    def words(self) -> str:
        """Such as "at most 2,000,000 parameters and 1.5 MB of weights"; empty without limits."""
        parts = [f"{limit:,.15g} {_UNITS[name]}" for name, limit in self.given.items()]
        return f"at most {' and '.join(parts)}" if parts else ""

    def exceeded_by(self, figures: Mapping[str, float | None]) -> list[str]:
        """What a network has more of than allowed, one text per limit; empty if it is within the limits.

        Args:
            figures: What it has, by name; one that is None is unknown, and not within any limit.
        """
        said = []
        for name, limit in self.given.items():
            figure = figures[name]
            if figure is None:
                said.append(f"does not say its {name}")
            elif figure > limit:
                has, allowed = apart(figure, limit)
                said.append(f"has {has} {_UNITS[name]}, more than {allowed}")
        return said
