"""The factor study: the cost of each design choice on a device, varied one at a time around a base network.

It reproduces Fig. 3 of the GPUNet paper (arXiv 2205.00841), which studied one GPU through TensorRT, on other devices.
Each variant is interleaved with the base.
"""

from tiernas.latency.factors.engine_pairs import engine_pairs
from tiernas.latency.factors.measure import measure_factors
from tiernas.latency.factors.plot import plot_factors, require_plottable
from tiernas.latency.factors.study import FactorCost, FactorStudy, FactorSweep
from tiernas.latency.factors.variants import Base, Factor, Variant, base_network, get_factor, variants

__all__ = [
    "Base",
    "Factor",
    "FactorCost",
    "FactorStudy",
    "FactorSweep",
    "Variant",
    "base_network",
    "engine_pairs",
    "get_factor",
    "measure_factors",
    "plot_factors",
    "require_plottable",
    "variants",
]
