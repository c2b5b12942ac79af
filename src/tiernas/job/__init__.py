"""Everything that `tiernas search` does."""

from tiernas.job.job import run_search

__all__ = ["run_search"]
