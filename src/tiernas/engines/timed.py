"""What the clock needs of a network: to run it once, and to know on what it runs."""

from __future__ import annotations

import abc
import time
from collections.abc import Mapping
from typing import Any

from tiernas.engines.fingerprint import Fingerprint


class TimedNetwork(abc.ABC):
    """A network whose single inferences are timed.

    Attributes:
        fingerprint: What it runs on.
    """

    fingerprint: Fingerprint

    @abc.abstractmethod
    def infer(self) -> None:
        """Runs once on prepared buffers, without copies from or to the host, and waits until it has finished."""

    def time_ns(self) -> int:
        """Runs once like `infer` and returns the duration in ns; called by the clock.

        Uses the host's clock; an engine overrides it if the device has a better one (events of a GPU).
        """
        start = time.perf_counter_ns()
        self.infer()
        return time.perf_counter_ns() - start

    def device_state(self) -> Mapping[str, Any]:
        """The current state of the device as far as latency depends on it: clocks, power, throttling; for JSON.

        Read before and after timing. Empty if the device does not report it.
        """
        return {}

    @abc.abstractmethod
    def reload(self) -> None:
        """Reloads the network, so that its packed weights and its buffers are placed elsewhere in memory.

        All decisions made at compilation are kept: nothing is quantized again, and kernels that were chosen by timing
        are not chosen again. Placement in memory can change the latency, so a long measurement (`TurnRule.reload_s`)
        covers several loads. An engine that can do this only partly documents what it does.
        """
