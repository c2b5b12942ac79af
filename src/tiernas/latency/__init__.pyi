from .estimating.build import build_table
from .estimating.check import Check, CheckedNetwork, check_table
from .estimating.check_plot import plot_check
from .estimating.latency_table import LatencyTable, LayerCost
from .estimating.table_file import Header, Record, default_path
from .estimating.verdict import Verdict, judge_table
from .measuring.advice import Advice, advise
from .measuring.alone import measure_layer
from .measuring.architecture import measure_architecture, profile_architecture
from .measuring.observation import Observation

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
    "plot_check",
    "profile_architecture",
]
