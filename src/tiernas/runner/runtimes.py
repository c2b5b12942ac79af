"""The engines that a runner can have, each with the wheel that it needs on the device."""

from __future__ import annotations

import importlib
import os
import sys
from dataclasses import dataclass

from tiernas.engines.engine import Engine
from tiernas.errors import NotInstalledError, UsageError
from tiernas.runner.pip_command import pip_command


@dataclass(frozen=True)
class Runtime:
    """An engine that can load networks (`Engine.load`).

    Attributes:
        module: Where its class is; imported when it is asked for.
        name: The name of the class.
        wheel: What pip installs for it.
        converter: The module whose `convert` makes the runtime's own files of ONNX files where networks are prepared,
            and whose `converter` names what does it; None for a runtime that reads ONNX files.
    """

    module: str
    name: str
    wheel: str
    converter: str | None = None


RUNTIMES = {
    "onnxruntime": Runtime("tiernas.engines.onnxruntime.engine", "OnnxRuntimeEngine", "onnxruntime"),
    "openvino": Runtime("tiernas.engines.openvino.engine", "OpenVinoEngine", "openvino"),
    "ncnn": Runtime("tiernas.engines.ncnn.engine", "NcnnEngine", "ncnn", "tiernas.engines.ncnn.conversion"),
}
"""By name of the engine."""


def keep_runtimes_silent() -> None:
    """Keeps runtimes from reporting their use to their makers."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]


def engine_class(name: str) -> type[Engine]:
    """The class of an engine.

    Raises:
        UsageError: A runner has no such engine.
        NotInstalledError: Its wheel is missing on this device; the message has the command that installs it here.
    """
    if name not in RUNTIMES:
        raise UsageError(f"engine {name!r}: a device is measured with one of {', '.join(RUNTIMES)}")
    runtime = RUNTIMES[name]
    try:
        found: type[Engine] = getattr(importlib.import_module(runtime.module), runtime.name)
    except NotInstalledError as error:
        needs = f"{runtime.wheel}, which this device needs to run networks,"
        raise NotInstalledError(needs, name, pip_command(runtime.wheel)) from error
    return found
