"""Measures the noise of the machine by interleaving a network with a copy of itself."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass

from tiernas.doctor.noise import Noise, noise_of
from tiernas.engines import Engine
from tiernas.errors import UsageError
from tiernas.latency.estimating.build import DEFAULT_NETWORKS, RULE
from tiernas.latency.measuring.ladder import rungs_of
from tiernas.latency.measuring.untrained import compiled_untrained
from tiernas.spaces import SearchSpace

_LEAST_S = 1.0
"""Minimum duration of a meaningful trial."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NoiseTrial:
    """How to measure the noise of a machine.

    Attributes:
        space: The space; the middle anchor of its ladder is measured.
        engine: The engine to measure with.
        seconds: Duration.

    Raises:
        UsageError: The time is too short.
    """

    space: SearchSpace
    engine: Engine
    seconds: float = 20.0

    def __post_init__(self) -> None:
        if not _LEAST_S <= self.seconds < math.inf:
            raise UsageError(f"seconds = {self.seconds:g}: must be at least {_LEAST_S:g}")

    def run(self) -> Noise:
        """Measures an anchor interleaved with a second copy of itself, alone on their device."""
        rungs = rungs_of(self.space)
        rung = rungs[len(rungs) // 2]
        begin = time.perf_counter()
        with (
            compiled_untrained(rung.architecture, rung.num_classes, self.engine) as (network, graph),
            network.exclusively(),
        ):
            network.profile()
            prepare_s = time.perf_counter() - begin
            _log.info("noise: two copies of a network take turns for %g s", self.seconds)
            with compiled_untrained(rung.architecture, rung.num_classes, self.engine) as (copy, _):
                trace = network.anchor(graph).trace(copy, self.seconds)
        return noise_of(trace.pairs, trace.level, RULE, prepare_s=prepare_s, networks=DEFAULT_NETWORKS)
