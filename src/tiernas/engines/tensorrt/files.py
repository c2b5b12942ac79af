"""The files of a deployment with TensorRT: the typed network, and the engine built from it."""

from __future__ import annotations

from pathlib import Path

from tiernas.engines.saved import STEM, SavedNetwork, loader_of
from tiernas.engines.tensorrt.library import TrtLibrary


def save_trt(library: TrtLibrary, typed: bytes, serialized: bytes, folder: Path) -> SavedNetwork:
    """Writes `network.onnx`, from which engines for other GPUs can be built, and `network.engine` for this GPU.

    Args:
        library: The package that built the engine.
        typed: The ONNX network that was passed to its builder, in its precision.
        serialized: The engine.
        folder: Where to write.
    """
    (folder / f"{STEM}.onnx").write_bytes(typed)
    (folder / f"{STEM}.engine").write_bytes(serialized)
    return SavedNetwork(
        files=(f"{STEM}.onnx", f"{STEM}.engine"),
        options={"package": library.package, "version": library.version},
        loader=loader_of("tensorrt"),
        requirements=(f"{library.extra}=={library.version}", "cuda-bindings"),
    )
