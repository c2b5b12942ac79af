"""The factor study: what each choice in a network costs on a device, one at a time around a base network.

The question of Fig. 3 of the GPUNet paper (arXiv 2205.00841), which asked it of one GPU through TensorRT. Each
variant takes turns with the base.
"""

from tiernas.latency.factors.measure import measure_factors
from tiernas.latency.factors.plot import plot_factors, require_plottable
from tiernas.latency.factors.study import FactorBlock, FactorCost, FactorStudy
from tiernas.latency.factors.variants import Base, Factor, Variant, base_network, engine_pairs, get_factor, variants

__all__ = [
    "Base",
    "Factor",
    "FactorBlock",
    "FactorCost",
    "FactorStudy",
    "Variant",
    "base_network",
    "engine_pairs",
    "get_factor",
    "measure_factors",
    "plot_factors",
    "require_plottable",
    "variants",
]
