"""Which networks should a latency table measure: a Sobol sequence, or those about which the model is uncertain?

Replays the tables that accuracy.py built: a quarter of the networks is held out, tables grow by four networks at a time
from the rest, and the error on the held-out ones is recorded as a function of the time that measuring would have taken.
"uncertain" is active learning after Cohn (1996): the networks that reduce the expected variance over the space most,
according to a Gaussian process over layers; "uncertain per second" divides that by the time of a measurement.

    python benchmarks/latency/choose_networks.py
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tiernas.blocks import BlockRows
from tiernas.blocks.rows import IntArray
from tiernas.latency import LatencyTable
from tiernas.latency.estimating.equations import equations_of
from tiernas.latency.estimating.layer_model import LayerModel, fit_layers
from tiernas.spaces import SearchSpace
from tiernas.unique_rows import unique_rows

RESULTS = Path(__file__).parent / "results"
TABLES = {"gpunet-openvino-fp32": 3.0, "gpunet-openvino-int8": 8.0}
"""Tables, and the s that export and compilation of one network take; a measurement takes some 15 inferences more."""
RUNS = 15
FIRST, STEP, REPEATS = 12, 4, 4
LENGTH, AMPLITUDE, NOISE = 4.0, 0.3, 0.02

FloatArray = npt.NDArray[np.float64]


def main() -> None:
    found = {}
    for name, fixed_s in TABLES.items():
        table = LatencyTable.load(RESULTS / f"{name}.jsonl")
        equations = equations_of(table.space, table.records)
        vectors = np.array([record.vector for record in table.records])
        cost_s = fixed_s + RUNS * equations.whole_ms / 1e3
        grid_s = np.linspace(cost_s.mean() * FIRST * 1.3, cost_s.sum() * 0.7, 6)
        curves: dict[str, list[FloatArray]] = {}
        for repeat in range(REPEATS):
            order = np.random.default_rng(repeat).permutation(len(vectors))
            held, pool = order[: len(order) // 4], list(order[len(order) // 4 :])
            reference = table.space.sample(96, 100 + repeat)
            for rule in ("sobol", "uncertain", "uncertain per second"):
                known, rest, times_s, errors = pool[:FIRST], pool[FIRST:], [], []
                while True:
                    model, _ = fit_layers(equations.subset(np.array(known)))
                    test = equations.subset(held)
                    estimated_ms = np.bincount(test.network, test.layers.each(model.predict))
                    errors.append(100 * float(np.abs(estimated_ms / test.whole_ms - 1).mean()))
                    times_s.append(cost_s[known].sum())
                    if len(rest) < STEP:
                        break
                    if rule == "sobol":
                        chosen = list(range(STEP))
                    else:
                        price = cost_s[rest] if "per second" in rule else np.ones(len(rest))
                        chosen = uncertain(model, table.space, vectors[known], vectors[rest], reference, price)
                    known = known + [rest[i] for i in chosen]
                    rest = [r for i, r in enumerate(rest) if i not in chosen]
                curves.setdefault(rule, []).append(np.interp(grid_s, times_s, errors))
        mean = {rule: [round(float(e), 2) for e in np.mean(curve, axis=0)] for rule, curve in curves.items()}
        found[name] = {"networks": len(vectors), "time_s": [round(float(s)) for s in grid_s], "mape": mean}
        print(name, json.dumps(found[name]), flush=True)
    (RESULTS / "choose_networks.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def uncertain(
    model: LayerModel, space: SearchSpace, known: IntArray, candidates: IntArray, reference: IntArray, price: FloatArray
) -> list[int]:
    """Indices of the candidates that lower the variance of the reference networks most, chosen one after the other."""
    everything = np.concatenate([candidates, reference, known])
    groups = list(space.layer_groups(everything))
    total_ms, covariance_ms = np.zeros((len(everything), 1)), np.zeros((len(everything), len(everything)))
    for block in dict.fromkeys(group.rows.block for group in groups):
        mine = [group for group in groups if group.rows.block is block]
        values, index = unique_rows(np.concatenate([group.rows.values for group in mine]))
        rows, network = BlockRows(block, values), np.concatenate([group.network for group in mine])
        layer_ms = np.zeros((len(everything), len(rows)))
        times = np.concatenate([group.count for group in mine])
        np.add.at(layer_ms, (network, index), model.predict(rows)[index] * times)
        features = rows.likeness() / LENGTH
        distance = ((features[:, None] - features[None]) ** 2).sum(axis=2)
        total_ms += layer_ms.sum(axis=1, keepdims=True)
        covariance_ms += layer_ms @ np.exp(-0.5 * distance) @ layer_ms.T
    prior = AMPLITUDE**2 * covariance_ms / total_ms / total_ms.T
    c, r = len(candidates), len(candidates) + len(reference)
    gram = prior[r:, r:] + NOISE**2 * np.eye(len(known))
    covariance = prior[:r, :r] - prior[:r, r:] @ np.linalg.solve(gram, prior[r:, :r])
    chosen: list[int] = []
    for _ in range(STEP):
        variance = np.diag(covariance)[:c] + NOISE**2
        gain = (covariance[c:, :c] ** 2).sum(axis=0) / variance / price
        gain[chosen] = -1.0
        best = int(np.argmax(gain))
        chosen.append(best)
        covariance = covariance - np.outer(covariance[:, best], covariance[best]) / variance[best]
    return chosen


if __name__ == "__main__":
    main()
