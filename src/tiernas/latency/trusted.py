"""How far a measured latency is trusted where something hangs on it."""

from __future__ import annotations

UNSTABLE_WIDENING = 3.0
"""So many times as wide, on a logarithmic scale, an interval is taken to be where the measurement was unstable.

Of 40 records of eight networks, each measured in five processes, 38 of them unstable, the intervals as they are cover
the median of the five in 28, and widened so in 39 (benchmarks/latency/results/repeat.json; a test counts them)."""


def trusted_interval(latency_ms: float, low_ms: float, high_ms: float, *, unstable: bool) -> tuple[float, float]:
    """The interval of a median that decisions are made by, in ms: as measured, or widened where it is unstable."""
    if not unstable:
        return low_ms, high_ms
    return (
        latency_ms * (low_ms / latency_ms) ** UNSTABLE_WIDENING,
        latency_ms * (high_ms / latency_ms) ** UNSTABLE_WIDENING,
    )
