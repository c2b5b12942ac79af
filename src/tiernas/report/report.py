"""Writes the figures of a search into its output folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tiernas.config import SearchConfig
from tiernas.errors import UsageError
from tiernas.ledger import Ledger
from tiernas.report.plots import plot_front, plot_progress
from tiernas.table import ModelTable


def write_report(config: SearchConfig) -> Sequence[Path]:
    """Draws accuracy over latency, and the progress of the search.

    Returns:
        The PNG files.

    Raises:
        NothingFoundError: The search has not begun.
        UsageError: The folder cannot be written.
    """
    with Ledger.of_begun_search(config.ledger) as ledger:
        studies = {study.name: study for study in ledger.studies()}
        tiers = {tier: studies[tier.name] for tier in config.tier_list() if tier.name in studies}
        candidates = {tier: ledger.candidates(study) for tier, study in tiers.items()}
    own = [e for e in ModelTable(config.table.path).entries() if e.study.startswith(f"{config.study.name}, ")]
    front, progress = config.study.output / "accuracy-over-latency.png", config.study.output / "progress.png"
    engine = config.engine
    threads = "1 thread" if engine.threads == 1 else f"{engine.threads} threads"
    title = f"{config.study.name}: {engine.name} {engine.precision}, batch {engine.batch}, {threads}"
    try:
        plot_front(candidates, own, front, title)
        plot_progress(candidates, progress, title)
    except OSError as error:
        raise UsageError(f"report in {config.study.output}: cannot be written ({error.strerror})") from error
    return [front, progress]
