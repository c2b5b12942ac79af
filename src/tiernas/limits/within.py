"""`WithinLimits`: which networks of a space are within limits, and which limits exclude the others."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tiernas.blocks.rows import BoolArray, FloatArray, IntArray
from tiernas.limits.figures import figures_of, require_width
from tiernas.limits.limits import Limits
from tiernas.rounding import rounded_up
from tiernas.spaces import Architecture, SearchSpace
from tiernas.spaces.sizes import architecture_sizes, network_sizes

_DIGITS = 3
"""Significant digits of what a network needs, rounded up; those before the decimal point are never rounded."""


class WithinLimits:
    """Decides which networks of a space are within limits. Without limits nothing is counted.

    Args:
        limits: The limits.
        space: The space.
        num_classes: Number of classes of the networks.
        precision: Precision of the engine.
        batch: Images per inference.

    Raises:
        UsageError: There are limits in megabytes, and the width of the precision is unknown.
    """

    def __init__(self, limits: Limits, space: SearchSpace, *, num_classes: int, precision: str, batch: int) -> None:
        require_width(limits, precision)
        self.limits = limits
        self._space = space
        self._num_classes = num_classes
        self._precision = precision
        self._batch = batch

    def __call__(self, vectors: IntArray) -> BoolArray:
        """Mask of the networks (`n`) that are within the limits, out of many (`n x d`).

        Raises:
            UsageError: There are limits, and a network has a block that does not count its sizes.
        """
        allowed = np.ones(len(vectors), dtype=np.bool_)
        for name, figures in self._limited(vectors).items():
            allowed &= figures <= self.limits.given[name]
        return allowed

    def excluding(self, vectors: IntArray) -> str:
        """Which limits exclude networks (`n x d`), none of which is within the limits, and what the nearest one needs.

        Such as "params = 50000 excludes 812 and macs = 1000000 excludes 790; the nearest one needs params = 61234".
        The nearest one exceeds its limits by the smallest factor.
        """
        limits = self.limits.given
        counts = {name: int((figures > limits[name]).sum()) for name, figures in self._limited(vectors).items()}
        by = " and ".join(f"{name} = {limits[name]:.15g} excludes {count}" for name, count in counts.items() if count)
        return f"{by}; the nearest one needs {self.needed_by(vectors)}"

    def needed_by(self, vectors: IntArray) -> str:
        """The limits that the nearest of some networks (`n x d`) needs instead, such as "params = 61234"."""
        limits, figures = self.limits.given, self._limited(vectors)
        nearest = np.max([each / limits[name] for name, each in figures.items()], axis=0).argmin()
        return self._needed({name: float(each[nearest]) for name, each in figures.items()})

    def needed_beyond(self, architecture: Architecture) -> str:
        """The limits that a network, of the space or not, needs instead; empty if it is within them.

        Such as "params = 61234".
        """
        if not self.limits.given:
            return ""
        sizes = architecture_sizes(architecture, self._num_classes)
        if sizes is None:
            return "blocks that count their sizes"
        figures = figures_of(sizes, self._precision, self._batch)
        return self._needed({name: float(figures[name][0]) for name in self.limits.given})

    def _needed(self, figures: Mapping[str, float]) -> str:
        needed = {name: figure for name, figure in figures.items() if figure > self.limits.given[name]}
        return " and ".join(f"{name} = {rounded_up(figure, _DIGITS)}" for name, figure in needed.items())

    def _limited(self, vectors: IntArray) -> dict[str, FloatArray]:
        """The figures (`n`) of the networks to which there are limits, by name."""
        limits = self.limits.given
        if not limits:
            return {}
        sizes = network_sizes(self._space, vectors, self._num_classes)
        figures = figures_of(sizes, self._precision, self._batch)
        return {name: figures[name] for name in limits}
