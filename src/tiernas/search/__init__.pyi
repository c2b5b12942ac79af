from .evolution import RegularizedEvolution
from .lamcts import LaMctsOptimizer
from .optimizer import Optimizer
from .random_search import RandomSearch
from .sobol_search import SobolSearch
from .thompson import ThompsonOptimizer
from .tpe import TpeOptimizer
from .trust_region import TrustRegionOptimizer

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
