"""The prior of the length scales, on networks that were really trained; writes results/length-scales.json.

From the root of the repository, about a minute:

    export OMP_NUM_THREADS=1 TIERNAS_SEARCH_TABLES=<folder of the tables>
    python benchmarks/search/length_scales.py

A Gaussian process is fitted to some networks and predicts 1,000 others: the 5,138 ImageNet proxies of Accel-NASBench as
trained, not a fit to them, and NAS-Bench-201 on CIFAR-100. The results are means over eight choices of the networks:
Kendall's tau over all, over the best 30 %, and the mean log density.

Priors differ in the deviation of the logarithm of a length scale, and in what is maximized: the density of the
logarithm, as in the search, or that of the length, which for `LogNormal(m, d)` is the same with a mean of `m - d^2`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from unittest import mock

import numpy as np
import numpy.typing as npt
from scipy.stats import kendalltau
from tasks import RESULTS, add_tables_option, clear_errors

from tiernas.errors import UsageError
from tiernas.search import hyperparameters
from tiernas.search.encoding import Encoding
from tiernas.search.lattice import Lattice
from tiernas.search.surrogate import Surrogate

PRIORS = (("length", 3**0.5), *(("logarithm", deviation) for deviation in (3**0.5, 1.0, 0.5, 0.25)))
"""The variable whose density is maximized, and the deviation of the logarithm."""

FITTED = (30, 60, 120, 300)
CHOICES = 8
PREDICTED = 1000

FloatArray = npt.NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=RESULTS)
    add_tables_option(parser)
    args = parser.parse_args()
    with clear_errors():
        spaces = {"anb_mnasnet_imagenet": mnasnet(args.tables), "nasbench201": nasbench201(args.tables)}
    rows = []
    for space, (Z, y) in spaces.items():
        for n in FITTED:
            for maximised, deviation in PRIORS:
                shift = deviation**2 if maximised == "length" else 0.0
                prior = {"_SCALE_MEAN": hyperparameters._SCALE_MEAN - shift, "_SCALE_DEVIATION": deviation}
                with mock.patch.multiple(hyperparameters, **prior):
                    tau, top_tau, log_density = np.mean([predict(Z, y, n, seed) for seed in range(CHOICES)], axis=0)
                rows.append(
                    {
                        "space": space,
                        "fitted": n,
                        "maximised": maximised,
                        "deviation": round(deviation, 3),
                        "tau": round(float(tau), 3),
                        "tau_best_30_percent": round(float(top_tau), 3),
                        "log_density": round(float(log_density), 3),
                    }
                )
                print(rows[-1], flush=True)
    (args.results / "length-scales.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def predict(Z: FloatArray, y: FloatArray, n: int, seed: int) -> tuple[float, float, float]:
    """Fits to `n` networks; returns tau, tau of the best 30 %, and mean log density of others."""
    order = np.random.default_rng(seed).permutation(len(y))
    known, fresh = order[:n], order[n : n + PREDICTED]
    surrogate = Surrogate(Z[known], y[known])
    mean, deviation = surrogate.predict(Z[fresh])
    variance = deviation**2 + surrogate.noise * (surrogate.scale.deviation * surrogate.scale.unit) ** 2
    density = -0.5 * ((y[fresh] - mean) ** 2 / variance + np.log(2 * np.pi * variance))
    top = y[fresh] > np.quantile(y[fresh], 0.7)
    return kendalltau(mean, y[fresh])[0], kendalltau(mean[top], y[fresh][top])[0], float(density.mean())


def mnasnet(tables: Path) -> tuple[FloatArray, FloatArray]:
    table = load(tables / "anb_mnasnet_imagenet.npz")
    return Encoding(Lattice(table["ncat"].tolist()))(table["levels"].astype(np.int64)), table["val_top1"].astype(float)


def nasbench201(tables: Path) -> tuple[FloatArray, FloatArray]:
    table = load(tables / "nasbench201.npz")
    lattice = Lattice([5] * 6, categorical=[True] * 6)
    return Encoding(lattice)(table["ops"].astype(np.int64)), table["ep200_cifar100_test"].astype(float)


def load(path: Path) -> dict[str, npt.NDArray[np.generic]]:
    if not path.exists():
        raise UsageError(f"{path}: no such table; give its folder with --tables or $TIERNAS_SEARCH_TABLES")
    with np.load(path) as table:
        return dict(table)


if __name__ == "__main__":
    main()
