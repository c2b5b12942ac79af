"""What the interval of a record covers: how often, where loads differ as they do on noisy machines.

    python benchmarks/latency/interval.py

Loads are simulated, the rest is `tiernas.engines`: loads with independent normal deviations are pooled by the rule of
`measure_loads` (six at least, more until the interval is narrower than 2 %, at most as many as fit into 10 s, which are
14 of slow networks and 33 of fast ones), and it is counted whether the interval holds the true latency. Stopping as
soon as the interval is narrow, and then looking only at records that settled, picks those whose loads happened to
agree. Writes results/interval.json.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from tiernas.engines import Measurement
from tiernas.engines.loads import FEWEST, pool

RESULTS = Path(__file__).parent / "results"
SPREADS = (0.005, 0.01, 0.015, 0.02, 0.03, 0.05)
"""Standard deviations of loads around the true latency, as shares of it."""
RECORDS, SEED = 1000, 0
MOST_LOADS = (14, 33)
"""What fits into the 10 s: each load takes 0.2 s of warm-up and from 0.5 to 0.1 s of timing."""
TRUE_MS = 10.0


def main() -> None:
    rows = [coverage(spread, most) for most in MOST_LOADS for spread in SPREADS]
    (RESULTS / "interval.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    for row in rows:
        print("  ".join(f"{key} {'-' if value is None else format(value, '.3g')}" for key, value in row.items()))


def coverage(spread: float, most_loads: int) -> dict[str, Any]:
    """Shares of simulated records, by whether they are called stable, and of those whose interval holds the truth."""
    rng = np.random.default_rng(SEED)
    records = [measured(rng, spread, most_loads) for _ in range(RECORDS)]
    stable = [record for record in records if not record.unstable]
    fixed = [pool(loads(rng, spread, most_loads), spare_cores=1) for _ in range(RECORDS)]
    return {
        "most_loads": most_loads,
        "spread_pct": 100 * spread,
        "stable_pct": 100 * len(stable) / RECORDS,
        "stable_covered_pct": covered_pct(stable),
        "unstable_covered_pct": covered_pct([record for record in records if record.unstable]),
        "all_covered_pct": covered_pct(records),
        "mean_loads": float(np.mean([record.loads for record in records])),
        "fixed_number_of_loads_covered_pct": covered_pct(fixed),
    }


def measured(rng: np.random.Generator, spread: float, most_loads: int) -> Measurement:
    """A record as `measure_loads` makes it."""
    drawn = loads(rng, spread, FEWEST)
    while (found := pool(drawn, spare_cores=1)).unstable and len(drawn) < most_loads:
        drawn += loads(rng, spread, 1)
    return found


def loads(rng: np.random.Generator, spread: float, n: int) -> list[Measurement]:
    """Undisturbed loads of a network."""
    return [
        Measurement(ms, ms, ms, ms, ms, ms, cv=0.0, runs=100, preemptions=0, unstable=False)
        for ms in TRUE_MS * (1 + spread * rng.standard_normal(n))
    ]


def covered_pct(records: list[Measurement]) -> float | None:
    """Per cent of the records whose interval holds the truth; None without any."""
    return 100 * float(np.mean([r.low_ms <= TRUE_MS <= r.high_ms for r in records])) if records else None


if __name__ == "__main__":
    main()
