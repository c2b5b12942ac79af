"""The settings common to all training runs of a study."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tiernas.executors import Executor, Job
from tiernas.ledger import Candidate, Ledger, Purpose, Study
from tiernas.spaces import Architecture, SearchSpace, architecture_from_json
from tiernas.study.curves import Curves
from tiernas.study.screen import Screen


def checkpoint_place(checkpoints: str, study: Study, candidate: Candidate) -> str:
    """Folder or fsspec URL of a candidate's checkpoints and weights, inside the place of all checkpoints."""
    return f"{checkpoints.rstrip('/')}/{study.name}/{candidate.purpose}/{candidate.index:05d}"


def curves_name(study: Study, candidate: Candidate) -> str:
    """Name of the curves of a training run; slashes make folders. Earlier versions wrote five digits, from 0."""
    return f"{study.name}/{candidate.purpose}/{candidate.number:06d}"


def architecture_of(candidate: Candidate, space: SearchSpace) -> Architecture:
    """The network of a candidate: one of the space of the search, or a rival."""
    rival = candidate.rival
    return space.decode(candidate.vector) if rival is None else architecture_from_json(rival["architecture"])


@dataclass(frozen=True, slots=True)
class Trainings:
    """How the candidates of a study are trained by `tiernas.study.train_candidates`.

    Attributes:
        ledger: Where everything is recorded.
        executor: Trains the candidates.
        space: The search space.
        data: `DataConfig` as plain values.
        recipes: `RecipeConfig` as plain values, for each purpose.
        seed: Seed of every training run: the same network gets the same accuracy.
        output: Folder for decoded images.
        stop: Whether the user asked to stop.
        watch: Called with the candidates whenever one of them ended, paused or is tried again, and with the number
            wanted.
        screen: Decides which candidates of the search continue; None if all do.
        checkpoints: Folder or fsspec URL for checkpoints and weights; by default `checkpoints` in `output`.
        time_limit_s: An attempt that takes longer has failed; None for no limit except for one that hangs
            (`Overdue`).
        report: Called continually with the number of workers and of idle ones; may raise to end the server.
        curves: Learning curves of all training runs; None for none.
    """

    ledger: Ledger
    executor: Executor
    space: SearchSpace
    data: dict[str, Any]
    recipes: Mapping[Purpose, dict[str, Any]]
    seed: int
    output: Path
    stop: Callable[[], bool]
    watch: Callable[[Study, Purpose, Sequence[Candidate], int], None]
    screen: Screen | None = None
    checkpoints: str | None = None
    time_limit_s: float | None = None
    report: Callable[[int, int], None] | None = None
    curves: Curves | None = None

    def place(self, study: Study, candidate: Candidate) -> str:
        """Folder or fsspec URL of a candidate's checkpoints and weights."""
        return checkpoint_place(self.checkpoints or str(self.output / "checkpoints"), study, candidate)

    def draw(self, study: Study, candidate: Candidate, epochs: int, metrics: Mapping[str, float]) -> None:
        """Adds an epoch to the curves of a training run."""
        if self.curves is not None:
            self.curves.add(curves_name(study, candidate), epochs, metrics)

    def end_curves(self, study: Study, candidate: Candidate) -> None:
        """Closes the curves of a training run that has stopped."""
        if self.curves is not None:
            self.curves.end(curves_name(study, candidate))

    def job(self, study: Study, candidate: Candidate) -> Job:
        """The training of a candidate, to the next rung of the screen or to its end."""
        searched = candidate.purpose is Purpose.SEARCH
        return Job(
            id=candidate.id,
            architecture=architecture_of(candidate, self.space).to_json(),
            data=self.data,
            recipe=self.recipes[candidate.purpose],
            seed=self.seed + candidate.seed_offset,
            checkpoint_dir=self.place(study, candidate),
            cache_dir=str(self.output / "cache"),
            test=candidate.purpose.is_final,
            stop_epoch=self.screen.next_rung(candidate) if self.screen and searched else None,
        )
