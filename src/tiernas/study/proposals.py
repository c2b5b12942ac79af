"""From an optimizer's rows of levels to candidates of a study."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from tiernas.blocks.rows import IntArray
from tiernas.ledger import Candidate, Ledger, State, Study
from tiernas.search import Optimizer
from tiernas.spaces import SearchSpace
from tiernas.study.screen import Forecast

_log = logging.getLogger(__name__)


class Proposals:
    """Proposes the candidates of a study, in one of two orders.

    Reproducible, at a fixed distance behind the results: candidate `k` is proposed from the results of candidates
    `0 ... k - pending - 1`, told in the order proposed; later ones count as pending, even if they are done already. So
    the proposals depend on the results alone: not on how many workers there are, which of them is faster, or when
    anything was killed. A worker may wait for a slower one.

    Asynchronous: everything that has ended is told, in the order in which it ended, which the ledger records; all
    others are pending. No worker ever waits for another one.

    In both orders, accuracies reused from elsewhere are told first, and a resumed study proposes what the uninterrupted
    one would have proposed.

    Args:
        ledger: Where candidates are recorded.
        study: The study.
        space: Its search space.
        optimizer: A new one; told the ledger's history by this class.
        estimate_ms: Estimated latency (`n`, in ms) of vectors (`n x d`).
        pending: How many of the latest candidates may still be without a result; None for the asynchronous order.
        history: Networks outside the tier with a known accuracy; told before anything else.
    """

    def __init__(
        self,
        ledger: Ledger,
        study: Study,
        space: SearchSpace,
        optimizer: Optimizer,
        estimate_ms: Callable[[IntArray], npt.NDArray[np.float64]],
        pending: int | None,
        history: Sequence[Candidate] = (),
    ) -> None:
        self._ledger = ledger
        self._study = study
        self._space = space
        self._optimizer = optimizer
        self._estimate_ms = estimate_ms
        self._pending = pending
        self._seen = 0
        self._untold: list[Candidate] = []
        self._failed: list[Candidate] = []  # told as failed; the user may requeue them
        self._unasked = False  # whether some of them were proposed by an earlier server
        self._exhausted = False
        self._forecast = Forecast()
        self._tell(history)

    def next(self, candidates: Sequence[Candidate], idle: int) -> Candidate | None:
        """Proposes the next candidate, or nothing.

        Args:
            candidates: All candidates of the study in the order proposed; those of earlier calls come first again.
            idle: Number of workers without a waiting candidate.

        Returns:
            A pending candidate; None while a result is missing (reproducible order) or no worker is idle
            (asynchronous order), and when the tier is exhausted.
        """
        found = candidates[self._seen :]
        self._untold += found
        self._untold += [c for c in self._failed if c.state is not State.FAILED]
        self._failed = [c for c in self._failed if c.state is State.FAILED]
        self._unasked = self._unasked or bool(found)
        self._seen = len(candidates)
        if self._exhausted or (self._pending is None and idle < 1):
            return None
        if (due := self._due()) is None:
            return None
        self._tell(due)
        if self._unasked and self._untold:
            self._optimizer.add_pending(self._space.to_levels([c.vector for c in self._untold]))
        self._unasked = False
        rows = self._optimizer.ask(1)
        if not len(rows):
            self._exhausted = True
            _log.warning("tier %s: every network has been proposed already", self._study.name)
            return None
        vectors = self._space.from_levels(rows)
        digest = self._space.decode(vectors[0]).digest
        vector = [int(v) for v in vectors[0]]
        proposed = self._ledger.propose(self._study, vector, digest, float(self._estimate_ms(vectors)[0]))
        self._untold.append(proposed)
        self._seen += 1
        return proposed

    def _due(self) -> Sequence[Candidate] | None:
        """What to tell before the next proposal, in this order; None while a result of it is missing."""
        if self._pending is None:
            return sorted((c for c in self._untold if c.ended), key=lambda c: c.ended_order or 0)
        reused = [c for c in self._untold if c.origin is not None]
        own = [c for c in self._untold if c.origin is None]
        due = reused + own[: max(0, len(own) - self._pending)]
        return due if all(c.ended for c in due) else None

    def _tell(self, due: Sequence[Candidate]) -> None:
        if not due:
            return
        self._optimizer.tell(self._space.to_levels([c.vector for c in due]), [self._value(c) for c in due])
        self._failed += [c for c in due if c.state is State.FAILED]
        told = {c.id for c in due}
        self._untold = [c for c in self._untold if c.id not in told]

    def _value(self, candidate: Candidate) -> float:
        """The value told to the optimizer; depends on those told before, so a resumed study tells the same."""
        if candidate.state is State.PRUNED:
            return self._forecast(candidate)
        if candidate.accuracy is None:
            return math.nan
        self._forecast.add(candidate)
        return candidate.accuracy
