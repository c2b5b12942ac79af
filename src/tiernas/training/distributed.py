"""`train_distributed`: one network on several devices, one process for each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist

from tiernas.spaces import Architecture
from tiernas.training.group import Group
from tiernas.training.images import Splits
from tiernas.training.recipe import RecipeConfig
from tiernas.training.result import EpochReport, TrainingResult
from tiernas.training.trainer import train

_TIMEOUT = timedelta(minutes=30)
"""How long a process waits for the others; covers preparing a teacher in one of them, and the final evaluation."""


def train_distributed(
    architecture: Architecture,
    splits: Splits,
    recipe: RecipeConfig,
    *,
    rank: int,
    world_size: int,
    init_method: str,
    seed: int,
    checkpoint_dir: Path,
    cache_dir: Path | None = None,
    stop_epoch: int | None = None,
    on_epoch: Callable[[EpochReport], None] | None = None,
    device: str | torch.device = "cpu",
) -> TrainingResult:
    """Runs `train` in one of several processes; each calls this with its own rank and otherwise the same arguments.

    `recipe.batch_size` is that of all processes together. So training does not depend on the number of processes,
    except for batch normalization, which sees only the images of its process (its statistics are averaged after every
    epoch), and for the random augmentation and dropout of each image. All see `checkpoint_dir`; the first process
    writes it. Training can be resumed with any number of processes.

    If one process ends, the others fail at their next step; restart all of them to resume.

    Args:
        architecture: See `train`.
        splits: See `train`; the same in all processes.
        recipe: See `train`.
        rank: Rank of this process, 0 ... world_size - 1.
        world_size: Number of processes.
        init_method: Where they meet, such as "tcp://node-1:29500" or "file:///shared/rendezvous" (a file that does not
            exist yet); see `torch.distributed.init_process_group`.
        seed: See `train`.
        checkpoint_dir: See `train`; on a disk that all processes see.
        cache_dir: See `train`; on a disk that all processes see.
        stop_epoch: See `train`.
        on_epoch: See `train`; called in the first process only.
        device: The device of this process. Gradients are exchanged by NCCL between CUDA devices, by gloo between CPUs.

    Returns:
        The same in all processes, except for times and memory.

    Raises:
        TrainingDiverged: In all processes.
        UsageError: Like `train`; or a process would get a single image of a batch.
    """
    device = torch.device(device)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group(
        "nccl" if device.type == "cuda" else "gloo",
        init_method=init_method,
        rank=rank,
        world_size=world_size,
        timeout=_TIMEOUT,
    )
    try:
        return train(
            architecture,
            splits,
            recipe,
            seed=seed,
            checkpoint_dir=checkpoint_dir,
            cache_dir=cache_dir,
            stop_epoch=stop_epoch,
            on_epoch=on_epoch,
            device=device,
            group=Group(rank, world_size),
        )
    finally:
        dist.destroy_process_group()
