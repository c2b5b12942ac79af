"""Measures training steps in as many processes as a search has workers, because workers slow each other down."""

from __future__ import annotations

import queue
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tiernas.errors import TiernasError
from tiernas.executors.child import ChildProcess, Ended, stop_all
from tiernas.executors.environment import training_environment
from tiernas.plan.steps import StepTimes
from tiernas.spaces import Architecture
from tiernas.training import RecipeConfig

_MACS_PER_STEP = 8e9
"""A step has no more images than this many multiply-accumulates need; it takes about a second on one core."""

_FEWEST_IMAGES = 4

_Said = StepTimes | str | None
"""Times, or why there are none, or None when the process is ready."""


def step_times(
    networks: Sequence[tuple[Architecture, float]],
    num_classes: int,
    recipe: RecipeConfig,
    image_size: int,
    *,
    processes: int,
    device: str = "cpu",
) -> list[StepTimes]:
    """Training steps of some networks, the same network in all processes at a time.

    Args:
        networks: The networks, each with its multiply-accumulates.
        num_classes: Number of classes.
        recipe: How to train.
        image_size: Height and width of the stored images, in pixels.
        processes: Number of processes, with one thread each.
        device: The device to train on, as torch names it.

    Returns:
        For each network the mean over the processes.

    Raises:
        TiernasError: A process failed; the message says why.
    """
    heard: queue.Queue[tuple[ChildProcess[_Said], _Said | Ended]] = queue.Queue()
    environment = {**training_environment(), "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    children: list[ChildProcess[_Said]] = []
    with tempfile.TemporaryDirectory(prefix="tiernas-steps-") as folder:
        try:
            children.extend(
                ChildProcess(
                    "tiernas.plan.step_process",
                    log=Path(folder) / f"{number}.log",
                    environment=environment,
                    decode=_decoded,
                    heard=heard,
                )
                for number in range(processes)
            )
            _answers(heard, processes)
            found = []
            for architecture, macs in networks:
                for child in children:
                    child.send(
                        "time",
                        architecture=architecture.to_json(),
                        num_classes=num_classes,
                        recipe=recipe.model_dump(mode="json"),
                        image_size=image_size,
                        images=_images_of_a_step(macs, recipe),
                        device=device,
                    )
                found.append(_mean([times for times in _answers(heard, processes) if isinstance(times, StepTimes)]))
        finally:
            stop_all(children)
    return found


def _images_of_a_step(macs: float, recipe: RecipeConfig) -> int:
    return min(recipe.batch_size, max(_FEWEST_IMAGES, int(_MACS_PER_STEP / macs)))


def _answers(heard: queue.Queue[tuple[ChildProcess[_Said], _Said | Ended]], processes: int) -> list[StepTimes | None]:
    """One answer of each process."""
    found: list[StepTimes | None] = []
    for _ in range(processes):
        _, said = heard.get()
        if isinstance(said, Ended | str):
            reason = said if isinstance(said, str) else said.reason
            raise TiernasError(f"a training step could not be measured: {reason}")
        found.append(said)
    return found


def _decoded(kind: str, values: Mapping[str, Any]) -> _Said:
    if kind == "failed":
        return str(values["reason"])
    return StepTimes(**values) if kind == "times" else None


def _mean(times: Sequence[StepTimes]) -> StepTimes:
    return StepTimes(
        float(np.mean([each.training_image_s for each in times])),
        float(np.mean([each.evaluation_image_s for each in times])),
        max(each.memory_mb for each in times),
    )
