"""Engines of a device without a connection: networks are prepared here, and measured there by kits."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import ClassVar, Never

from tiernas.devices.preparing import prepare
from tiernas.engines import Anchor, CompiledNetwork, Engine, Fingerprint, NodeTime, SavedNetwork
from tiernas.engines.calibration import FloatArray
from tiernas.engines.catalogue import ENGINES
from tiernas.errors import TiernasError
from tiernas.temporary import owned_folder


class WaitsForKitError(TiernasError):
    """A network must be measured on a device without a connection first."""


class CarriedNetwork(CompiledNetwork):
    """A network as a device without a connection would load it.

    Args:
        fingerprint: What it would run on.
        input_shape: Shape of the images, NCHW.
        files: Its files, the one that is loaded first.
        resources: What must exist as long as the network; taken over.
    """

    is_here: ClassVar[bool] = False
    can_run: ClassVar[bool] = False

    def __init__(
        self,
        fingerprint: Fingerprint,
        input_shape: tuple[int, int, int, int],
        files: Sequence[Path],
        resources: ExitStack,
    ) -> None:
        self.fingerprint = fingerprint
        self.input_shape = input_shape
        self._files = files
        self._resources = resources.pop_all()

    def save(self, folder: Path) -> SavedNetwork:
        for path in self._files:
            shutil.copyfile(path, folder / path.name)
        names = [path.name for path in self._files]
        return ENGINES.load(self.fingerprint.engine).saved(names, self.fingerprint)

    def close(self) -> None:
        self._resources.close()

    def run(self, images: FloatArray) -> FloatArray:
        self._refuse()

    def infer(self) -> None:
        self._refuse()

    def reload(self) -> None:
        self._refuse()

    def about_ms(self) -> float:
        self._refuse()

    def anchor(self, name: str, known_ms: float | None = None) -> Anchor:
        self._refuse()

    def profile(self) -> Sequence[NodeTime]:
        self._refuse()

    def _refuse(self) -> Never:
        raise WaitsForKitError(f"a network must be measured by a kit on {self.fingerprint.device}")


class CarriedEngine(Engine):
    """An engine on a device without a connection; its subclasses are made by `carried_engine`."""

    _found: ClassVar[Fingerprint]

    def __init__(self, precision: str = "fp32", batch: int = 1, threads: int = 1) -> None:
        self.precision, self.batch, self.threads = precision, batch, threads

    @classmethod
    def precisions(cls) -> tuple[str, ...]:
        return (cls._found.precision,)

    def fingerprint(self) -> Fingerprint:
        return self._found

    def compile(self, onnx_path: Path, calibration: FloatArray | None = None) -> CarriedNetwork:
        from tiernas.engines.onnx_file import read_network  # slow to import

        found = self._found
        shape = read_network(onnx_path, self.batch).input_shape
        with ExitStack() as stack:
            folder = stack.enter_context(owned_folder("tiernas-device-"))
            names = prepare(found.engine, found.precision, found.batch, found.flags, onnx_path, folder, calibration)
            return CarriedNetwork(found, shape, [folder / name for name in names], stack)


def carried_engine(fingerprint: Fingerprint) -> Engine:
    """The engine of a device that is known by what was measured on it.

    Args:
        fingerprint: What it was measured on.
    """

    class Carried(CarriedEngine):
        name = fingerprint.engine
        _found = fingerprint

    return Carried(fingerprint.precision, fingerprint.batch, fingerprint.threads)
