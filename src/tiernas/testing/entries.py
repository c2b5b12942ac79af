"""An entry of a model table, for tests that need one."""

from __future__ import annotations

from tiernas.spaces import get_space
from tiernas.table import Entry

SPACE = get_space("gpunet-small")
VECTOR = SPACE.sample(1)[0]


def entry(name: str = "a", latency_ms: float = 0.5, accuracy: float = 0.9, device: str = "AMD EPYC") -> Entry:
    """An entry of the network `VECTOR` of `SPACE`."""
    architecture = SPACE.decode(VECTOR)
    return Entry(
        name=name,
        device=device,
        engine="openvino",
        engine_version="2026.1",
        precision="fp32",
        batch=1,
        threads=1,
        latency_ms=latency_ms,
        latency_interval_ms=(latency_ms * 0.99, latency_ms * 1.01),
        latency_unstable=False,
        accuracy=accuracy,
        validation_accuracy=accuracy,
        data="digits",
        data_digest="0" * 16,
        classes=("0", "1", "2"),
        resolution=architecture.resolution,
        input_mean=(0.5, 0.5, 0.5),
        input_std=(0.2, 0.2, 0.2),
        space=SPACE.name,
        vector=tuple(int(v) for v in VECTOR),
        architecture_digest=architecture.digest,
        params=1,
        macs=2,
        recipe={"epochs": 3},
        seed=0,
        source="measured",
        study="digits, tier 0.4-0.8 ms",
        tiernas_version="0.1.0",
        created_at="2026-01-01T00:00:00+00:00",
    )
