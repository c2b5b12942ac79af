from .advice import Advice, advise
from .alone import measure_layer
from .build import build_table
from .check import Check, CheckedNetwork, check_table
from .file import Header, Record, default_path
from .observation import Observation
from .observing import measure_architecture, observe
from .plot import plot_check
from .table import LatencyTable, LayerCost
from .verdict import Verdict, judge_table

__all__ = [
    "Advice",
    "Check",
    "CheckedNetwork",
    "Header",
    "LatencyTable",
    "LayerCost",
    "Observation",
    "Record",
    "Verdict",
    "advise",
    "build_table",
    "check_table",
    "default_path",
    "judge_table",
    "measure_architecture",
    "measure_layer",
    "observe",
    "plot_check",
]
