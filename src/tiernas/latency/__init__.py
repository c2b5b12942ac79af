"""Latency tables: measured once per device and engine, then estimating any number of networks."""

from tiernas.latency.advice import Advice, advise
from tiernas.latency.alone import measure_layer
from tiernas.latency.build import build_table, default_path
from tiernas.latency.check import Check, CheckedNetwork, check_table
from tiernas.latency.file import Header, Record
from tiernas.latency.observe import Observation, measure_architecture, measure_repeatedly, observe
from tiernas.latency.plot import plot_check
from tiernas.latency.table import LatencyTable, LayerCost

__all__ = [
    "Advice",
    "Check",
    "CheckedNetwork",
    "Header",
    "LatencyTable",
    "LayerCost",
    "Observation",
    "Record",
    "advise",
    "build_table",
    "check_table",
    "default_path",
    "measure_architecture",
    "measure_layer",
    "measure_repeatedly",
    "observe",
    "plot_check",
]
