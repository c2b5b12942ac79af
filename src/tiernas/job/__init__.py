"""The whole job of `tiernas search`."""

from tiernas.job.job import run_search

__all__ = ["run_search"]
