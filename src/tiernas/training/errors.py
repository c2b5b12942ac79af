"""Why training ends early."""

from __future__ import annotations

from tiernas.errors import TiernasError


class TrainingDiverged(TiernasError):  # noqa: N818 (an outcome to record, not a mistake to fix)
    """The loss became infinite or not a number, or so large that the network will not recover.

    Attributes:
        epoch: The epoch it was noticed in, from 1.
        step: The step of the whole training run, from 1.
        loss: The loss at that step.
    """

    def __init__(self, what: str, *, epoch: int, step: int, loss: float) -> None:
        super().__init__(f"diverged in epoch {epoch}, step {step}: {what} (loss {loss:g})")
        self.epoch = epoch
        self.step = step
        self.loss = loss
