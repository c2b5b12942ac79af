"""The seven released GPUNets, as data.

Source: NVIDIA/DeepLearningExamples (Apache-2.0), PyTorch/Classification/GPUNet, commit 729963dd, its JSON
configurations; stored in `released.json`.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

from tiernas.errors import UsageError
from tiernas.spaces.staged import StagedArchitecture


@cache
def _networks() -> dict[str, StagedArchitecture]:
    text = files("tiernas.spaces").joinpath("released.json").read_text(encoding="utf-8")
    return {name: StagedArchitecture.from_dict(data) for name, data in json.loads(text).items()}


def released_names() -> tuple[str, ...]:
    """Names of the released networks."""
    return tuple(_networks())


def released(name: str) -> StagedArchitecture:
    """The architecture of a released network, such as `gpunet_0`.

    Raises:
        UsageError: There is no released network of that name.
    """
    networks = _networks()
    key = name.lower().replace("-", "_")
    if key not in networks:
        raise UsageError(f"no released network {name!r}; there are: {', '.join(networks)}")
    return networks[key]
