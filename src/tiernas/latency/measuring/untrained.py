"""Architectures with random weights, compiled or put into a kit, so that they can be measured."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tiernas.devices.kit import Kit, KitNetwork
from tiernas.engines import CompiledNetwork, Engine, graph_digest
from tiernas.errors import UsageError
from tiernas.spaces import Architecture


@contextmanager
def compiled_untrained(
    architecture: Architecture, num_classes: int, engine: Engine
) -> Iterator[tuple[CompiledNetwork, str]]:
    """Exports and compiles a network with random weights; frees it at the end.

    Yields:
        The network, and the `graph_digest` of its ONNX graph.

    Raises:
        UsageError: The engine cannot run it; the message names its plug-in blocks.
    """
    from tiernas.networks import export_untrained  # imports torch, which estimating and the doctor do not need
    from tiernas.networks.plugin_layers import plugin_blocks

    with tempfile.TemporaryDirectory(prefix="tiernas-") as folder:
        path = Path(folder) / "network.onnx"
        export_untrained(architecture, num_classes, path, batch=engine.batch)
        graph = graph_digest(path)
        try:
            network = engine.compile(path)
        except UsageError as error:
            if (blocks := plugin_blocks(architecture)) is None:
                raise
            said = str(error).removeprefix(f"{path}: ")
            raise UsageError(f"engine {engine.name!r} cannot run a network with the {blocks}: {said}") from error
        with network:
            yield network, graph


def add_untrained(kit: Kit, architecture: Architecture, num_classes: int) -> KitNetwork:
    """Exports a network with random weights into a kit.

    Args:
        kit: The kit.
        architecture: The network.
        num_classes: Its number of classes.
    """
    from tiernas.networks import export_untrained  # imports torch

    with tempfile.TemporaryDirectory(prefix="tiernas-") as folder:
        path = Path(folder) / "network.onnx"
        export_untrained(architecture, num_classes, path, batch=kit.batch)
        return kit.network(path)
