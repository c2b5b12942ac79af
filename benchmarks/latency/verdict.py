"""What errors of a latency table mean for tiers, and how its verdict judges good and bad tables of any size.

    python benchmarks/latency/verdict.py

Nothing is measured: the networks of the committed tables are in results/NAME.jsonl, fresh ones in results/NAME.json.

`tiers`: the table's estimates serve as the true latencies of the networks of a space; their simulated estimates have
the errors of the fresh networks, all multiplied until their mean is the target. It counts how many of the networks
estimated in a tier 20 % wide are in it, and how many of the pairs that could share a tier are in the right order. Next
to it is what `chances_inside` predicts from the errors alone, using as many of them as a table has networks.

`verdicts`: tables of a few of the measured networks, chosen at random, with latencies that are randomly longer or
shorter, total and profile alike, as neighbors on the machine would make them; it counts how many are judged good, too
small to decide, and not good enough.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tiernas.latency import LatencyTable, judge_table
from tiernas.latency.estimating.agreement import TIER_WIDTH, chances_inside, near_pairs
from tiernas.testing.latency import shaken

RESULTS = Path(__file__).parent / "results"
NAMES = ("gpunet-openvino-fp32", "gpunet-openvino-int8", "gpunet-onnxruntime-fp32", "gpunet-small-openvino-fp32")
ERRORS = (1, 2, 3, 4, 5, 6, 8, 9, 10, 12, 15, 20, 26, 39)
"""Mean errors in per cent; 26 and 39 were seen beside neighbours."""
SAMPLED, NEAR, BEGINNINGS = 2**14, 400, 40
SIZES = (8, 10, 12, 16, 24, 48)
NOISES = (0.0, 0.05, 0.1, 0.2, 0.4)
REPEATS = 10

FloatArray = npt.NDArray[np.float64]


def main() -> None:
    found: dict[str, Any] = {"tier_width": TIER_WIDTH, "tiers": {}, "verdicts": {}}
    for name in NAMES:
        table = LatencyTable.load(RESULTS / f"{name}.jsonl")
        check = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))["check"]
        errors = np.log([network["estimated_ms"] / network["latency_ms"] for network in check["networks"]])
        found["tiers"][name] = [tiers_at(error, table, errors) for error in ERRORS]
        found["verdicts"][name] = {str(n): verdicts(table, RESULTS / f"{name}.jsonl", n) for n in SIZES}
        print(name, *found["tiers"][name], json.dumps(found["verdicts"][name], indent=1), sep="\n", flush=True)
    (RESULTS / "verdict.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def tiers_at(mape: float, table: LatencyTable, errors: FloatArray) -> dict[str, float]:
    """What is left of tiers at a mean error in per cent."""
    rng = np.random.default_rng(0)
    true_ms = table.estimate(table.space.sample(SAMPLED, 1))
    drawn = rng.choice(errors - np.median(errors), SAMPLED)
    estimated_ms = true_ms * np.exp(drawn * mape / 100 / np.abs(drawn).mean())
    inside, estimated = 0, 0
    for low_ms in np.geomspace(*np.quantile(true_ms, [0.05, 0.8]), BEGINNINGS):
        said, is_in = ((low_ms <= ms) & (ms < low_ms * (1 + TIER_WIDTH)) for ms in (estimated_ms, true_ms))
        inside, estimated = inside + int((said & is_in).sum()), estimated + int(said.sum())
    few = rng.permutation(SAMPLED)[:NEAR]
    pairs = near_pairs(estimated_ms[few], true_ms[few])
    told = float(chances_inside(estimated_ms[few], true_ms[few]).mean())
    shares = {"inside": inside / estimated, "told": told, "in_order": (1 + pairs.tau) / 2}
    return {"mape": mape, **{key: round(share, 3) for key, share in shares.items()}}


def verdicts(table: LatencyTable, path: Path, n: int) -> dict[str, dict[str, Any]]:
    """By noise: mean figures of tables of `n` networks, and how many of them got which verdict."""
    found = {}
    for noise in NOISES:
        judged = []
        for repeat in range(REPEATS):
            order = np.random.default_rng(repeat).permutation(len(table.records))
            chosen = shaken([table.records[index] for index in order[:n]], noise, repeat)
            judged.append(judge_table(LatencyTable(table.header, chosen), path))
        said = Counter(
            "not good enough" if not v.usable else "good" if v.sure else "too few to be sure" for v in judged
        )
        in_order = [v.in_order.share for v in judged if v.in_order]
        found[str(noise)] = {
            "mape": round(float(np.mean([v.mape for v in judged])), 2),
            "inside": round(float(np.mean([v.inside.share for v in judged])), 3),
            "in_order": round(float(np.mean(in_order)), 3) if in_order else None,
            **said,
        }
    return found


if __name__ == "__main__":
    main()
