"""Converts ONNX files to ncnn's with pnnx: its program alone, which takes no part of torch or ncnn."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from tiernas.engines.ncnn.param_file import SUFFIX, WEIGHTS_SUFFIX, layer_types, write_input_shape
from tiernas.engines.saved import STEM
from tiernas.errors import NotInstalledError, UsageError
from tiernas.temporary import owned_folder

if TYPE_CHECKING:
    from tiernas.engines.onnx_file import OnnxNetwork

_PROGRAMS = ("pnnx", "pnnx.exe")
"""Names of the program in the package; the second one on Windows."""
_TROUBLE = re.compile(r"no such function|not a registered|not supported|unsupported|unknown|failed", re.IGNORECASE)
"""Lines of pnnx's output that say what it cannot convert."""
_NOISE = re.compile(r"\x1b\[[0-9;]*m|\[W:onnxruntime|cpuid_info")
_NCNN_TYPE = re.compile(r"[A-Z][A-Za-z0-9]*")
"""What a layer of ncnn is called; pnnx keeps names such as `aten::erf` or `F.gelu` of what it cannot convert."""


def converter() -> str | None:
    """Pnnx and its version; None if it is not installed."""
    try:
        return f"pnnx {version('pnnx')}"
    except PackageNotFoundError:
        return None


def convert(onnx_path: Path, batch: int, folder: Path) -> tuple[str, ...]:
    """Writes a network for ncnn, with weights in fp32: `network.param` and `network.bin`.

    Args:
        onnx_path: The network, as in `Engine.compile`.
        batch: Images per inference.
        folder: An empty folder.

    Returns:
        Names of the files; the first one is loaded.

    Raises:
        UsageError: As in `Engine.compile`.
        NotInstalledError: pnnx is not installed.
    """
    from tiernas.engines.onnx_file import read_network  # imports onnx

    network = read_network(onnx_path, batch)
    program = _program()
    files = STEM + SUFFIX, STEM + WEIGHTS_SUFFIX
    with owned_folder("tiernas-pnnx-") as scratch:  # pnnx writes seven more files
        source = scratch / "network.onnx"
        source.write_bytes(network.model.SerializeToString())
        outputs = [f"ncnnparam={folder / files[0]}", f"ncnnbin={folder / files[1]}"]
        found = subprocess.run(
            [program, source.name, *outputs, "fp16=0"],
            cwd=scratch,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    said = found.stdout.decode("utf-8", errors="replace")
    if found.returncode or not all((folder / file).is_file() for file in files):
        raise UsageError(f"{onnx_path}: pnnx cannot convert it for ncnn: {_reason(said, found.returncode)}")
    path = folder / files[0]
    _require_known_layers(network, path)
    write_input_shape(path, network.input_shape)
    return files


def _program() -> Path:
    """The program in the package pnnx, which is not imported, because it imports torch."""
    spec = importlib.util.find_spec("pnnx")
    folders = [] if spec is None else [Path(folder) for folder in spec.submodule_search_locations or ()]
    for path in (folder / name for folder in folders for name in _PROGRAMS):
        if path.is_file():
            return path
    raise NotInstalledError("pnnx, which converts networks for ncnn,", "ncnn")


def _require_known_layers(network: OnnxNetwork, path: Path) -> None:
    unknown = [kind for kind in layer_types(path) if not _NCNN_TYPE.fullmatch(kind)]
    if unknown:
        raise UsageError(f"{network.path}: ncnn has no layer for {', '.join(unknown)}")


def _reason(said: str, status: int) -> str:
    """What pnnx says it cannot convert; its exit status if it says nothing."""
    lines = [line.strip() for line in said.splitlines() if not _NOISE.search(line)]
    told = [" ".join(line.split()) for line in lines if _TROUBLE.search(line)]
    return "; ".join(dict.fromkeys(told[:2])) or f"its exit status is {status}"
