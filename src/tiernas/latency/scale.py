"""What the anchors of a session take, from all that was measured in turn with them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tiernas.latency.observation import Observation

_QUIET = 0.1
"""Quantile of the measurements with an anchor that tells what it takes undisturbed."""

_LEVEL_WEIGHT = 0.1
"""Of what an anchor was seen to take, against 1 for a ratio of two anchors: ratios hold ten times as well."""


def anchor_scale(observations: Sequence[Observation]) -> dict[str, float]:
    """Undisturbed latencies of anchors in ms, by name, consistent with each other.

    Anchors are tied to each other where one was measured in turn with another. The logarithms of their latencies are
    the least-squares solution of these ratios and of what each was seen to take in its quiet moments.

    Args:
        observations: All that was measured on one device; those that were not measured in turn say nothing.
    """
    in_turn = [(o.graph, o.measurement.in_turn) for o in observations if o.measurement.in_turn]
    names = sorted({found.anchor for _, found in in_turn})
    place = {name: index for index, name in enumerate(names)}
    equations, values = [], []
    for name in names:
        seen_ms = [found.anchor_quiet_ms for _, found in in_turn if found.anchor == name]
        equations.append(_LEVEL_WEIGHT * np.sqrt(len(seen_ms)) * np.eye(len(names))[place[name]])
        values.append(_LEVEL_WEIGHT * np.sqrt(len(seen_ms)) * np.log(np.quantile(seen_ms, _QUIET)))
    for graph, found in in_turn:
        if graph in place and graph != found.anchor:
            equations.append(np.eye(len(names))[place[graph]] - np.eye(len(names))[place[found.anchor]])
            values.append(np.log(found.ratio))
    if not names:
        return {}
    logarithms, *_ = np.linalg.lstsq(np.array(equations), np.array(values), rcond=None)
    return {name: float(np.exp(logarithm)) for name, logarithm in zip(names, logarithms, strict=True)}
