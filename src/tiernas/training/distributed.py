"""`train_distributed`: one network on many devices, one process for each."""

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
"""How long a process waits for the others; covers a teacher that one of them prepares and the final evaluation."""


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
    """`train` in one of several processes, each of which calls this with its own rank and else the same arguments.

    `recipe.batch_size` is that of all processes together, so the training is the same however many there are, but for
    batch normalisation, which sees the images of its process only (its statistics are averaged after every epoch), and
    for the augmentation and dropout that each image happens to get. All see `checkpoint_dir`; the first process writes
    it. A training is continued with any number of processes.

    If one process ends, the others fail at their next step; start all of them again to continue.

    Args:
        architecture: See `train`.
        splits: See `train`; the same in all processes.
        recipe: See `train`.
        rank: Of this process, 0 ... world_size - 1.
        world_size: How many processes there are.
        init_method: Where they meet, such as "tcp://node-1:29500" or "file:///shared/rendezvous" (a file that does not
            exist yet), see `torch.distributed.init_process_group`.
        seed: See `train`.
        checkpoint_dir: See `train`; on a disk that all processes see.
        cache_dir: See `train`; on a disk that all processes see.
        stop_epoch: See `train`.
        on_epoch: See `train`; called in the first process only.
        device: Where this process trains: NCCL carries the gradients between CUDA devices, gloo between CPUs.

    Returns:
        The same in all processes, but for times and memory.

    Raises:
        TrainingDiverged: In all processes.
        UsageError: As `train`; or a process would get a single image of a batch.
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
