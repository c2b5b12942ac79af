"""What is said of accuracies that may be chance, and of results at an edge."""

from __future__ import annotations

import numpy as np
import pytest

from tiernas.blocks.rows import FloatArray, IntArray
from tiernas.doubts import accuracy_doubts, edge_doubts
from tiernas.spaces import get_space
from tiernas.tiers import Tier

SPACE = get_space("gpunet-small")
TIER = Tier(1.0, 2.0)


def doubts(accuracies: list[float], validation: int = 200, chance: float = 0.1) -> list[str]:
    return list(accuracy_doubts("1-2", accuracies, validation=validation, chance=chance))


def test_the_best_is_hardly_better_than_guessing() -> None:
    (line,) = doubts([0.1, 0.12, 0.135])
    assert line.startswith("tier 1-2 ms: the best candidate has an accuracy of 13.5% on 200 validation images, hardly")
    assert "always guessing the most frequent class (10.0%)" in line
    assert not doubts([0.1, 0.12, 0.3])


def test_candidates_that_differ_by_noise_and_how_many_images_would_tell() -> None:
    accuracies = [0.88, 0.89, 0.9, 0.91, 0.92]
    (line,) = doubts(accuracies)
    assert "the best candidate (92.00%) and the median one (90.00%) differ by less than the noise of 200" in line
    # 2 * 0.91 * 0.09 * (1.96 / 0.02) ** 2 = 1573.1
    assert line.endswith("about 1574 would tell them apart")
    assert not doubts(accuracies, validation=3000)


def test_equal_candidates() -> None:
    (line,) = doubts([0.9] * 5)
    assert "half of the candidates are as accurate as the best (90.0%)" in line


@pytest.mark.parametrize("accuracies", [[], [0.9, 0.91, 0.92, 0.93]])
def test_few_candidates_say_nothing(accuracies: list[float]) -> None:
    assert not doubts(accuracies)


def at_edges(
    vectors: IntArray, latency_ms: FloatArray, accuracies: FloatArray, *, first: bool = True, last: bool = True
) -> list[str]:
    return list(edge_doubts(TIER, SPACE, vectors, latency_ms, accuracies, first=first, last=last))


def test_random_results_are_at_no_edge() -> None:
    rng = np.random.default_rng(0)
    told = 0
    for seed in range(20):
        vectors = SPACE.sample(40, seed)
        told += len(at_edges(vectors, rng.uniform(1, 2, 40), rng.uniform(0, 1, 40)))
    assert told <= 3, "one of 20 for the space, and one for each end of a tier"


def test_the_best_have_the_largest_allowed_value() -> None:
    vectors, rng = SPACE.sample(64), np.random.default_rng(0)
    resolution = SPACE.dimensions[0]
    accuracies = 0.5 + 0.1 * rng.uniform(size=64) + (vectors[:, 0] == resolution.values[-1])
    (line,) = at_edges(vectors, rng.uniform(1.2, 1.8, 64), accuracies)
    assert f"the 5 best candidates all have the largest allowed {resolution.name} ({resolution.values[-1]})" in line
    (line,) = at_edges(vectors, rng.uniform(1.2, 1.8, 64), 2 * (vectors[:, 0] == resolution.values[0]) + accuracies / 2)
    assert f"the smallest allowed {resolution.name} ({resolution.values[0]})" in line
    assert not at_edges(vectors[:10], rng.uniform(1.2, 1.8, 10), accuracies[:10]), "too few candidates"


def test_the_best_are_at_an_end_of_the_tiers() -> None:
    vectors, latency_ms = SPACE.sample(40), np.linspace(1.01, 1.99, 40)
    (line,) = at_edges(vectors, latency_ms, latency_ms)
    assert "all in its slowest fifth, and it is the last tier" in line
    assert not at_edges(vectors, latency_ms, latency_ms, last=False)
    (line,) = at_edges(vectors, latency_ms, -latency_ms)
    assert "all in its fastest fifth, and it is the first tier" in line
    assert not at_edges(vectors, latency_ms, -latency_ms, first=False)
