"""Seeds of the parts of a training run, derived from its one seed.

Each epoch has its own, so no random state is carried from one epoch to the next: a resumed training run needs no states
of random generators and draws what an uninterrupted one would have drawn.
"""

from __future__ import annotations

import enum

import numpy as np


class SeedPurpose(enum.IntEnum):
    """What random numbers are used for."""

    WEIGHTS = 0
    IMAGES = 1
    LAYERS = 2


def derived_seed(seed: int, purpose: SeedPurpose, epoch: int = 0, rank: int = 0) -> int:
    """A 63-bit seed for one purpose in one epoch, unrelated to all others.

    Args:
        seed: Seed of the training run, not negative.
        purpose: WEIGHTS: the initial weights. IMAGES: order and augmentation. LAYERS: dropout and drop path.
        epoch: From 0.
        rank: Rank of the process, if several train together.
    """
    state = np.random.SeedSequence((seed, int(purpose), epoch, *([rank] if rank else []))).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))
