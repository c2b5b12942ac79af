"""Which networks are measured once more."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import TypeVar

from tiernas.engines.measurement import InTurn

K = TypeVar("K", bound=Hashable)

_MOST_REPEATED = 0.25
"""Maximum share of networks measured once more: if most intervals are wide, further networks are more informative."""


def to_measure_again(measured: Sequence[tuple[K, InTurn | None]]) -> list[K]:
    """The networks that were measured once and have a wide interval, widest first.

    Together with those already measured more than once, they are at most a quarter of all networks.

    Args:
        measured: Networks with their measurements, in order; None for those that were not interleaved.
    """
    times = Counter(network for network, _ in measured)
    most = math.ceil(_MOST_REPEATED * len(times)) - sum(count > 1 for count in times.values())
    widths = {
        network: found.width
        for network, found in measured
        if found is not None and found.is_wide and times[network] == 1
    }
    return sorted(widths, key=lambda network: -widths[network])[: max(most, 0)]
