"""`load`: opens a trained network from any source as a tiernas network."""

from __future__ import annotations

from pathlib import Path

from tiernas.closest import did_you_mean
from tiernas.errors import UsageError
from tiernas.networks.timm_names import TIMM_PREFIX, near_timm_names
from tiernas.pretrained.efficientnet_lite import LITE_NAMES, load_lite
from tiernas.pretrained.folders import load_folder
from tiernas.pretrained.gpunet import load_gpunet
from tiernas.pretrained.network import PretrainedNet
from tiernas.pretrained.timm_networks import load_timm
from tiernas.pretrained.wanted import Wanted
from tiernas.spaces.released import released_names

_FRESH = "fresh"


def load(source: str | Path, weights: str | Path | None = None, num_classes: int | None = None) -> PretrainedNet:
    """Opens a network with its weights, in evaluation mode.

    Args:
        source: `timm:NAME`, a network of timm's EfficientNet builder, whose weights come from the hub;
            `efficientnet-lite0`, `-lite1` or `-lite2` with the ImageNet weights of their packages; a released GPUNet,
            such as `gpunet_0`, with the checkpoint of its publisher as `weights`; or a path: the folder of an entry, an
            export or a training run.
        weights: None for the source's own weights; a file of other weights (`.safetensors`, or written by `torch.save`;
            only tensors are read); or "fresh" for random weights.
        num_classes: If it differs from the number of classes of the weights, the classifier is a fresh one and
            everything else is kept; None keeps theirs.

    Returns:
        The network, from `(n, 3, resolution, resolution)` images, normalized with its `input_mean` and `input_std`, to
        `(n, classes)` logits. `tiernas.build` builds its `architecture` with fresh weights.

    Raises:
        UsageError: There is no such source, it has a block that tiernas does not support, or the weights are
            unavailable, cannot be read, or belong to another network.
        NotInstalledError: The source's package is not installed.
    """
    if num_classes is not None and num_classes < 1:
        raise UsageError(f"num_classes = {num_classes}: must be at least 1; None keeps that of the weights")
    file = None if weights is None or weights == _FRESH else Path(weights).expanduser()
    wanted = Wanted(file, weights == _FRESH, num_classes)
    if isinstance(source, str):
        if source.startswith(TIMM_PREFIX):
            return load_timm(source.removeprefix(TIMM_PREFIX), wanted)
        name = source.lower()
        if (lite := name.replace("_", "-")) in LITE_NAMES:
            return load_lite(lite, wanted)
        if name.replace("-", "_") in released_names():
            return load_gpunet(name, wanted)
    path = Path(source).expanduser()
    if path.exists():
        return load_folder(path, wanted)
    raise _unknown(source)


def _unknown(source: str | Path) -> UsageError:
    known = [*LITE_NAMES, *released_names()]
    if isinstance(source, str) and "/" not in source:
        near = near_timm_names(source.rpartition(":")[2])
        known += [TIMM_PREFIX + name for name in near[:1]]
    hint = did_you_mean(source, known) or "."
    return UsageError(
        f"source = {str(source)!r}: there is no such network, file or folder{hint} A source is "
        f"{TIMM_PREFIX}NAME, one of {', '.join(LITE_NAMES)}, a released network ({', '.join(released_names())}), or "
        "the folder of an entry, an export or a training run"
    )
