"""PyTorch on the CPU, eager and compiled by Inductor: a baseline for deployment engines."""

from __future__ import annotations

import copy
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnx

from tiernas.engines.calibration import FloatArray
from tiernas.engines.engine import CompiledNetwork, Engine, NodeTime
from tiernas.engines.fingerprint import Fingerprint, cpu_flags
from tiernas.engines.onnx_file import OnnxNetwork, read_network
from tiernas.engines.saved import STEM, SavedNetwork, loader_of
from tiernas.engines.trimmed import trimmed_mean
from tiernas.errors import NotInstalledError, UsageError, last_line

try:
    import torch
    from onnx2torch import convert
    from torch import Tensor, fx, nn
except ImportError as error:
    raise NotInstalledError(f"{error.name}, which this engine is made of,", "torch") from error

_INDUCTOR_OPTIONS: dict[str, str | int | bool | Callable[..., object]] = {"freezing": True}
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
_PROFILE_S = 0.15
"""Duration of a profile, with this minimum number of runs."""
_MIN_PROFILE_RUNS = 4
_OUTLIERS = 0.25
"""Share of a node's times that is trimmed at both ends, so that a burst of load does no harm."""


class TorchEngine(Engine):
    """Eager torch in inference mode, channels last.

    The ONNX file is read by onnx2torch, so batch normalization is already folded; sigmoid and product become SiLU
    again, as in a network written in torch.
    """

    name: ClassVar[str] = "torch"
    _options: ClassVar[dict[str, object]] = {"memory_format": "channels_last"}

    @classmethod
    def precisions(cls) -> tuple[str, ...]:
        has_bf16 = any("bf16" in flag for flag in cpu_flags())
        return ("fp32", "bf16") if has_bf16 else ("fp32",)

    def fingerprint(self) -> Fingerprint:
        return self.cpu_fingerprint(torch.__version__.partition("+")[0], options=self._options)

    def compile(self, onnx_path: Path, calibration: FloatArray | None = None) -> TorchNetwork:
        return TorchNetwork(read_network(onnx_path, self.batch), self.fingerprint())


class TorchCompileEngine(TorchEngine):
    """`torch.compile` with Inductor, frozen weights and fixed shapes; needs a C++ compiler and takes minutes."""

    name: ClassVar[str] = "torch-compile"
    _options: ClassVar[dict[str, object]] = {**TorchEngine._options, **_INDUCTOR_OPTIONS}

    def compile(self, onnx_path: Path, calibration: FloatArray | None = None) -> TorchCompiledNetwork:
        return TorchCompiledNetwork(read_network(onnx_path, self.batch), self.fingerprint())


class TorchNetwork(CompiledNetwork):
    """A network as a torch module.

    Args:
        network: The network as read from the file.
        fingerprint: What it runs on.

    Raises:
        UsageError: onnx2torch or torch cannot run it.
    """

    _compile_options: ClassVar[dict[str, Any] | None] = None
    """Arguments of `torch.compile`; None if it is not used."""

    def __init__(self, network: OnnxNetwork, fingerprint: Fingerprint) -> None:
        self.fingerprint = fingerprint
        self.input_shape = network.input_shape
        self._dtype = _DTYPES[fingerprint.precision]
        module, self._onnx_names = to_module(network)
        self._module = module.to(self._dtype).to(memory_format=torch.channels_last)
        self._call = self._prepare(self._module)
        self._images = self._tensor(np.random.default_rng(0).standard_normal(self.input_shape, dtype=np.float32))
        try:
            self.infer()
        except Exception as error:  # errors of Dynamo and Inductor have no common base
            raise UsageError(f"{network.path}: {fingerprint.engine} cannot run it: {_reason(error)}") from error

    def run(self, images: FloatArray) -> FloatArray:
        self.require_shape(images)
        with _threads(self.fingerprint.threads), torch.inference_mode():
            logits = self._call(self._tensor(images))
        return np.array(logits.float().numpy())

    def infer(self) -> None:
        with _threads(self.fingerprint.threads), torch.inference_mode():
            self._call(self._images)

    def reload(self) -> None:
        self._images = self._images.clone()
        self._module = copy.deepcopy(self._module)
        self._call = self._prepare(self._module)

    def profile(self) -> Sequence[NodeTime]:
        stopwatch = _Stopwatch(self._module)
        with _threads(self.fingerprint.threads), torch.inference_mode():
            stopwatch.run(self._images)
            stopwatch.times_ns.clear()
            runs = 0
            end = time.perf_counter() + _PROFILE_S
            while runs < _MIN_PROFILE_RUNS or time.perf_counter() < end:
                stopwatch.run(self._images)
                runs += 1
        return [
            NodeTime(self._onnx_names[target], trimmed_mean(times_ns, _OUTLIERS) / 1e6)
            for target, times_ns in stopwatch.times_ns.items()
        ]

    def save(self, folder: Path) -> SavedNetwork:
        """Writes the module as a `torch.export` program, `network.pt2`, which needs only torch."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # from torch's internals
            program = torch.export.export(self._module, (self._images,))
            torch.export.save(program, folder / f"{STEM}.pt2")
        return SavedNetwork(
            files=(f"{STEM}.pt2",),
            options={
                "threads": self.fingerprint.threads,
                "dtype": str(self._dtype).removeprefix("torch."),
                "compile": self._compile_options,
            },
            loader=loader_of("torch"),
            requirements=(f"torch=={self.fingerprint.engine_version}",),
        )

    def close(self) -> None:
        del self._call, self._module, self._images

    def _prepare(self, module: fx.GraphModule) -> Callable[[Tensor], Tensor]:
        """The function that runs the module."""
        return module

    def _tensor(self, images: FloatArray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(images)).to(dtype=self._dtype, memory_format=torch.channels_last)


class TorchCompiledNetwork(TorchNetwork):
    """A network compiled by Inductor; saved like an eager network, and compiled again when loaded."""

    _compile_options = {"dynamic": False, "options": _INDUCTOR_OPTIONS}  # noqa: RUF012 (it is a ClassVar)

    def reload(self) -> None:
        """Reallocates only the images: Inductor froze the weights into its code, and compiling takes minutes."""
        self._images = self._images.clone()

    def profile(self) -> Sequence[NodeTime]:
        """Nothing: Inductor fuses across layers, and its kernels do not name them."""
        return ()

    def _prepare(self, module: fx.GraphModule) -> Callable[[Tensor], Tensor]:
        compiled: Callable[[Tensor], Tensor] = torch.compile(module, **self._compile_options)
        return compiled


def to_module(network: OnnxNetwork) -> tuple[fx.GraphModule, dict[str, str]]:
    """A network as a torch module in evaluation mode.

    Returns:
        The module, and the ONNX node name of each of its submodules.

    Raises:
        UsageError: onnx2torch lacks an operator, or cannot read the network for another reason.
    """
    model = onnx.ModelProto()
    model.CopyFrom(network.model)
    _resolve_shared_weights(model)
    try:
        module = convert(model).eval()
    except Exception as error:  # NotImplementedError for a missing operator; anything for unusual graphs
        raise UsageError(f"{network.path}: onnx2torch cannot read it: {last_line(error)}") from error
    calls = [node for node in module.graph.nodes if node.op == "call_module"]
    origins = dict(zip(calls, model.graph.node, strict=True))
    _restore_silu(module, {call for call, node in origins.items() if node.op_type == "Mul"})
    return module, {call.target: node.name or call.target for call, node in origins.items()}


def _resolve_shared_weights(model: onnx.ModelProto) -> None:
    """Removes Identity nodes by which exporters share weights: onnx2torch requires weights at the nodes themselves."""
    weights = {tensor.name for tensor in model.graph.initializer}
    origins: dict[str, str] = {}
    kept: list[onnx.NodeProto] = []
    for node in model.graph.node:
        for index, name in enumerate(node.input):
            node.input[index] = origins.get(name, name)
        if node.op_type == "Identity" and node.input[0] in weights:
            origins[node.output[0]] = node.input[0]
        else:
            kept.append(node)
    del model.graph.node[:]
    model.graph.node.extend(kept)


def _restore_silu(module: fx.GraphModule, products: Collection[fx.Node]) -> None:
    """Turns `x * sigmoid(x)` back into SiLU.

    Args:
        module: The network, modified in place.
        products: Its multiplication calls.
    """
    modules = dict(module.named_modules())
    for product in products:
        gates = [
            node
            for node in product.args
            if isinstance(node, fx.Node)
            and node.op == "call_module"
            and isinstance(modules[str(node.target)], nn.Sigmoid)
        ]
        if len(product.args) == 2 and len(gates) == 1:
            gate = gates[0]
            if gate.args[0] in product.args and len(gate.users) == 1:
                module.set_submodule(str(product.target), nn.SiLU())
                product.args = (gate.args[0],)
                module.graph.erase_node(gate)
    module.recompile()


class _Stopwatch(fx.Interpreter):
    """Runs a module and records the duration of every submodule call, in ns, in execution order."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.times_ns: dict[str, list[int]] = defaultdict(list)

    def call_module(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        submodule = self.fetch_attr(target)
        start = time.perf_counter_ns()
        result = submodule(*args, **kwargs)
        self.times_ns[target].append(time.perf_counter_ns() - start)
        return result


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Sets torch's process-wide number of threads and restores it."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _reason(error: Exception) -> str:
    """The error message, without torch's debugging hints."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
