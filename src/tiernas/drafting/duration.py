"""Estimates how long a search around a parent takes."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from torch.nn.functional import cross_entropy

from tiernas.config import SearchConfig
from tiernas.drafting.reach import Reach
from tiernas.spaces import Architecture
from tiernas.training import RecipeConfig
from tiernas.training.state import TrainingState

_STEPS = 3
"""Number of timed steps. The fastest one counts, since the first one also allocates memory."""

_NETWORK_S = 22.0
"""Time per network of a latency table next to a noisy neighbor: 18 minutes for 48 (docs/latency.md)."""

_MEASUREMENTS = 2
"""Measurements of each entry: with random weights and with trained ones."""


@dataclass(frozen=True, slots=True)
class Duration:
    """Duration of a search.

    Attributes:
        measuring_s: Time for measuring networks, one at a time.
        training_s: Time for training, with all workers.
    """

    measuring_s: float
    training_s: float

    @property
    def words(self) -> str:
        """Such as "about 2.5 hours (25 minutes of measuring, 2.1 hours of training)"."""
        measuring, training = _words(self.measuring_s), _words(self.training_s)
        return f"about {_words(self.measuring_s + self.training_s)} ({measuring} of measuring, {training} of training)"


def training_image_s(architecture: Architecture, num_classes: int, recipe: RecipeConfig) -> float:
    """Time of a training step per image, measured on one thread, like a worker's.

    Args:
        architecture: The network.
        num_classes: Number of classes.
        recipe: How to train.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            state = TrainingState(architecture, num_classes, recipe, torch.device("cpu"))
            shape = recipe.batch_size, 3, architecture.resolution, architecture.resolution
            images = torch.rand(shape).contiguous(memory_format=torch.channels_last)
            labels = torch.arange(recipe.batch_size) % num_classes
            state.network.train()
            took_s = []
            for _ in range(_STEPS):
                started_s = time.perf_counter()
                state.update(cross_entropy(state.parallel(images), labels), recipe.learning_rate)
                took_s.append(time.perf_counter() - started_s)
    finally:
        torch.set_num_threads(threads)
    return min(took_s) / recipe.batch_size


def estimated_duration(config: SearchConfig, reach: Reach, s_per_image_and_ms: float, training_images: int) -> Duration:
    """Estimates the duration of a search, assuming that training time is proportional to latency.

    Args:
        config: The search, with a parent.
        reach: Latencies of the whole parent at its resolutions.
        s_per_image_and_ms: Training time per image and per millisecond of latency.
        training_images: Number of images in the training split.
    """
    wanted, tiers = config.finalists, config.tier_list()
    short = config.search.trainings + wanted.repeats * min(wanted.repeat_best, config.search.trainings)
    epochs_of_a_tier = short * config.recipe.epochs + wanted.per_tier * wanted.epochs
    epochs_ms = sum(epochs_of_a_tier * (tier.low_ms + tier.high_ms) / 2 for tier in tiers)
    compared = config.parent.compared if config.parent else ()
    epochs_ms += sum(wanted.epochs * reach.whole_at_ms(resolution) for resolution in compared)
    training_s = epochs_ms * training_images * s_per_image_and_ms / config.workers.local_processes
    entered = wanted.per_tier * len(tiers) + len(compared)
    table_s = 0.0 if config.latency.table else config.latency.networks * _NETWORK_S
    return Duration(table_s + _MEASUREMENTS * entered * wanted.measure_seconds, training_s)


def _words(seconds: float) -> str:
    if seconds < 90:
        return "a minute" if seconds > 30 else f"{max(1, round(seconds))} s"
    minutes = seconds / 60
    return f"{minutes:.0f} minutes" if minutes < 100 else f"{minutes / 60:.1f} hours"
