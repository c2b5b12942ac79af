"""Architectures as networks that can be measured: with random weights, compiled by an engine."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tiernas.engines import CompiledNetwork, Engine, graph_digest
from tiernas.networks import export_untrained
from tiernas.spaces import Architecture


@contextmanager
def compiled_untrained(
    architecture: Architecture, num_classes: int, engine: Engine
) -> Iterator[tuple[CompiledNetwork, str]]:
    """Exports and compiles a network with random weights; frees it at the end.

    Yields:
        The network, and the `graph_digest` of its ONNX graph.
    """
    with tempfile.TemporaryDirectory(prefix="tiernas-") as folder:
        path = Path(folder) / "network.onnx"
        export_untrained(architecture, num_classes, path, batch=engine.batch)
        graph = graph_digest(path)
        with engine.compile(path) as network:
            yield network, graph
