"""Ask/tell optimizers over an integer lattice with a feasibility rule.

Nothing here depends on networks: a row of integers goes out, an observed value to be maximized comes in.
`TpeOptimizer` needs the extra `optuna`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
