"""Ask/tell optimizers over an integer lattice with a feasibility rule.

Nothing here knows of networks: a row of integers goes out, an observed value to be maximised comes in.
Optimizers that bring scikit-learn or Optuna are imported on first use; `TpeOptimizer` needs the extra `optuna`.
"""

import importlib
from typing import TYPE_CHECKING

from tiernas.search.evolution import RegularizedEvolution
from tiernas.search.optimizer import Optimizer
from tiernas.search.random_search import RandomSearch
from tiernas.search.sobol_search import SobolSearch

if TYPE_CHECKING:
    from tiernas.search.lamcts import LaMctsOptimizer
    from tiernas.search.thompson import ThompsonOptimizer
    from tiernas.search.tpe import TpeOptimizer
    from tiernas.search.trust_region import TrustRegionOptimizer

__all__ = [
    "LaMctsOptimizer",
    "Optimizer",
    "RandomSearch",
    "RegularizedEvolution",
    "SobolSearch",
    "ThompsonOptimizer",
    "TpeOptimizer",
    "TrustRegionOptimizer",
]

_MODULES = {
    "LaMctsOptimizer": "lamcts",
    "ThompsonOptimizer": "thompson",
    "TpeOptimizer": "tpe",
    "TrustRegionOptimizer": "trust_region",
}
"""Where what is imported on first use comes from."""


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
