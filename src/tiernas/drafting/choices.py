"""Chooses the settings of a search around a parent: resolutions, tiers, baselines, and training."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tiernas.drafting.reach import Reach
from tiernas.rounding import rounded_up
from tiernas.training.inspection import Inspection

PARENT_NETWORK = "efficientnet-lite0"
"""Small, designed for mobile CPUs and int8 (ReLU6, no squeeze-and-excitation), with weights in a Python package."""

RESOLUTIONS = (64, 96, 128, 160, 192, 224)
"""Up to the one that the parent was trained at."""

_TIERS = 3
_TRAININGS = 24
_PER_TIER = 2
_EPOCHS_OF_FINALISTS = 20
"""Four times the epochs of the preset, which candidates are trained for."""
_NETWORKS = 60
"""Initial size of the latency table, which grows automatically if this is not enough."""

_BATCH_SIZE, _STEPS_PER_EPOCH, _SMALLEST_BATCH = 64, 8, 8
"""With few photos, batches are smaller, so that an epoch still has about this many steps."""


def resolutions_for(data: Inspection) -> tuple[int, ...]:
    """Resolutions up to that of the photos; always the two smallest."""
    return tuple(px for px in RESOLUTIONS if px <= max(data.typical_px, RESOLUTIONS[1]))


def edges_up_to(max_latency_ms: float, reach: Reach) -> list[float]:
    """Edges of at most three tiers up to the budget or the slowest network; each edge is half of the next.

    Args:
        max_latency_ms: The latency budget, above that of the fastest network.
        reach: The latencies that are possible.
    """
    slowest_ms = max(reach.whole_ms.values())
    edges = [max_latency_ms if max_latency_ms <= slowest_ms else float(rounded_up(slowest_ms, 3))]
    while len(edges) <= _TIERS:
        edges.insert(0, float(f"{edges[0] / 2:.3g}"))
        if edges[0] < 2 * reach.fastest_ms:
            break
    return edges


def compared_resolutions(max_latency_ms: float, reach: Reach) -> tuple[int, ...]:
    """Resolutions at which the whole parent is within the budget, and the next larger one."""
    within = [px for px, latency_ms in reach.whole_ms.items() if latency_ms <= max_latency_ms]
    beyond = [px for px in reach.whole_ms if px not in within]
    return (*within, *beyond[:1])


def batch_size_for(data: Inspection) -> int:
    """Images per step."""
    return max(_SMALLEST_BATCH, min(_BATCH_SIZE, data.splits["train"] // _STEPS_PER_EPOCH))


def study_name(output: Path) -> str:
    """The name of the study, from the name of its file."""
    return re.sub(r"[^A-Za-z0-9]+", "-", output.stem).strip("-")[:100] or "photos"


def search_values(
    data: Inspection,
    *,
    edges: Sequence[float],
    compared: Sequence[int],
    engine: str,
    precision: str,
    threads: int,
    output: Path,
) -> dict[str, dict[str, Any]]:
    """The contents of the configuration file, section by section, with absolute paths.

    Args:
        data: The photos.
        edges: Edges of the tiers, in ms.
        compared: Resolutions of the whole parent for comparison, in pixels.
        engine: Name of the deployment engine.
        precision: Precision of the engine.
        threads: Threads per inference.
        output: The file; results go to folders next to it.
    """
    name, folder = study_name(output), output.absolute().parent
    return {
        "study": {"name": name, "space": "parent", "output": str(folder / "runs" / name)},
        "parent": {
            "network": PARENT_NETWORK,
            "resolution": list(resolutions_for(data)),
            "compared": list(compared),
        },
        "data": {"kind": "folder", "path": str(data.config.path)},
        "recipe": {"preset": "finetune", "batch_size": batch_size_for(data)},
        "engine": {"name": engine, "precision": precision, "threads": threads},
        "latency": {"networks": _NETWORKS},
        "tiers": {"edges": list(edges)},
        "search": {"trainings": _TRAININGS},
        "finalists": {"per_tier": _PER_TIER, "epochs": _EPOCHS_OF_FINALISTS},
        "table": {"path": str(folder / "model-table")},
    }
