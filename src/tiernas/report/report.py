"""Writes the figures of a search, and the page of its model table, into its output folder."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from tiernas.config import SearchConfig
from tiernas.errors import NothingFoundError, UsageError
from tiernas.ledger import Ledger, Purpose
from tiernas.report.plots import plot_front, plot_progress
from tiernas.table import Entry, ModelTable, Query, write_page
from tiernas.table.ties import comparable
from tiernas.tiers import parse_tier


@dataclass(frozen=True, slots=True)
class Report:
    """The files of a report.

    Attributes:
        plots: PNG files: accuracy over latency, and the progress of the search.
        page: The page of the model table; None if there is no table yet.
    """

    plots: Sequence[Path]
    page: Path | None

    @property
    def files(self) -> Sequence[Path]:
        """All of them."""
        return [*self.plots, *([self.page] if self.page else [])]


def write_report(config: SearchConfig) -> Report:
    """Draws accuracy over latency and the progress of the search, and writes the page of the model table.

    Raises:
        NothingFoundError: The search has not started, or none of its training runs is complete.
        UsageError: The folder cannot be written.
    """
    with Ledger.of_begun_search(config.ledger) as ledger:
        configured = {tier.name: tier for tier in config.tier_list()}
        tiers = {configured.get(study.name) or parse_tier(study.name): study for study in ledger.studies()}
        candidates = {tier: ledger.candidates(study) for tier, study in tiers.items()}
        entered = [purpose for purpose in Purpose if purpose.is_entered]
        finalists = {f.digest for study in tiers.values() for of in entered for f in ledger.candidates(study, of)}
    table = ModelTable(config.table.path)
    there = table.entries() if table.path.exists() else ()
    own = own_entries(config, there, finalists)
    published = [e for e in there if e.is_published and any(comparable(e, one) for one in own)]
    if not own and all(c.accuracy is None for of_tier in candidates.values() for c in of_tier):
        raise NothingFoundError(
            f"study {config.study.name}: there is nothing to draw yet, no training run is complete; tiernas status "
            "shows the progress"
        )
    front, progress = config.study.output / "accuracy-over-latency.png", config.study.output / "progress.png"
    engine = config.engine
    threads = "1 thread" if engine.threads == 1 else f"{engine.threads} threads"
    title = f"{config.study.name}: {engine.name} {engine.precision}, batch {engine.batch}, {threads}"
    if limits := config.limits.limits.words:
        title += f"\n{limits}"
    try:
        plot_front(candidates, own, front, title, published)
        plot_progress(candidates, progress, title)
    except OSError as error:
        raise UsageError(f"report in {config.study.output}: cannot be written ({error.strerror})") from error
    page = write_page(table, config.study.output / "table.html") if table.path.exists() else None
    return Report([front, progress], page)


def own_entries(config: SearchConfig, entries: Sequence[Entry], finalists: Collection[str]) -> list[Entry]:
    """The entries of a search; the same table may contain others, some from a study of the same name.

    Args:
        config: The search.
        entries: The entries of the table.
        finalists: Digests of the architectures of its finalists.
    """
    engine = config.engine
    wanted = Query(precision=engine.precision, batch=engine.batch, threads=engine.threads, data=config.data.shown)
    of_study = f"{config.study.name}, "
    found = wanted.comparable(entries)
    return [e for e in found if e.study.startswith(of_study) and e.architecture_digest in finalists]
