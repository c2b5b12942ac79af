"""Why a training ends early."""

from __future__ import annotations

from tiernas.errors import TiernasError


class TrainingDiverged(TiernasError):  # noqa: N818 (an outcome to record, not a mistake to mend)
    """The loss became infinite or no number, or so large that the network will not recover.

    Attributes:
        epoch: Where it was noticed, from 1.
        step: Step of the whole training, from 1.
        loss: The loss there.
    """

    def __init__(self, what: str, *, epoch: int, step: int, loss: float) -> None:
        super().__init__(f"diverged in epoch {epoch}, step {step}: {what} (loss {loss:g})")
        self.epoch = epoch
        self.step = step
        self.loss = loss
