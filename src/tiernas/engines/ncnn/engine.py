"""The engine `ncnn`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tiernas.engines.calibration import FloatArray
from tiernas.engines.engine import CompiledNetwork, Engine, NodeTime
from tiernas.engines.fingerprint import Fingerprint, cpu_flags
from tiernas.engines.ncnn.conversion import convert, converter
from tiernas.engines.ncnn.param_file import SUFFIX, WEIGHTS_SUFFIX, layer_types, read_input_shape
from tiernas.engines.saved import STEM, SavedNetwork, loader_of
from tiernas.errors import NotInstalledError, UsageError
from tiernas.temporary import owned_folder

try:
    import ncnn
except ImportError as error:
    raise NotInstalledError("ncnn", "ncnn") from error

_IN_FP16 = ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic")
_IN_BF16 = ("use_bf16_storage",)
_INPUT, _OUTPUT = "in0", "out0"
"""Names that pnnx gives the images and the logits."""


class NcnnEngine(Engine):
    """ncnn on the CPU, with all of its optimizations.

    pnnx converts ONNX files. The wheels quantize no networks, so there is no int8; and they are built without ncnn's
    benchmark mode, so there is no profile.
    """

    name: ClassVar[str] = "ncnn"

    def __init__(self, precision: str = "fp32", batch: int = 1, threads: int = 1) -> None:
        super().__init__(precision, batch, threads)
        if batch != 1:
            raise UsageError(f"batch = {batch}: ncnn runs one image per inference; use batch = 1")

    @classmethod
    def precisions(cls) -> tuple[str, ...]:
        """Low precisions only if the CPU computes in them; on others ncnn converts and gains no time."""
        fp16 = ("fp16",) if ncnn.cpu_support_arm_asimdhp() else ()
        bf16 = ("bf16",) if any("bf16" in flag for flag in cpu_flags()) else ()
        return ("fp32", *fp16, *bf16)

    def fingerprint(self) -> Fingerprint:
        options = _options(self.precision, self.threads)
        del options["num_threads"]
        found = self.cpu_fingerprint(ncnn.__version__, options=options)
        return dataclasses.replace(found, quantizer=converter())

    def load(self, path: Path) -> NcnnNetwork:
        if path.suffix != SUFFIX:
            raise UsageError(f"{path}: ncnn loads {SUFFIX} files, which tiernas makes of ONNX files where it runs")
        return NcnnNetwork(path, self.fingerprint(), ExitStack())

    def compile(self, onnx_path: Path, calibration: FloatArray | None = None) -> NcnnNetwork:
        with ExitStack() as resources:
            folder = resources.enter_context(owned_folder("tiernas-ncnn-"))
            file, _ = convert(onnx_path, self.batch, folder)
            return NcnnNetwork(folder / file, self.fingerprint(), resources)

    @classmethod
    def saved(cls, files: Sequence[str], fingerprint: Fingerprint) -> SavedNetwork:
        return SavedNetwork(
            files=tuple(files),
            options={"input": _INPUT, "output": _OUTPUT, **_options(fingerprint.precision, fingerprint.threads)},
            loader=loader_of("ncnn"),
            requirements=(f"ncnn=={fingerprint.engine_version}",),
        )


class NcnnNetwork(CompiledNetwork):
    """A network loaded by ncnn.

    Args:
        path: Its `.param` file, next to its `.bin`.
        fingerprint: What it runs on.
        resources: What must exist as long as the network; taken over.

    Raises:
        UsageError: ncnn cannot load it.
    """

    def __init__(self, path: Path, fingerprint: Fingerprint, resources: ExitStack) -> None:
        self.fingerprint = fingerprint
        self.input_shape = read_input_shape(path)
        self._path = path
        self._options = _options(fingerprint.precision, fingerprint.threads)
        self._net = _net(path, self._options)
        self._images = _mat(np.random.default_rng(0).standard_normal(self.input_shape, dtype=np.float32))
        self._resources = resources.pop_all()

    def run(self, images: FloatArray) -> FloatArray:
        self.require_shape(images)
        return np.array(self._logits(_mat(images)), dtype=np.float32).reshape(1, -1)

    def infer(self) -> None:
        self._logits(self._images)

    def reload(self) -> None:
        self._images = self._images.clone()
        self._net = _net(self._path, self._options)

    def profile(self) -> Sequence[NodeTime]:
        """Nothing: ncnn times layers only if it is built with `NCNN_BENCHMARK`, and the wheels are not."""
        return ()

    def save(self, folder: Path) -> SavedNetwork:
        """Writes the network with its weights in fp32: `network.param` and `network.bin`."""
        files = STEM + SUFFIX, STEM + WEIGHTS_SUFFIX
        for file in files:
            (folder / file).write_bytes(self._path.with_suffix(Path(file).suffix).read_bytes())
        return NcnnEngine.saved(files, self.fingerprint)

    def close(self) -> None:
        del self._net, self._images
        self._resources.close()

    def _logits(self, images: ncnn.Mat) -> ncnn.Mat:
        extractor = self._net.create_extractor()
        extractor.input(_INPUT, images)
        _, logits = extractor.extract(_OUTPUT)
        return logits


def _options(precision: str, threads: int) -> dict[str, Any]:
    """Attributes of `ncnn.Option` that differ from its defaults, or whose defaults depend on the machine."""
    return {
        "num_threads": threads,
        "use_vulkan_compute": False,
        **dict.fromkeys(_IN_FP16, precision == "fp16"),
        **dict.fromkeys(_IN_BF16, precision == "bf16"),
    }


def _net(path: Path, options: dict[str, Any]) -> ncnn.Net:
    """A network, loaded with its weights."""
    unknown = [kind for kind in layer_types(path) if ncnn.layer_to_index(kind) < 0]
    if unknown:
        raise UsageError(f"{path}: ncnn {ncnn.__version__} has no layer {', '.join(unknown)}")
    net = ncnn.Net()
    for name, value in options.items():
        setattr(net.opt, name, value)
    weights = path.with_suffix(WEIGHTS_SUFFIX)
    if net.load_param(str(path)) or not weights.is_file() or net.load_model(str(weights)):
        raise UsageError(f"{path}: ncnn cannot load it: the file or {weights.name} next to it is missing or damaged")
    return net


def _mat(images: FloatArray) -> ncnn.Mat:
    """One image with its channels aligned, as ncnn's kernels want them."""
    return ncnn.Mat(np.ascontiguousarray(images[0], dtype=np.float32)).clone()
