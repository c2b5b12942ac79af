"""Rebuilds what an entry of an earlier version deploys: such entries contain only the weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from tiernas.artefact import Preprocessing, begin_artefact, end_artefact
from tiernas.engines import get_engine
from tiernas.errors import UsageError
from tiernas.networks import Network
from tiernas.table.entry import Entry

_IMAGES = 8
"""Number of noise images for comparing a rebuilt network with torch."""


def rebuild(entry: Entry, network: Network, onnx_path: Path, folder: Path) -> None:
    """Compiles an entry's network and saves it, with torch's logits in fp32 to check it.

    Args:
        entry: The entry; not in int8, which needs the images it was calibrated with.
        network: Its network.
        onnx_path: The network as ONNX.
        folder: An empty folder to write to.

    Raises:
        UsageError: The entry is in int8, or its engine cannot be used here.
    """
    if entry.precision == "int8":
        raise UsageError(
            f"entry {entry.name}: was written by tiernas {entry.tiernas_version}, which did not save the int8 network "
            "that it measured; a network in fp32 would not be what the entry claims. Run its search again: training "
            "results are kept, and its networks are calibrated and measured again"
        )
    engine = get_engine(entry.engine, precision=entry.precision, batch=entry.batch, threads=entry.threads)
    wanted = Preprocessing(entry.resolution, entry.resolution, entry.input_mean, entry.input_std)
    with engine.compile(onnx_path) as compiled:
        begin_artefact(compiled, folder, wanted, entry.classes)
    size = (_IMAGES, entry.resolution, entry.resolution, 3)
    pixels = np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8)
    with torch.no_grad():
        logits = network(torch.from_numpy(wanted.inputs(pixels))).numpy()
    end_artefact(folder, pixels, logits)
