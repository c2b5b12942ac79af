"""A ladder of anchors: a few networks of a space, from small to large, with which others are interleaved."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from types import TracebackType
from typing import Self

import numpy as np

from tiernas.blocks import BlockRows, LayerRows
from tiernas.engines import Anchor, CompiledNetwork, Engine, Measurement, TurnRule
from tiernas.engines.clock.nearest import nearest_anchor
from tiernas.latency.measuring.untrained import compiled_untrained
from tiernas.spaces import Architecture, SearchSpace, get_space

_STEP = 2.5
"""Multiply-accumulates grow by at most this factor from rung to rung, so that the nearest one is within 1.6."""

_SAMPLED = 512
"""Number of networks of a space from which its rungs are chosen."""

_SEED = 41
"""Seed of these networks, fixed so that the rungs of a space are always the same."""

_ENDS = 0.005, 0.95
"""Quantiles of the multiply-accumulates at which the first and last rung are."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rung:
    """A network that others are measured against.

    Attributes:
        vector: Its integers in its space; empty if it belongs to none.
        architecture: The network.
        num_classes: Its number of classes.
        macs: Its multiply-accumulates.
    """

    vector: tuple[int, ...]
    architecture: Architecture
    num_classes: int
    macs: float


def rungs_of(space: SearchSpace, num_classes: int | None = None) -> tuple[Rung, ...]:
    """The rungs of a space, smallest first; the same on every machine."""
    vectors = space.sample(_SAMPLED, _SEED)
    architectures = [space.decode(vector) for vector in vectors]
    macs = np.array([_macs(architecture) for architecture in architectures])
    least, most = np.quantile(macs, _ENDS)
    wanted = np.geomspace(least, most, 1 + _steps(least, most))
    chosen = dict.fromkeys(int(np.argmin(np.abs(np.log(macs / each)))) for each in wanted)
    return tuple(
        Rung(
            tuple(int(value) for value in vectors[index]),
            architectures[index],
            num_classes or space.num_classes,
            float(macs[index]),
        )
        for index in chosen
    )


@cache
def standard_rungs() -> tuple[Rung, ...]:
    """Rungs for networks of no particular space, smallest first: from 3e6 to 5e10 multiply-accumulates.

    Those of `gpunet-small` and `gpunet`, and in between the smallest one of `gpunet` at lower resolutions.
    """
    small, large = rungs_of(get_space("gpunet-small")), rungs_of(get_space("gpunet"))
    first = large[0]
    missing = np.geomspace(small[-1].macs, first.macs, 1 + _steps(small[-1].macs, first.macs))[1:-1]
    between = []
    for macs in missing:
        pixels = 8 * round(first.architecture.resolution * math.sqrt(macs / first.macs) / 8)
        architecture = first.architecture.resized(pixels)
        between.append(Rung((), architecture, first.num_classes, _macs(architecture)))
    return (*small, *between, *large)


class Ladder:
    """Anchors on an engine, compiled on first use; a context manager that frees them at the end.

    Observed latencies of the rungs are kept for the lifetime of the ladder: one ladder is one session.

    Args:
        rungs: The networks, smallest first, see `rungs_of`.
        engine: The engine to measure with.
        known_ms: Undisturbed latencies of anchors, by name, if known from longer observation than this session
            (`tiernas.latency.estimating.scale`).
    """

    def __init__(self, rungs: Sequence[Rung], engine: Engine, known_ms: Mapping[str, float] | None = None) -> None:
        self.rungs = tuple(rungs)
        self.engine = engine
        self.known_ms = dict(known_ms or {})
        self._anchors: dict[int, Anchor] = {}
        self._open = ExitStack()

    def anchor(self, number: int) -> Anchor:
        """The anchor of a rung, compiled on first use."""
        if number not in self._anchors:
            rung = self.rungs[number]
            network, name = self._open.enter_context(
                compiled_untrained(rung.architecture, rung.num_classes, self.engine)
            )
            self._anchors[number] = network.anchor(name, self.known_ms.get(name))
            _log.debug("anchor %d of %d: %s", number + 1, len(self.rungs), name)
        return self._anchors[number]

    def measure(self, network: CompiledNetwork, rule: TurnRule | None = None, number: int | None = None) -> Measurement:
        """Measures a network interleaved with the anchor of a rung; the nearest by default."""
        number = self.nearest(network) if number is None else number
        return self.anchor(number).measure(network, rule)

    def nearest(self, network: CompiledNetwork) -> int:
        """Index of the rung whose latency is nearest to a network's."""
        known_ms = {number: anchor.about_ms for number, anchor in self._anchors.items()}
        macs = [rung.macs for rung in self.rungs]
        return nearest_anchor(network.about_ms(), macs, known_ms, lambda number: self.anchor(number).about_ms)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._open.close()


def _steps(least: float, most: float) -> int:
    """Number of steps from one number of multiply-accumulates to another."""
    return math.ceil(math.log(most / least) / math.log(_STEP))


def _macs(architecture: Architecture) -> float:
    return float(LayerRows.of(architecture.layers).each(BlockRows.macs).sum())
