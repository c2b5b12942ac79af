"""What the best of as many random networks would be, judged by the random ones that a search begins with."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

import numpy as np
from scipy.stats import norm

from tiernas.config import SearchConfig
from tiernas.search.catalogue import OPTIMIZERS
from tiernas.table.speed_up import Interval

_ALL_RANDOM = ("random", "sobol")
"""Optimizers that propose nothing else."""

_FIRST = ("n_initial", "population_size")
"""What optimizers call the number of random proposals that they begin with."""

_FEWEST = 4
"""With fewer random networks their spread is unknown."""

_DRAWS = 4000
_ENDS = 0.025, 0.975


def random_first(config: SearchConfig) -> int | None:
    """How many proposals of a tier are random before the optimizer learns; None if that is unknown, or all are."""
    search = config.search
    if search.optimizer in _ALL_RANDOM:
        return None
    parameters = inspect.signature(OPTIMIZERS.load(search.optimizer)).parameters
    name = next((name for name in _FIRST if name in parameters), None)
    return None if name is None else int(search.options.get(name, parameters[name].default))


def points_over_random(best: float, random: Sequence[float], count: int) -> Interval | None:
    """How many points more accurate the best network of a search is than the best of as many random ones.

    Only the first networks of the search are random. Their accuracies are taken to be normal, and the best of `count`
    is drawn from that. Accuracies have an upper bound, so this rather favors the random networks. The interval includes
    that the mean and spread of few networks are uncertain (they are drawn anew with replacement), and the luck of the
    best of a random search.

    Args:
        best: The accuracy of the best network of the search, 0 to 1.
        random: Accuracies of random networks of the same tier, after the same training.
        count: Number of networks that the search trained.

    Returns:
        The gain in percentage points with its 95 % interval; None with too few random networks.
    """
    if len(random) < _FEWEST or len(random) >= count:
        return None
    rng = np.random.default_rng(0)
    known = np.array(random)
    again = known[rng.integers(len(known), size=(_DRAWS, len(known)))]
    largest = norm.ppf(rng.random(_DRAWS) ** (1 / count))  # the largest of `count` standard normal numbers
    best_random = np.minimum(1.0, again.mean(1) + again.std(1, ddof=1) * largest)
    low, high = np.quantile(100 * (best - best_random), _ENDS)
    expected = np.minimum(1.0, known.mean() + known.std(ddof=1) * largest).mean()
    return Interval(100 * float(best - expected), float(low), float(high))
