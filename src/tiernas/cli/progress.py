"""Live progress of a search: drawn by rich on a terminal, plain lines elsewhere; and Ctrl-C."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from tiernas.cli.output import err
from tiernas.ledger import Candidate, Purpose, State, Study

_log = logging.getLogger("tiernas.search")

_SINGULARS = {
    Purpose.SEARCH: "candidate",
    Purpose.REPEAT: "repeat",
    Purpose.FINAL: "finalist",
    Purpose.PARENT: "whole parent",
    Purpose.RIVAL: "rival",
    Purpose.SEED: "other seed",
}
_PLURALS = {
    Purpose.SEARCH: "search",
    Purpose.REPEAT: "repeats",
    Purpose.FINAL: "finalists",
    Purpose.PARENT: "whole parents",
    Purpose.RIVAL: "rivals",
    Purpose.SEED: "other seeds",
}


@contextmanager
def watching() -> Iterator[tuple[Callable[[], bool], Callable[..., None]]]:
    """Shows progress; the first Ctrl-C or SIGTERM requests a stop, the second stops at once.

    Yields:
        Whether a stop was requested, and a callback for the candidates of a study.
    """
    asked = False

    def interrupt(_: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        _log.warning("stopping after the running candidates; Ctrl-C again stops at once (nothing is lost)")

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        if err.is_terminal:
            with _Bars() as bars:
                yield (lambda: asked), bars.watch
        else:
            yield (lambda: asked), _Lines().watch
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Lines:
    """One line per candidate that ended."""

    def __init__(self) -> None:
        self._shown: dict[tuple[str, Purpose], set[int]] = {}

    def watch(self, study: Study, purpose: Purpose, candidates: Sequence[Candidate], wanted: int) -> None:
        ended = _ended_here(candidates)
        # candidates that ended before this command are not shown
        shown = self._shown.setdefault((study.name, purpose), {c.id for c in ended})
        for candidate in ended:
            if candidate.id not in shown:
                _log.info("%s", _line(study, purpose, candidate, ended, wanted))
                shown.add(candidate.id)


class _Bars:
    """A bar per study, and a line per candidate that ended."""

    def __init__(self) -> None:
        self._lines = _Lines()
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[best]}"),
            console=err,
        )
        self._tasks: dict[tuple[str, Purpose], TaskID] = {}

    def watch(self, study: Study, purpose: Purpose, candidates: Sequence[Candidate], wanted: int) -> None:
        self._lines.watch(study, purpose, candidates, wanted)
        key = (study.name, purpose)
        if key not in self._tasks:
            self._tasks[key] = self._bars.add_task(f"{_PLURALS[purpose]} {study.name} ms", total=wanted, best="")
        ended = _ended_here(candidates)
        best = max((c.accuracy or 0.0 for c in ended), default=0.0)
        self._bars.update(
            self._tasks[key], total=wanted, completed=len(ended), best=f"best {best:.2%}" if ended else ""
        )

    def __enter__(self) -> _Bars:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()


def _ended_here(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Candidates that ended, except those with a reused accuracy."""
    return [c for c in candidates if c.ended and c.origin is None]


def _line(study: Study, purpose: Purpose, candidate: Candidate, ended: Sequence[Candidate], wanted: int) -> str:
    which = candidate.rival["name"] if candidate.rival else candidate.number
    where = f"tier {study.name} ms  {len(ended)}/{wanted}  {_SINGULARS[purpose]} {which}"
    if candidate.state in (State.FAILED, State.DROPPED):
        return f"{where}  {candidate.state}: {candidate.reason}"
    if candidate.state is State.PRUNED:
        rung = (candidate.rungs or [])[-1]
        return f"{where}  pruned after {rung['epochs']} epochs, accuracy {rung['accuracy']:.2%}"
    best = max(c.accuracy or 0.0 for c in ended)
    seconds = (candidate.result or {}).get("duration_s", 0.0)
    latency = f"{candidate.estimated_latency_ms:.3f} ms"
    return f"{where}  {latency}  accuracy {candidate.accuracy:.2%}  best {best:.2%}  ({seconds:.1f} s)"
