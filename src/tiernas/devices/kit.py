"""Kits: the runner with networks and a plan in one file, to be carried to a device without a connection."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tiernas
from tiernas.devices.preparing import prepare, quantizer_of
from tiernas.engines import Fingerprint, Measurement, NodeTime, TurnRule
from tiernas.errors import UsageError
from tiernas.runner.kit import NETWORKS, PLAN
from tiernas.runner.pyz import add, new_program
from tiernas.runner.results import read_results
from tiernas.runner.runtimes import RUNTIMES
from tiernas.temporary import owned_folder

_SATURATING = ("avx2",)
"""Flags of a CPU for which weights have seven bits."""


@dataclass(frozen=True, slots=True)
class KitEngine:
    """The engine of a kit; nothing of it needs to be installed here, except what converts or quantizes.

    Attributes:
        name: Its name.
        precision: Its precision.
        batch: Images per inference.
        threads: Threads of one inference.
        reduce_range: Whether int8 networks for ONNX Runtime have weights of seven bits, for x86 CPUs without VNNI.

    Raises:
        UsageError: No device can have the engine, or the precision has no such choice.
    """

    name: str
    precision: str = "fp32"
    batch: int = 1
    threads: int = 1
    reduce_range: bool = False

    def __post_init__(self) -> None:
        if self.name not in RUNTIMES:
            raise UsageError(f"engine {self.name!r}: a device is measured with one of {', '.join(RUNTIMES)}")
        if self.reduce_range and (self.name, self.precision) != ("onnxruntime", "int8"):
            raise UsageError("--reduce-range: only for onnxruntime in int8")
        for name, value in (("batch", self.batch), ("threads", self.threads)):
            if value < 1:
                raise UsageError(f"{name} = {value}: must be at least 1")

    @property
    def flags(self) -> tuple[str, ...]:
        """CPU flags that stand for those of the device, as far as quantization depends on them."""
        return _SATURATING if self.reduce_range else ()


@dataclass(frozen=True, slots=True)
class KitNetwork:
    """A network of a kit, already in it.

    Attributes:
        graph: `graph_digest` of its ONNX graph.
        files: SHA-256 of its files by their names, the one that is loaded first.
    """

    graph: str
    files: Mapping[str, str]


class Kit:
    """A kit that is being written.

    Args:
        archive: Its file.
        engine: The engine that it measures with.
    """

    def __init__(self, archive: zipfile.ZipFile, engine: KitEngine) -> None:
        self._archive = archive
        self._engine = engine
        self._there: set[str] = set()

    @property
    def batch(self) -> int:
        """Images per inference."""
        return self._engine.batch

    def network(self, onnx_path: Path) -> KitNetwork:
        """Adds a network.

        Args:
            onnx_path: The network in fp32.

        Raises:
            UsageError: The engine cannot run it, as far as that is known here.
            NotInstalledError: What quantizes networks is not installed here.
        """
        from tiernas.engines import graph_digest

        engine = self._engine
        with owned_folder("tiernas-kit-") as folder:
            names = prepare(engine.name, engine.precision, engine.batch, engine.flags, onnx_path, folder)
            return KitNetwork(graph_digest(onnx_path), {name: self._add(folder / name) for name in names})

    def plan(
        self,
        about: Mapping[str, Any],
        anchors: Sequence[tuple[KitNetwork, float]],
        networks: Sequence[tuple[KitNetwork, int | None, Mapping[str, Any]]],
        rule: TurnRule,
    ) -> str:
        """Adds the plan.

        Args:
            about: What the results belong to; they contain it.
            anchors: The anchors, each with its multiply-accumulates.
            networks: The networks to measure, each with the number of its anchor (None: the nearest), and with what its
                results contain about it.
            rule: How long each network is measured.

        Returns:
            The digest of the plan.
        """
        engine = self._engine
        content = json.dumps(
            {
                "tiernas": tiernas.__version__,
                "about": about,
                "engine": {
                    "engine": engine.name,
                    "precision": engine.precision,
                    "batch": engine.batch,
                    "threads": engine.threads,
                },
                "quantizer": quantizer_of(engine.name, engine.precision, engine.batch),
                "reduce_range": engine.reduce_range if engine.precision == "int8" else None,
                "rule": dataclasses.asdict(rule),
                "anchors": [{"name": network.graph, "macs": macs, "files": network.files} for network, macs in anchors],
                "networks": [
                    {"graph": network.graph, "files": network.files, "anchor": anchor, "about": of}
                    for network, anchor, of in networks
                ],
            },
            indent=1,
        ).encode()
        add(self._archive, PLAN, content)
        return hashlib.sha256(content).hexdigest()

    def _add(self, path: Path) -> str:
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if digest not in self._there:
            add(self._archive, f"{NETWORKS}/{digest}", content, compress=False)
            self._there.add(digest)
        return digest


@contextmanager
def new_kit(path: Path, engine: KitEngine) -> Iterator[Kit]:
    """Writes a kit, to which networks and a plan are added in the context.

    Args:
        path: Its file, such as `kit.pyz`.
        engine: The engine that it measures with.

    Raises:
        UsageError: The file cannot be written.
    """
    with new_program(path, "kit") as archive:
        yield Kit(archive, engine)


@dataclass(frozen=True, slots=True)
class KitResult:
    """The measurement of a network by a kit.

    Attributes:
        about: What the plan had about the network.
        graph: `graph_digest` of its ONNX graph.
        measurement: Its latency, interleaved with an anchor of the kit, whose latency is that of the kit's session.
        nodes: Times of its nodes.
    """

    about: Mapping[str, Any]
    graph: str
    measurement: Measurement
    nodes: tuple[NodeTime, ...]


@dataclass(frozen=True, slots=True)
class KitResults:
    """The results of a kit.

    Attributes:
        plan: Digest of the plan.
        about: What the results belong to.
        fingerprint: What was measured on.
        results: The measurements, in their order.
    """

    plan: str
    about: Mapping[str, Any]
    fingerprint: Fingerprint
    results: tuple[KitResult, ...]


def read_kit_results(path: Path) -> KitResults:
    """Reads the file that a kit wrote.

    Raises:
        UsageError: There is no such file, it is no file of results, it is of a newer version, or it was changed.
    """
    header, results = read_results(path)
    try:
        fingerprint = Fingerprint.from_dict(header["fingerprint"])
        return KitResults(header["plan"], header["about"], fingerprint, tuple(map(_result, results)))
    except (KeyError, TypeError) as error:
        raise UsageError(f"{path}: was written by another version of tiernas: {error} is missing") from error


def _result(result: Mapping[str, Any]) -> KitResult:
    found = Measurement.from_dict(result["measurement"])
    state: dict[str, Any] = {moment: result[moment] for moment in ("before", "after")}
    if result["disturbed"]:
        state |= {"disturbed": result["disturbed"], "tries": result["tries"]}
    nodes = tuple(NodeTime(node["name"], node["time_ms"]) for node in result["nodes"])
    return KitResult(result["about"], result["graph"], dataclasses.replace(found, device_state=state), nodes)
