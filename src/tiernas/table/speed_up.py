"""How many times as fast as others a network is at equal accuracy, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tiernas.blocks.rows import FloatArray
from tiernas.table.entry import Entry
from tiernas.table.ties import comparable

_DRAWS = 2000
"""Number of draws of all figures from which an interval is read: its ends then vary by about a percent."""

_SEED = 0
"""Seed of the draws: equal figures always have equal intervals."""

_SIGMAS = 1.959964
"""Half the width of a 95 % interval of a normal distribution, in standard deviations."""

_ENDS = 0.025, 0.975


class Uncertain(Protocol):
    """A network whose latency and accuracy are known up to an interval."""

    @property
    def latency_ms(self) -> float:
        """Its latency."""

    @property
    def latency_interval_ms(self) -> tuple[float, float]:
        """The 95 % interval of the latency."""

    @property
    def accuracies(self) -> Sequence[float]:
        """Its accuracy, 0 to 1, in each training run with another seed; at least one."""

    @property
    def test_images(self) -> int | None:
        """Number of images that each was counted on; None if unknown."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95 % interval.

    Attributes:
        value: The figure.
        low: The lower end of the interval.
        high: The upper end.
    """

    value: float
    low: float
    high: float


def speed_ups(entries: Sequence[Entry]) -> Mapping[str, Interval]:
    """For each entry with rivals it can be compared with, how many times as fast as they it is, by its name."""
    rivals = [e for e in entries if e.rival]
    found: dict[str, Interval] = {}
    for entry in entries:
        against = [e for e in rivals if comparable(e, entry)]
        if against and not entry.rival and not entry.is_published:
            found[entry.name] = speed_up(entry, against)
    return found


def speed_words(times: Interval | None) -> str:
    """Such as "1.62 times as fast as the rivals at equal accuracy (1.48 to 1.79)"; empty if nothing can be said."""
    if times is None or math.isnan(times.value):
        return ""
    if math.isinf(times.value):
        ends = "" if math.isinf(times.low) else f" (interval from {times.low:.3g} times as fast)"
        return f"more accurate than every rival{ends}"
    upper = "or more" if math.isinf(times.high) else f"to {times.high:.3g}"
    return f"{times.value:.3g} times as fast as the rivals at equal accuracy ({times.low:.3g} {upper})"


def times_as_fast(
    latency_ms: float, accuracy: float, others_ms: Sequence[float], others_accuracy: Sequence[float]
) -> float:
    """How many times as fast a network is as the Pareto front of others at its accuracy.

    Between two networks of the front, the logarithm of the latency is interpolated by the accuracy.

    Args:
        latency_ms: Its latency.
        accuracy: Its accuracy, 0 to 1.
        others_ms: The latencies of the others.
        others_accuracy: Their accuracies.

    Returns:
        The factor. Infinite if none of them is as accurate. If it is less accurate than all of the front, its fastest
        network counts if that is faster, too; otherwise nothing can be said: not a number, as without others.
    """
    found = np.array([latency_ms]), np.array([accuracy])
    return float(_times(*found, np.array([others_ms], float), np.array([others_accuracy], float))[0])


def speed_up(found: Uncertain, others: Sequence[Uncertain]) -> Interval:
    """`times_as_fast` with an interval; an end is infinite if there the network is more accurate than all others.

    All figures are drawn many times, independently of each other. The logarithm of a latency is normal, with its
    measured interval. An accuracy is normal: its mean over seeds, with the noise of the test images and, if any of the
    networks was trained with several seeds, with that of seeds, which is taken to be the same for all. With one seed
    each, the interval is that of the test images and the latencies alone. The networks classify the same images, so
    their accuracies differ by less than is assumed, and the interval is rather too wide.
    """
    value = times_as_fast(found.latency_ms, _mean(found), [o.latency_ms for o in others], [_mean(o) for o in others])
    if not others:
        return Interval(value, math.nan, math.nan)
    latency_ms, accuracy = _drawn([found, *others])
    drawn = _times(latency_ms[:, 0], accuracy[:, 0], latency_ms[:, 1:], accuracy[:, 1:])
    return _interval(value, drawn)


def points_more(found: Uncertain, others: Sequence[Uncertain]) -> Interval:
    """How many points more accurate a network is than the Pareto front of others at its latency; see `speed_up`.

    Between two networks of the front, the accuracy is interpolated by the logarithm of the latency. Not a number if it
    is faster than all others.
    """
    networks = [found, *others]
    exact_ms, exact = np.array([[n.latency_ms for n in networks]]), np.array([[_mean(n) for n in networks]])
    value = float(_points(exact_ms[:, 0], exact[:, 0], exact_ms[:, 1:], exact[:, 1:])[0])
    if not others:
        return Interval(value, math.nan, math.nan)
    latency_ms, accuracy = _drawn([found, *others])
    return _interval(value, _points(latency_ms[:, 0], accuracy[:, 0], latency_ms[:, 1:], accuracy[:, 1:]))


def _mean(network: Uncertain) -> float:
    return float(np.mean(network.accuracies))


def _drawn(networks: Sequence[Uncertain]) -> tuple[FloatArray, FloatArray]:
    """Draws (`k x n`) of the latencies and accuracies of networks (`n`)."""
    rng = np.random.default_rng(_SEED)
    shape = _DRAWS, len(networks)
    ends = np.log([each.latency_interval_ms for each in networks])
    logs = np.log([each.latency_ms for each in networks])
    latency_ms = np.exp(logs + (ends[:, 1] - ends[:, 0]) / (2 * _SIGMAS) * rng.standard_normal(shape))
    seeds = np.array([len(each.accuracies) for each in networks])
    images = np.array([math.inf if each.test_images is None else each.test_images for each in networks])
    means = np.array([_mean(each) for each in networks])
    shrunk = means + 4 / (images + 4) * (0.5 - means)  # Agresti and Coull 1998, so that 100 % has some noise, too
    variance = _seed_variance(networks) / seeds + shrunk * (1 - shrunk) / images
    return latency_ms, means + np.sqrt(variance) * rng.standard_normal(shape)


def _seed_variance(networks: Sequence[Uncertain]) -> float:
    """Variance of the accuracy of one training run over seeds, pooled; 0 if no network has several."""
    squares = sum(float(np.var(each.accuracies)) * len(each.accuracies) for each in networks)
    freedom = sum(len(each.accuracies) - 1 for each in networks)
    return squares / freedom if freedom else 0.0


def _interval(value: float, drawn: FloatArray) -> Interval:
    known = drawn[~np.isnan(drawn)]
    if not len(known) or math.isnan(value):
        return Interval(value, math.nan, math.nan)
    low, high = np.quantile(known, _ENDS, method="inverted_cdf")
    return Interval(value, float(low), float(high))


def _front(others_ms: FloatArray, others_accuracy: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The others (`k x n`), fastest first: logarithms of latencies, and the best accuracy up to each.

    Of equally fast ones the most accurate comes first.
    """
    order = np.lexsort((-others_accuracy, others_ms), axis=1)
    logs = np.log(np.take_along_axis(others_ms, order, 1))
    return logs, np.maximum.accumulate(np.take_along_axis(others_accuracy, order, 1), axis=1)


def _times(
    latency_ms: FloatArray, accuracy: FloatArray, others_ms: FloatArray, others_accuracy: FloatArray
) -> FloatArray:
    """`times_as_fast` of each of `k` cases, with `k x n` others."""
    if not others_ms.shape[1]:
        return np.full(len(latency_ms), math.nan)
    cases = np.arange(len(latency_ms))
    logs, best = _front(others_ms, others_accuracy)
    as_good = best >= accuracy[:, None]
    upper = as_good.argmax(1)  # the fastest that is as accurate
    reached = best[cases, np.maximum(upper - 1, 0)]
    lower = (best >= reached[:, None]).argmax(1)  # the fastest of those that are not
    gap = best[cases, upper] - reached
    share = np.where(upper > 0, (best[cases, upper] - accuracy) / np.where(gap > 0, gap, 1.0), 0.0)
    at = logs[cases, upper] + share * (logs[cases, lower] - logs[cases, upper])
    times = np.exp(at - np.log(latency_ms))
    times = np.where((upper == 0) & (accuracy < best[:, 0]) & (times > 1), math.nan, times)
    found: FloatArray = np.where(as_good.any(1), times, math.inf)
    return found


def _points(
    latency_ms: FloatArray, accuracy: FloatArray, others_ms: FloatArray, others_accuracy: FloatArray
) -> FloatArray:
    """`points_more` of each of `k` cases, with `k x n` others."""
    if not others_ms.shape[1]:
        return np.full(len(latency_ms), math.nan)
    cases = np.arange(len(latency_ms))
    logs, best = _front(others_ms, others_accuracy)
    at = np.log(latency_ms)
    as_fast = (logs <= at[:, None]).sum(1)
    reached = best[cases, np.maximum(as_fast - 1, 0)]
    lower = (best >= reached[:, None]).argmax(1)
    better = best > reached[:, None]
    upper = np.where(better.any(1), better.argmax(1), lower)  # the next one of the front
    gap = logs[cases, upper] - logs[cases, lower]
    share = np.where(gap > 0, (at - logs[cases, lower]) / np.where(gap > 0, gap, 1.0), 0.0)
    expected = reached + share * (best[cases, upper] - reached)
    found: FloatArray = np.where(as_fast > 0, 100 * (accuracy - expected), math.nan)
    return found
