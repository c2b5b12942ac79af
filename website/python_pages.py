"""The pages of the Python interface: which packages there are for users; mkdocstrings reads their docstrings."""

from __future__ import annotations

from collections.abc import Mapping

PACKAGES = {
    "tiernas": "Search spaces, networks and trained networks by name.",
    "tiernas.spaces": "Search spaces and the architectures that their vectors describe.",
    "tiernas.networks": "Architectures as torch modules; ONNX export; parameters and multiply-accumulates.",
    "tiernas.search": "Optimizers that ask for networks and are told their accuracies.",
    "tiernas.engines": "Deployment engines and the measurement of one network.",
    "tiernas.latency": "Latency tables: built, checked and asked.",
    "tiernas.limits": "Limits of parameters, multiply-accumulates and memory.",
    "tiernas.training": "Data sets, recipes and the training of one network.",
    "tiernas.training.sources": "What a data source of your own returns.",
    "tiernas.config": "The TOML file of a search.",
    "tiernas.table": "The model table: entries, queries, exports.",
    "tiernas.replay": "Searches on known results, in seconds.",
    "tiernas.errors": "Errors that are messages for people.",
}
"""Packages that users import, with what they are for."""


def python_pages() -> Mapping[str, str]:
    """Markdown by page."""
    return {
        f"reference/python/{package}.md": f"# {package}\n\n{what}\n\n::: {package}\n" for package, what in PACKAGES.items()
    }
