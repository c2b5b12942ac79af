from .evaluator import Evaluator, StagedEvaluator
from .functions import Ackley, Levy
from .loop import Replay, replay
from .nas_benchmarks import Anb28, NasBench201
from .regret import best_so_far_regret, incumbent_regret
from .study import replay_study
from .trials import Trial, Trials

__all__ = [
    "Ackley",
    "Anb28",
    "Evaluator",
    "Levy",
    "NasBench201",
    "Replay",
    "StagedEvaluator",
    "Trial",
    "Trials",
    "best_so_far_regret",
    "incumbent_regret",
    "replay",
    "replay_study",
]
