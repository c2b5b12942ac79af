"""The processes that train one network together, each on its share of every batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from tiernas.errors import UsageError


@dataclass(frozen=True, slots=True)
class Group:
    """This process within torch's default process group; alone by default.

    Attributes:
        rank: Rank of this process, from 0; the first writes all files.
        size: Number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and reports progress."""
        return self.rank == 0

    def share(self, rows: Tensor) -> Tensor:
        """This process's share of a batch; shares differ by at most one image."""
        return rows.tensor_split(self.size)[self.rank]

    def parallel(self, network: nn.Module) -> nn.Module:
        """The network with gradients averaged over all processes after every backward pass."""
        return network if self.size == 1 else DistributedDataParallel(network, broadcast_buffers=False)

    def total(self, value: float, device: torch.device) -> float:
        """Sum of a number over all processes; all get the same."""
        if self.size == 1:
            return value
        summed = torch.tensor(value, dtype=torch.float64, device=device)
        dist.all_reduce(summed)
        return float(summed)

    def average_buffers(self, network: nn.Module) -> None:
        """Averages what each process has counted, such as the statistics of batch normalization, over all processes."""
        if self.size == 1:
            return
        for buffer in network.buffers():
            if buffer.is_floating_point():
                dist.all_reduce(buffer)
                buffer.div_(self.size)

    def wait(self) -> None:
        """Waits until all processes have called this."""
        if self.size > 1:
            dist.barrier()

    def require_images(self, smallest_batch: int, batch_size: int) -> None:
        """Makes sure that batch normalization has something to normalize over.

        Raises:
            UsageError: A process would get a single image of a batch, which has no variance over a 1x1 map.
        """
        if smallest_batch // self.size < 2:
            raise UsageError(
                f"recipe.batch_size = {batch_size}: the smallest batch has {smallest_batch} images, too few for "
                f"{self.size} processes: each needs at least 2 for batch normalization. Raise recipe.batch_size to at "
                f"least {4 * self.size}, train on more images, or train on fewer devices"
            )


ALONE = Group()
"""One process, no communication."""
