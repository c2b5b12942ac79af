from .basis import Basis, Pace
from .resources import Resources
from .sampled_space import SampledSpace
from .search_plan import PlanPart, SearchPlan, plan_search

__all__ = [
    "Basis",
    "Pace",
    "PlanPart",
    "Resources",
    "SampledSpace",
    "SearchPlan",
    "plan_search",
]
