"""A ladder of anchors: a few networks of a space, of all sizes, that others are measured in turn with."""

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
from tiernas.engines import Anchor, CompiledNetwork, Engine, Measurement, TurnRule, measure_in_turn
from tiernas.latency.measuring.untrained import compiled_untrained
from tiernas.spaces import Architecture, SearchSpace, get_space

_STEP = 2.5
"""From rung to rung the multiply-accumulates grow at most by this factor, so that a near one is within 1.6."""

_SAMPLED = 512
"""Networks of a space among which its rungs are."""

_SEED = 41
"""Of these networks: the rungs of a space are always the same."""

_ENDS = 0.005, 0.95
"""Quantiles of the multiply-accumulates at which the first and the last rung lie."""

_PROBES = 3
"""Inferences by which is found how fast a network is."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rung:
    """A network that others are measured against.

    Attributes:
        vector: Its integers in its space; empty where it is of none.
        architecture: The network.
        num_classes: Its classes.
        macs: Its multiply-accumulates.
    """

    vector: tuple[int, ...]
    architecture: Architecture
    num_classes: int
    macs: float


def rungs_of(space: SearchSpace, num_classes: int | None = None) -> tuple[Rung, ...]:
    """The rungs of a space, the smallest first; the same wherever they are asked for."""
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
    """Rungs for networks of no particular space, the smallest first: from 3e6 to 5e10 multiply-accumulates.

    Those of `gpunet-small` and `gpunet`, and between them the smallest one of `gpunet` at lower resolutions.
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
    """Anchors on an engine, compiled when they are needed; a context manager that frees them at the end.

    What a rung was seen to take is remembered for as long as the ladder lives: one ladder is one session.

    Args:
        rungs: The networks, the smallest first, see `rungs_of`.
        engine: What to measure with.
        known_ms: Undisturbed latencies of anchors, by name, where a longer look than this session's has told them
            (`tiernas.latency.estimating.scale`).
    """

    def __init__(self, rungs: Sequence[Rung], engine: Engine, known_ms: Mapping[str, float] | None = None) -> None:
        self.rungs = tuple(rungs)
        self.engine = engine
        self.known_ms = dict(known_ms or {})
        self._anchors: dict[int, Anchor] = {}
        self._open = ExitStack()

    def anchor(self, number: int) -> Anchor:
        """The anchor of a rung, compiled when it is asked for the first time."""
        if number not in self._anchors:
            rung = self.rungs[number]
            network, name = self._open.enter_context(
                compiled_untrained(rung.architecture, rung.num_classes, self.engine)
            )
            self._anchors[number] = Anchor(network, name, self.known_ms.get(name))
            _log.debug("anchor %d of %d: %s", number + 1, len(self.rungs), name)
        return self._anchors[number]

    def measure(self, network: CompiledNetwork, rule: TurnRule | None = None, number: int | None = None) -> Measurement:
        """Measures a network in turn with the anchor of a rung; the nearest by default."""
        number = self.nearest(network) if number is None else number
        return measure_in_turn(network, self.anchor(number), rule)

    def nearest(self, network: CompiledNetwork) -> int:
        """The number of the rung whose latency is nearest to a network's."""
        network.time_ns()
        network_ms = min(network.time_ns() for _ in range(_PROBES)) / 1e6
        number = min(self._anchors, default=0)
        while True:
            self.anchor(number)
            number = int(np.argmin([abs(math.log(self._about_ms(i) / network_ms)) for i in range(len(self.rungs))]))
            if number in self._anchors:
                return number

    def _about_ms(self, number: int) -> float:
        """How fast a rung is, roughly: by the nearest one that is compiled, in proportion to its work."""
        macs = self.rungs[number].macs
        near = min(self._anchors, key=lambda known: abs(math.log(self.rungs[known].macs / macs)))
        return self._anchors[near].about_ms * macs / self.rungs[near].macs

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._open.close()


def _steps(least: float, most: float) -> int:
    """How many steps lead from a number of multiply-accumulates to another one."""
    return math.ceil(math.log(most / least) / math.log(_STEP))


def _macs(architecture: Architecture) -> float:
    return float(LayerRows.of(architecture.layers).each(BlockRows.macs).sum())
