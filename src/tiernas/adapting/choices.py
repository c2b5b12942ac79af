"""What a search around a parent is given: resolutions, tiers, what it is compared with, and how it trains."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tiernas.adapting.photos import Photos
from tiernas.adapting.reach import Reach
from tiernas.errors import UsageError
from tiernas.rounding import apart, rounded_up

PARENT_NETWORK = "efficientnet-lite0"
"""Small, made for mobile CPUs and int8 (ReLU6, no squeeze-and-excitation), and its weights come with a package."""

RESOLUTIONS = (64, 96, 128, 160, 192, 224)
"""Up to that which the parent was trained at."""

_TIERS = 3
_TRAININGS = 24
_PER_TIER = 2
_EPOCHS_OF_FINALISTS = 20
"""Four times those of the preset, which is what the search trains for."""
_NETWORKS = 60
"""Of the latency table, which grows by itself where they are not enough."""

_BATCH_SIZE, _STEPS_PER_EPOCH, _SMALLEST_BATCH = 64, 8, 8
"""Of few photos smaller batches are taken, so that an epoch still has about so many steps."""


def resolutions_for(photos: Photos) -> tuple[int, ...]:
    """Resolutions that the photos have the pixels for; the two smallest in any case."""
    return tuple(px for px in RESOLUTIONS if px <= max(photos.typical_px, RESOLUTIONS[1]))


def edges_up_to(max_latency_ms: float, reach: Reach, where: str) -> list[float]:
    """Edges of at most three tiers, each half of the next, that end with the budget or with the slowest network.

    Args:
        max_latency_ms: The budget.
        reach: What latencies there are.
        where: What it was measured on, for the message.

    Raises:
        UsageError: No network is so fast.
    """
    if max_latency_ms <= reach.fastest_ms:
        wanted, fastest = apart(max_latency_ms, reach.fastest_ms)
        raise UsageError(
            f"--max-latency-ms {wanted}: the fastest part of {PARENT_NETWORK} takes {fastest} ms here ({where}); allow "
            f"more than that, such as {rounded_up(2 * reach.fastest_ms)}"
        )
    slowest_ms = max(reach.whole_ms.values())
    edges = [max_latency_ms if max_latency_ms <= slowest_ms else float(rounded_up(slowest_ms, 3))]
    while len(edges) <= _TIERS:
        edges.insert(0, float(f"{edges[0] / 2:.3g}"))
        if edges[0] < 2 * reach.fastest_ms:
            break
    return edges


def compared_resolutions(max_latency_ms: float, reach: Reach) -> tuple[int, ...]:
    """Resolutions at which the whole parent is within the budget, and the next one: what a little more would buy."""
    within = [px for px, latency_ms in reach.whole_ms.items() if latency_ms <= max_latency_ms]
    beyond = [px for px in reach.whole_ms if px not in within]
    return (*within, *beyond[:1])


def batch_size_for(photos: Photos) -> int:
    """Images per step."""
    return max(_SMALLEST_BATCH, min(_BATCH_SIZE, photos.training // _STEPS_PER_EPOCH))


def study_name(output: Path) -> str:
    """The name of the study that a file is of."""
    return re.sub(r"[^A-Za-z0-9]+", "-", output.stem).strip("-")[:100] or "photos"


def search_values(
    photos: Photos,
    reach: Reach,
    max_latency_ms: float,
    *,
    engine: str,
    precision: str,
    threads: int,
    output: Path,
) -> dict[str, dict[str, Any]]:
    """The file of the search, section by section, with absolute paths.

    Args:
        photos: What to train on.
        reach: What latencies there are.
        max_latency_ms: The budget.
        engine: Name of the deployment engine.
        precision: Its precision.
        threads: Threads of one inference.
        output: The file; results go into folders beside it.

    Raises:
        UsageError: No network is within the budget.
    """
    name, folder = study_name(output), output.absolute().parent
    where = f"{engine} {precision}, {threads} thread{'s' if threads > 1 else ''}"
    return {
        "study": {"name": name, "space": "parent", "output": str(folder / "runs" / name)},
        "parent": {
            "network": PARENT_NETWORK,
            "resolution": list(resolutions_for(photos)),
            "compared": list(compared_resolutions(max_latency_ms, reach)),
        },
        "data": {"kind": "folder", "path": str(photos.path)},
        "recipe": {"preset": "finetune", "batch_size": batch_size_for(photos)},
        "engine": {"name": engine, "precision": precision, "threads": threads},
        "latency": {"networks": _NETWORKS},
        "tiers": {"edges": edges_up_to(max_latency_ms, reach, where)},
        "search": {"trainings": _TRAININGS},
        "finalists": {"per_tier": _PER_TIER, "epochs": _EPOCHS_OF_FINALISTS},
        "table": {"path": str(folder / "model-table")},
    }
