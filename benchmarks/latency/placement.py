"""Measures how much a ratio depends on the placement of the networks in memory; writes results/placement.json.

    python benchmarks/latency/placement.py

Two networks take turns for 0.4 s, again and again: without a change in between, after the network is reloaded, and
after the anchor is reloaded, 32 times each. Each time is compared with the one just before, so that slow changes of the
machine do not matter. It reports the standard deviation of the ratio that such steps imply, in percent, also a robust
one by their median, and the time of a reload. The networks are one of about 6 ms with one of about 15 ms, and two of
less than 1 ms. Takes about 3 minutes, on a quiet machine.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from traces import SMALL, TINY, compile_all

from tiernas.engines import Engine, get_engine
from tiernas.engines.clock.turns import Player
from tiernas.engines.lock import device_lock
from tiernas.text_file import replace_text

TIMES, WINDOW_S = 32, 0.4
RESULTS = Path(__file__).parent / "results"

_NORMAL = 1.4826
"""Standard deviation over median absolute deviation, for a normal distribution."""


def main() -> None:
    engine, rows = get_engine("openvino", precision="fp32"), []
    for names in (SMALL, TINY):
        rows.append({"networks": names, **measure(names, engine)})
        print(rows[-1], flush=True)
    measured_at = datetime.now(UTC).isoformat(timespec="seconds")
    document = {"fingerprint": engine.fingerprint().to_dict(), "measured_at": measured_at, "pairs": rows}
    replace_text(RESULTS / "placement.json", json.dumps(document, indent=1) + "\n")


def measure(names: tuple[str, ...], engine: Engine) -> dict[str, Any]:
    """Standard deviations of the ratio of the second network to the first one."""
    with ExitStack() as stack:
        networks = compile_all(names, engine, stack)
        stack.enter_context(device_lock(networks[0].fingerprint.device_slug))
        anchor, network = map(Player, networks)
        changes: dict[str, Callable[[], None]] = {
            "as_loaded": lambda: None,
            "network_anew": network.reload,
            "anchor_anew": anchor.reload,
        }
        steps: dict[str, list[float]] = {name: [] for name in changes}
        took_s: dict[str, list[float]] = {name: [] for name in changes}
        before = log_ratio(anchor, network)
        for _ in range(TIMES):
            for name, change in changes.items():
                began_s = time.perf_counter()
                change()
                took_s[name].append(time.perf_counter() - began_s)
                after = log_ratio(anchor, network)
                steps[name].append(after - before)
                before = after
    found: dict[str, Any] = {"anchor_ms": anchor.about_ms, "network_ms": network.about_ms}
    for name, of_change in steps.items():
        one_of_two = 100 / math.sqrt(2)  # a step is the difference of two ratios
        found[f"{name}_sd_pct"] = one_of_two * float(np.std(of_change))
        found[f"{name}_robust_sd_pct"] = one_of_two * _NORMAL * float(np.median(np.abs(of_change)))
        found[f"{name}_s"] = float(np.median(took_s[name]))
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
