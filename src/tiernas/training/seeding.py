"""Seeds of the parts of a training, derived from its one seed.

Each epoch has its own, so nothing random is carried from one epoch into the next: a training that is continued needs
no states of random generators, and draws what an uninterrupted one would have drawn.
"""

from __future__ import annotations

import enum

import numpy as np


class SeedPurpose(enum.IntEnum):
    """What random numbers are drawn for."""

    WEIGHTS = 0
    IMAGES = 1
    LAYERS = 2


def derived_seed(seed: int, purpose: SeedPurpose, epoch: int = 0, rank: int = 0) -> int:
    """A 63-bit seed for one purpose in one epoch; unrelated to that of any other.

    Args:
        seed: Of the training, not negative.
        purpose: WEIGHTS: the first weights. IMAGES: order and augmentation. LAYERS: dropout and drop path.
        epoch: From 0.
        rank: Of the process, where several train together.
    """
    state = np.random.SeedSequence((seed, int(purpose), epoch, *([rank] if rank else []))).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))
