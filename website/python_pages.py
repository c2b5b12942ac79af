"""The pages of the Python interface: which packages there are for users; mkdocstrings reads their docstrings."""

from __future__ import annotations

from collections.abc import Mapping

PACKAGES = (
    "tiernas",
    "tiernas.spaces",
    "tiernas.networks",
    "tiernas.search",
    "tiernas.engines",
    "tiernas.latency",
    "tiernas.limits",
    "tiernas.training",
    "tiernas.training.sources",
    "tiernas.config",
    "tiernas.table",
    "tiernas.replay",
    "tiernas.errors",
)
"""Packages that users import."""


_NAMED_AS_THEIR_MODULE = {
    "tiernas": "tiernas.spaces.released.released",
    "tiernas.spaces": "tiernas.spaces.released.released",
    "tiernas.table": "tiernas.table.exporting.export.export",
}
"""Functions that mkdocstrings takes for the module of the same name, by the package that has them."""

_FUNCTION = """
::: {}
    options:
      show_root_heading: true
      show_root_toc_entry: true
      show_root_full_path: false
"""


def python_pages() -> Mapping[str, str]:
    """Markdown by page."""
    return {f"reference/python/{package}.md": _page(package) for package in PACKAGES}


def _page(package: str) -> str:
    function = _NAMED_AS_THEIR_MODULE.get(package)
    return f"# {package}\n\n::: {package}\n{_FUNCTION.format(function) if function else ''}"
