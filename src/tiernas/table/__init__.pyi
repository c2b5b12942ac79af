from .command import export_command, measure_command, next_command, query_command
from .entry import Entry
from .exporting import export
from .model_table import DamagedEntry, ModelTable
from .page import write_page
from .query import AmbiguousQueryError, Query

__all__ = [
    "AmbiguousQueryError",
    "DamagedEntry",
    "Entry",
    "ModelTable",
    "Query",
    "export",
    "export_command",
    "measure_command",
    "next_command",
    "query_command",
    "write_page",
]
