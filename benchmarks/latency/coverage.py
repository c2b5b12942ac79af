"""Measures how often the interval of a ratio covers it, for simulated measurements on recorded turns and for real ones.

    python benchmarks/latency/coverage.py
    python benchmarks/latency/coverage.py --live

On each trace of results/traces (`traces.py`), 200 measurements start at random times and end by the clock's own rule
and estimate; the anchor's level is computed from everything observed of it so far. The true value is the median ratio
of the quiet pairs of the whole trace. The spread between measurements is compared with that of the network's own median
over exactly the same times. `error_pct_anchor_every` is the root mean square error of five seconds in which the anchor
runs after every turn of the network, after every second, or after every fourth one. Writes results/coverage.json.

`--live` measures one network 200 times next to a neighbor (`tiernas.testing.neighbour`), like a network of a table; the
true value is the median of all 200 ratios. It takes about 20 minutes and resumes where it stopped. Writes
results/coverage-live.json.
"""

from __future__ import annotations

import argparse
import json
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from traces import SMALL, compile_all

from tiernas.engines import InTurn, TurnRule, get_engine
from tiernas.engines.clock.level import UNDISTURBED
from tiernas.engines.clock.ratio import Pairs, Ratio, estimate_ratio
from tiernas.engines.clock.turns import FAST_MS, TURN_MS
from tiernas.latency.estimating.build import RULE as LIVE_RULE
from tiernas.testing.neighbour import neighbour
from tiernas.text_file import replace_text

RESULTS = Path(__file__).parent / "results"
REPEATS, SEED = 200, 0
RULE = TurnRule()
EVERY, WINDOW_S = (1, 2, 4), 5.0

FloatArray = npt.NDArray[np.float64]


class Simulated(NamedTuple):
    """A measurement on a part of a trace."""

    ratio: Ratio
    seconds: float
    alone_ms: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("traces", nargs="*", type=Path, help="files of traces.py (default: all of results/traces)")
    parser.add_argument("--live", action="store_true", help="measure, next to a neighbor")
    parser.add_argument("--out", type=Path, help="where to write (default: coverage.json or coverage-live.json)")
    arguments = parser.parse_args()
    if arguments.live:
        live(arguments.out or RESULTS / "coverage-live.json")
        return
    rows = []
    for path in arguments.traces or sorted((RESULTS / "traces").glob("*.npz")):
        with np.load(path) as trace:
            starts_s, turns_ms, names = trace["S"].astype(float), trace["T"].astype(float), trace["names"].tolist()
        for place in range(1, len(names)):
            rows.append({"trace": path.stem, "anchor": names[0], "network": names[place]})
            rows[-1] |= summary(starts_s - starts_s[0], turns_ms[:, 0], turns_ms[:, place])
            print(
                "  ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in rows[-1].items()),
                flush=True,
            )
    replace_text(arguments.out or RESULTS / "coverage.json", json.dumps(rows, indent=1) + "\n")


def live(path: Path) -> None:
    """Measures the second network of `traces.SMALL` in turn with the first one, again and again."""
    engine = get_engine("openvino", precision="fp32")
    fingerprint = engine.fingerprint().to_dict()
    there = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"fingerprint": fingerprint}
    if there["fingerprint"] != fingerprint:
        raise SystemExit(f"{path}: was measured on another device or engine; move it away to measure here")
    found: list[InTurn] = [InTurn.from_dict(turns) for turns in there.get("measurements", ())]
    with ExitStack() as stack:
        networks = compile_all(SMALL, engine, stack)
        anchor = networks[0].anchor(SMALL[0])
        stack.enter_context(neighbour(SEED + len(found)))
        while len(found) < REPEATS:
            turns = anchor.measure(networks[1], LIVE_RULE).in_turn
            assert turns is not None
            found.append(turns)
            figures = live_figures(found)
            measurements = [asdict(one) for one in found]
            document = {"fingerprint": fingerprint, **figures, "measurements": measurements}
            replace_text(path, json.dumps(document) + "\n")
            if len(found) % 20 == 0:
                print(figures, flush=True)


def live_figures(found: list[InTurn]) -> dict[str, Any]:
    """How many of the intervals cover the median of the ratios, how wide they are, and how far the ratios spread."""
    ratio = float(np.median([turns.ratio for turns in found]))
    return {
        "anchor": SMALL[0],
        "network": SMALL[1],
        "repeats": len(found),
        "from": found[0].measured_at,
        "to": found[-1].measured_at,
        "ratio": ratio,
        "covered_pct": 100 * float(np.mean([turns.ratio_low <= ratio <= turns.ratio_high for turns in found])),
        "width_pct": 100 * float(np.median([turns.width for turns in found])),
        "ratio_spread_pct": 100 * float(np.std([np.log(turns.ratio) for turns in found])),
        "found_spread_pct": 100 * float(np.std([np.log(turns.ratio_found) for turns in found])),
    }


def summary(starts_s: FloatArray, anchor_ms: FloatArray, network_ms: FloatArray) -> dict[str, Any]:
    """Figures of the measurements of one pair, from `n` turns of each and when they began."""
    truth = true_ratio(anchor_ms, network_ms)
    rng = np.random.default_rng(SEED)
    last = int(np.searchsorted(starts_s, starts_s[-1] - RULE.limit_s))
    found = [simulate(starts_s, anchor_ms, network_ms, int(rng.integers(last))) for _ in range(REPEATS)]
    ended = [one for one in found if one is not None]
    return {
        "repeats": len(ended),
        "truth": truth,
        "covered_pct": 100 * float(np.mean([one.ratio.low <= truth <= one.ratio.high for one in ended])),
        "width_pct": 100 * float(np.median([one.ratio.width for one in ended])),
        "seconds": float(np.median([one.seconds for one in ended])),
        "quiet_pct": 100 * float(np.mean([one.ratio.quiet_pairs / one.ratio.pairs for one in ended])),
        "ratio_spread_pct": 100 * float(np.std([np.log(one.ratio.ratio) for one in ended])),
        "ratio_off_pct": 100 * float(np.mean([np.log(one.ratio.ratio / truth) for one in ended])),
        "alone_spread_pct": 100 * float(np.std([np.log(one.alone_ms) for one in ended])),
        "error_pct_anchor_every": {every: error_pct(anchor_ms, network_ms, every, truth) for every in EVERY},
    }


def true_ratio(anchor_ms: FloatArray, network_ms: FloatArray) -> float:
    """The median over the quiet pairs of all turns."""
    pairs = Pairs(np.arange(len(anchor_ms) - 1.0), network_ms[:-1], anchor_ms[:-1], anchor_ms[1:])
    quiet = pairs.are_quiet(float(np.quantile(anchor_ms, UNDISTURBED)))
    return float(np.exp(np.median(pairs.log_ratios[quiet])))


def error_pct(anchor_ms: FloatArray, network_ms: FloatArray, every: int, truth: float) -> float:
    """Root mean square error of measurements whose anchor runs after so many turns of the network."""
    groups = len(anchor_ms) // every - 1
    before_ms, after_ms = anchor_ms[: groups * every : every], anchor_ms[every : (groups + 1) * every : every]
    network_s = turns_s(network_ms[: groups * every]).reshape(-1, every).sum(axis=1)
    begins_s = np.append(0.0, np.cumsum(turns_s(before_ms) + network_s))
    rng = np.random.default_rng(SEED)
    last = int(np.searchsorted(begins_s, begins_s[-1] - WINDOW_S))
    errors = []
    for start in rng.integers(max(last, 1), size=REPEATS):
        end = min(max(int(np.searchsorted(begins_s, begins_s[start] + WINDOW_S)), start + 1), groups)
        rows = slice(start, end)
        at_s, before, after = (np.repeat(values[rows], every) for values in (begins_s, before_ms, after_ms))
        pairs = Pairs(at_s - at_s[0], network_ms[start * every : end * every], before, after)
        undisturbed_ms = float(np.quantile(before_ms[:end], UNDISTURBED))
        errors.append(np.log(estimate_ratio(pairs, undisturbed_ms).ratio / truth))
    return 100 * float(np.sqrt(np.mean(np.square(errors))))


def turns_s(times_ms: FloatArray) -> FloatArray:
    """How long turns took whose median inferences took so long."""
    inferences = np.maximum(1, np.round(TURN_MS / times_ms)) + (times_ms < FAST_MS)
    return inferences * times_ms / 1e3


def simulate(starts_s: FloatArray, anchor_ms: FloatArray, network_ms: FloatArray, start: int) -> Simulated | None:
    """The measurement that begins at a row; None where the trace ends before it."""
    n = RULE.next_look(0)
    while start + n + 1 < len(starts_s):
        rows, end = slice(start, start + n), start + n
        elapsed_s = float(starts_s[end] - starts_s[start]) + anchor_ms[end] / 1e3
        if elapsed_s >= RULE.min_s:
            at_s = starts_s[rows] - starts_s[start]
            pairs = Pairs(at_s, network_ms[rows], anchor_ms[rows], anchor_ms[start + 1 : end + 1])
            ratio = estimate_ratio(pairs, float(np.quantile(anchor_ms[: end + 1], UNDISTURBED)), RULE.block_s)
            if RULE.is_over(ratio, elapsed_s):
                return Simulated(ratio, elapsed_s, float(np.median(network_ms[rows])))
            n = RULE.next_look(n)
        else:
            n += 1
    return None


if __name__ == "__main__":
    main()
