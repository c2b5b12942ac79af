"""How uncertain the means over seeds are that networks are ranked by."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tiernas.ledger import Candidate

_FEWEST = 3
"""With fewer networks, differences between two seeds say too little."""


def error_of_means(repeated: Sequence[Candidate]) -> float | None:
    """Standard error of the mean accuracy of a network over its seeds, the same for all of a tier.

    The first accuracy of a network minus the mean of its `s` repeats varies with `1 + 1 / s` times the variance of one
    seed. That the first one is too high, because it was selected for, only shifts these differences.

    Args:
        repeated: The networks of a tier that were trained with other seeds.

    Returns:
        The error; None if there are too few networks.
    """
    records = [(c.accuracy, c.repeated) for c in repeated if c.accuracy is not None and c.repeated is not None]
    if len(records) < _FEWEST:
        return None
    differences = [accuracy - found["accuracy"] for accuracy, found in records]
    seeds = float(np.mean([found["seeds"] for _, found in records]))
    variance = float(np.var(differences, ddof=1)) / (1 + 1 / seeds)
    return math.sqrt(variance / (seeds + 1))
