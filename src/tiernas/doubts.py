"""Reasons to doubt the result of a search: chance, too few validation images, and the edge of what was searched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

import numpy as np

from tiernas.blocks.rows import BoolArray, FloatArray, IntArray
from tiernas.proportions import enough_for, indistinguishable, least_difference, wilson_interval
from tiernas.spaces import Dimension, SearchSpace
from tiernas.tiers import Tier

_FEWEST = 5
"""With fewer candidates, the best and the median one say nothing."""

_BEST = 5
"""Number of candidates that are called the best."""

_LEAST_FOR_EDGES = 20
"""With fewer candidates, the best have hardly been looked for."""

_CHANCE = 0.05
"""An edge is told if all of the best would be at any edge by chance with at most this probability."""

_FIFTH = 0.2
"""Share of a tier, in ms, at each of its ends that counts as its edge."""


def accuracy_doubts(tier: str, accuracies: Sequence[float], *, validation: int, chance: float) -> Iterator[str]:
    """Lines about accuracies that may be chance.

    Args:
        tier: Name of the tier.
        accuracies: Accuracies of its candidates, 0 to 1.
        validation: Number of validation images.
        chance: Accuracy of always guessing the most frequent class, 0 to 1.
    """
    if not accuracies:
        return
    best, typical = max(accuracies), median(accuracies)
    if wilson_interval(best, validation)[0] <= chance:
        yield (
            f"tier {tier} ms: the best candidate has an accuracy of {best:.1%} on {validation} validation images, "
            f"hardly more than always guessing the most frequent class ({chance:.1%}): train longer (recipe.epochs), "
            "and check the labels"
        )
    elif len(accuracies) >= _FEWEST and indistinguishable(best, validation, typical, validation):
        yield _within_noise(tier, best, typical, validation)


def _within_noise(tier: str, best: float, typical: float, validation: int) -> str:
    between = (best + typical) / 2
    if best == typical:
        return (
            f"tier {tier} ms: half of the candidates are as accurate as the best ({best:.1%}): which is better is open"
        )
    images = max(enough_for(best - typical, between), validation + 1)
    return (
        f"tier {tier} ms: the best candidate ({best:.2%}) and the median one ({typical:.2%}) differ by less than the "
        f"noise of {validation} validation images (about {100 * least_difference(validation, between):.1f} points); "
        f"about {images} would tell them apart"
    )


def edge_doubts(
    tier: Tier,
    space: SearchSpace,
    vectors: IntArray,
    latency_ms: FloatArray,
    accuracies: FloatArray,
    *,
    first: bool,
    last: bool,
) -> Iterator[str]:
    """Lines about the best candidates being at an edge of the space, or of the first or last tier.

    That all of them have the largest value of a dimension is told if it would be chance in one of 20 searches, given
    how many of all candidates have it.

    Args:
        tier: The tier.
        space: The space.
        vectors: Candidates that were trained to the end, `n x d` integers.
        latency_ms: Their estimated latencies (`n`).
        accuracies: Their accuracies (`n`), 0 to 1.
        first: Whether there is no faster tier.
        last: Whether there is no slower tier.
    """
    if len(accuracies) < _LEAST_FOR_EDGES:
        return
    best = np.argsort(-accuracies, kind="stable")[:_BEST]
    ordered = [i for i, dimension in enumerate(space.dimensions) if _has_inner_values(dimension)]
    for end, what, more in ((-1, "largest", "larger"), (0, "smallest", "smaller")):
        found = []
        for i in ordered:
            dimension = space.dimensions[i]
            if _told(vectors[:, i] == dimension.values[end], best, 2 * len(ordered)):
                found.append(f"{dimension.name} ({dimension.values[end]})")
        if found:
            yield (
                f"tier {tier.name} ms: the {_BEST} best candidates all have the {what} allowed {', '.join(found)}: a "
                f"space with {more} values may contain better networks"
            )
    place = (latency_ms - tier.low_ms) / (tier.high_ms - tier.low_ms)
    if last and _told(place >= 1 - _FIFTH, best, 2):
        yield (
            f"tier {tier.name} ms: the {_BEST} best candidates are all in its slowest fifth, and it is the last tier: "
            "slower networks are probably more accurate (tiers.edges)"
        )
    if first and _told(place < _FIFTH, best, 2):
        yield (
            f"tier {tier.name} ms: the {_BEST} best candidates are all in its fastest fifth, and it is the first tier: "
            "faster networks may be as accurate (tiers.edges)"
        )


def _told(there: BoolArray, best: IntArray, tests: int) -> bool:
    """Whether all of the best are there, which is more than chance.

    Args:
        there: Which of all candidates are at the edge (`n`).
        best: Positions of the best.
        tests: Number of edges that are tested.
    """
    return bool(there[best].all()) and float(there.mean()) ** len(best) * tests <= _CHANCE


def _has_inner_values(dimension: Dimension) -> bool:
    return len(dimension.values) > 2 and not dimension.categorical
