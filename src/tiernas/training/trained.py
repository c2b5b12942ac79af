"""Networks whose training is complete."""

from __future__ import annotations

from pathlib import Path

import torch

from tiernas.errors import UsageError
from tiernas.networks import Network, build
from tiernas.spaces import architecture_from_json
from tiernas.storage import read_tensors
from tiernas.training.checkpoint import WEIGHTS, Identity


class DamagedWeightsError(UsageError):
    """The weights of a training run are damaged or missing."""


def load_trained(checkpoint_dir: Path) -> Network:
    """The network that `train` left in a folder: averaged weights if the recipe has them, evaluation mode, on CPU.

    Raises:
        DamagedWeightsError: There is no complete training run in the folder, or its file is damaged.
    """
    return load_classifier(checkpoint_dir)[0]


def load_classifier(checkpoint_dir: Path) -> tuple[Network, Identity]:
    """Like `load_trained`, with the identity of the training run, which has classes and input normalization.

    Raises:
        DamagedWeightsError: There is no complete training run in the folder, or its file is damaged.
    """
    path = checkpoint_dir / WEIGHTS
    stored = read_tensors(path)
    if stored is None:
        what = (
            "is damaged; train the network again" if path.exists() else "does not exist; the training is not complete"
        )
        raise DamagedWeightsError(f"no trained network: {path} {what}")
    weights, facts = stored
    try:
        identity = Identity.of(facts)
        network = build(architecture_from_json(identity.architecture), len(identity.classes))
        network.load_state_dict(weights)
    except (KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise DamagedWeightsError(f"no trained network: {path} is damaged; train the network again") from error
    return network.to(memory_format=torch.channels_last).eval(), identity
