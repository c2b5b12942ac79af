"""Figures of proxy.py: how well short training predicts which network is best after long training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from benchmarks.training.ranks import Estimate, FloatArray, mean_regret, regret, resampled_taus, tau

from tiernas.errors import UsageError

KEYS = ("network", "seed", "epochs")
"""The keys that identify a training run."""

TOP = 3
"""Finalists that are trained long to find the best among them."""


@dataclass(frozen=True, slots=True)
class Trust:
    """How well one length of training predicts the long one.

    Attributes:
        epochs: The length.
        way: "own": trained for this many epochs. "paused": long training, evaluated after this many.
        tau: Kendall's tau-b between its validation accuracies and the test accuracies of long training.
        tau_low: Lower end of the 95 % bootstrap interval of `tau`.
        tau_high: Upper end.
        regret_points: Test accuracy lost by taking the network that looks best, in points.
        regret_of_top_points: The same if the best of the `TOP` that look best is taken.
        mean_regret_points: Regret of the one that looks best, mean over networks resampled with replacement: one draw
            of networks says little about regret.
        minutes_per_network: Duration of one training run and its evaluation, median, on one core.
    """

    epochs: int
    way: str
    tau: float
    tau_low: float
    tau_high: float
    regret_points: float
    regret_of_top_points: float
    mean_regret_points: float
    minutes_per_network: float


def trust(epochs: int, way: str, short: FloatArray, long: FloatArray, took_s: FloatArray) -> Trust:
    """Compares accuracies of the same networks.

    Args:
        epochs: The short length.
        way: "own" or "paused".
        short: `(n,)` validation accuracies of short training.
        long: `(n,)` test accuracies of long training.
        took_s: `(n,)` durations of short training.
    """
    found = Estimate.of(tau(short, long), resampled_taus(short, long))
    return Trust(
        epochs=epochs,
        way=way,
        tau=found.value,
        tau_low=found.low,
        tau_high=found.high,
        regret_points=round(100 * regret(short, long), 2),
        regret_of_top_points=round(100 * regret(short, long, TOP), 2),
        mean_regret_points=round(100 * mean_regret(short, long), 2),
        minutes_per_network=round(float(np.median(took_s)) / 60, 3),
    )


def summarize(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The figures of the report, for every complete seed.

    Raises:
        UsageError: No seed is complete.
    """
    lengths = sorted({line["epochs"] for line in lines})
    found = {tuple(line[key] for key in KEYS): line for line in lines}
    networks = sorted({line["network"] for line in lines})
    by_seed = {}
    for seed in sorted({line["seed"] for line in lines}):
        if len(lengths) > 1 and all((n, seed, e) in found for n in networks for e in lengths):
            by_seed[seed] = _of_seed(found, networks, seed, lengths)
    if not by_seed:
        raise UsageError("no seed is complete: run it first")
    summary: dict[str, Any] = {"networks": len(networks), "long_epochs": lengths[-1], "seeds": by_seed}
    again = [n for n in networks if all((n, seed, lengths[-1]) in found for seed in (0, 1))]
    if len(again) > 1:
        pair = np.array([[found[n, seed, lengths[-1]]["test"] for n in again] for seed in (0, 1)])
        summary["long_again"] = {
            "networks": len(again),
            "tau_between_seeds": round(tau(*pair), 3),
            "seed_deviation_points": round(100 * float(np.sqrt(np.mean((pair[0] - pair[1]) ** 2) / 2)), 2),
        }
    return summary


def _of_seed(
    found: dict[tuple[Any, ...], dict[str, Any]], networks: Sequence[int], seed: int, lengths: Sequence[int]
) -> dict[str, Any]:
    longest = lengths[-1]
    long = np.array([found[n, seed, longest]["test"] for n in networks])
    long_s = np.array([found[n, seed, longest]["took_s"] for n in networks])
    rows = []
    for epochs in lengths:
        own = [found[n, seed, epochs] for n in networks]
        short = np.array([line["validation"][str(epochs)] for line in own])
        rows.append(trust(epochs, "own", short, long, np.array([line["took_s"] for line in own])))
    for epochs in lengths[:-1]:
        paused = [found[n, seed, longest]["validation"] for n in networks]
        if all(str(epochs) in looks for looks in paused):
            short = np.array([looks[str(epochs)] for looks in paused])
            rows.append(trust(epochs, "paused", short, long, long_s * epochs / longest))
    return {
        "long_test_points": {
            "best": round(100 * float(long.max()), 2),
            "mean": round(100 * float(long.mean()), 2),
            "worst": round(100 * float(long.min()), 2),
        },
        "long_minutes_per_network": round(float(np.median(long_s)) / 60, 3),
        "regret_of_chance_points": round(100 * float(long.max() - long.mean()), 2),
        "lengths": [asdict(row) for row in rows],
    }
