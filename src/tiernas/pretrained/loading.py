"""`load`: a network from elsewhere, as one of ours."""

from __future__ import annotations

from pathlib import Path

from tiernas.closest import did_you_mean
from tiernas.errors import UsageError
from tiernas.networks.timm_models import TIMM_PREFIX, near_timm_names
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
            such as `gpunet_0`, with the checkpoint of its publisher as `weights`; or a path: the folder of an entry, of
            an export or of a training.
        weights: None for those that the source comes with; the file of others (`.safetensors`, or what `torch.save`
            wrote; nothing but tensors is read); "fresh" for random ones.
        num_classes: Another number of classes than the weights have gives a fresh classifier, all else stays; None
            keeps theirs.

    Returns:
        The network: `(n, 3, resolution, resolution)` images, normalised with its `input_mean` and `input_std`, to
        `(n, classes)` logits. `tiernas.build` builds its `architecture` with fresh weights.

    Raises:
        UsageError: There is no such source, a block of it is none of ours, or the weights cannot be had, cannot be
            read, or are those of another network.
        NotInstalledError: What it comes from is not installed.
    """
    if num_classes is not None and num_classes < 1:
        raise UsageError(f"num_classes = {num_classes}: must be at least 1; None keeps those that the weights have")
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
        "the folder of an entry, an export or a training"
    )
