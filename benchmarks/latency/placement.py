"""Measures how much a ratio depends on the placement of the networks in memory; writes results/placement.json.

    python benchmarks/latency/placement.py

Two networks take turns for 0.4 s, 24 times: without a change in between, with the network reloaded each time, and with
the anchor reloaded each time. It reports the standard deviation of the ratio, in percent, and the time of a reload. The
networks are one of about 6 ms with one of about 15 ms, and two of less than 1 ms.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from traces import SMALL, TINY, compile_all

from tiernas.engines import get_engine
from tiernas.engines.clock.turns import Player
from tiernas.engines.lock import device_lock

ENGINE, PRECISION = "openvino", "fp32"
TIMES, WINDOW_S = 24, 0.4
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    rows = []
    for names in (SMALL, TINY):
        rows.append({"networks": names, "engine": ENGINE, "precision": PRECISION, **measure(names)})
        print(rows[-1], flush=True)
        (RESULTS / "placement.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def measure(names: tuple[str, ...]) -> dict[str, Any]:
    """Standard deviations of the ratio of the second network to the first one."""
    engine = get_engine(ENGINE, precision=PRECISION)
    with ExitStack() as stack:
        networks = compile_all(names, engine, stack)
        stack.enter_context(device_lock(networks[0].fingerprint.device_slug))
        anchor, network = map(Player, networks)
        found: dict[str, Any] = {"anchor_ms": anchor.about_ms, "network_ms": network.about_ms}
        changes: dict[str, Callable[[], None]] = {
            "as_loaded": lambda: None,
            "network_anew": network.reload,
            "anchor_anew": anchor.reload,
        }
        for name, change in changes.items():
            begin, ratios = time.perf_counter(), []
            for _ in range(TIMES):
                change()
                ratios.append(log_ratio(anchor, network))
            found[f"{name}_sd_pct"] = 100 * float(np.std(ratios))
            found[f"{name}_s"] = (time.perf_counter() - begin) / TIMES - WINDOW_S
        return found


def log_ratio(anchor: Player, network: Player) -> float:
    """The median over a window."""
    ratios, end = [], time.perf_counter() + WINDOW_S
    before_ms = anchor.turn_ms()
    while time.perf_counter() < end:
        network_ms, after_ms = network.turn_ms(), anchor.turn_ms()
        ratios.append(np.log(network_ms) - (np.log(before_ms) + np.log(after_ms)) / 2)
        before_ms = after_ms
    return float(np.median(ratios))


if __name__ == "__main__":
    main()
