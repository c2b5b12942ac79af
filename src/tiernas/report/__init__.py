"""Plots of a search and its results."""

from tiernas.report.plots import plot_front, plot_progress
from tiernas.report.report import Report, write_report

__all__ = ["Report", "plot_front", "plot_progress", "write_report"]
