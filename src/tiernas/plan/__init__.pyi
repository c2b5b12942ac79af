from .basis import Basis, Pace
from .resources import Resources
from .sampled_space import SampledSpace, measure_space
from .search_plan import PlanPart, SearchPlan, plan_search

__all__ = [
    "Basis",
    "Pace",
    "PlanPart",
    "Resources",
    "SampledSpace",
    "SearchPlan",
    "measure_space",
    "plan_search",
]
