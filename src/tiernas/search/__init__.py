"""Ask/tell optimizers over an integer lattice with a feasibility rule.

Nothing here knows of networks: a row of integers goes out, an observed value to be maximised comes in.
`LaMctsOptimizer` is imported on first use, because it brings torch.
"""

from typing import TYPE_CHECKING

from tiernas.search.evolution import RegularizedEvolution
from tiernas.search.optimizer import Optimizer
from tiernas.search.random_search import RandomSearch

if TYPE_CHECKING:
    from tiernas.search.lamcts import LaMctsOptimizer

__all__ = ["LaMctsOptimizer", "Optimizer", "RandomSearch", "RegularizedEvolution"]


def __getattr__(name: str) -> object:
    if name == "LaMctsOptimizer":
        from tiernas.search.lamcts import LaMctsOptimizer

        return LaMctsOptimizer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
