"""The program of a kit: measures the networks that it brings, on a device without a connection, and writes results.

`python3 kit.pyz [results.jsonl]` continues where it was stopped.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import platform
import sys
import time
import uuid
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import tiernas
from tiernas.engines.clock.again import to_measure_again
from tiernas.engines.clock.nearest import nearest_anchor
from tiernas.engines.clock.rule import TurnRule
from tiernas.engines.fingerprint import Fingerprint
from tiernas.engines.measurement import InTurn
from tiernas.engines.onnxruntime.quantizer import saturates
from tiernas.errors import TiernasError, UsageError
from tiernas.runner.networks import OpenNetworks, Repetition
from tiernas.runner.results import ResultsFile
from tiernas.runner.runtimes import engine_class, keep_runtimes_silent
from tiernas.temporary import owned_folder

PLAN, NETWORKS = "plan.json", "networks"
"""Names in a kit: its plan, and the folder of its networks, each under its SHA-256."""

RESULTS = "results.jsonl"
"""Default name of the file of results."""


def main() -> None:
    """Measures; errors are one message."""
    keep_runtimes_silent()
    kit, results = Path(sys.argv[0]), Path(sys.argv[1] if len(sys.argv) > 1 else RESULTS)
    try:
        with zipfile.ZipFile(kit) as archive, owned_folder(".kit-", results.resolve().parent) as folder:
            for line in measure_plan(archive, folder, results):
                print(line, flush=True)
    except KeyboardInterrupt:
        sys.exit(f"tiernas: stopped; {results} keeps what was measured, and the same command continues")
    except zipfile.BadZipFile as error:
        sys.exit(f"tiernas: {kit}: the kit is damaged ({error}); copy it again")
    except (OSError, TiernasError) as error:
        sys.exit(f"tiernas: {error}")
    print(f"Done. Copy {results} to where the kit was made, and import it there.")


def measure_plan(archive: zipfile.ZipFile, folder: Path, results: Path) -> Iterator[str]:
    """Measures what is left of a plan; yields its progress in words.

    Args:
        archive: The kit.
        folder: An empty folder for one network at a time and the anchors.
        results: The file of results.
    """
    content = archive.read(PLAN)
    plan = json.loads(content)
    settings = plan["engine"]
    file = ResultsFile(
        results,
        {
            "plan": hashlib.sha256(content).hexdigest(),
            "tiernas": tiernas.__version__,
            "about": plan["about"],
            "fingerprint": _fingerprint(plan).to_dict(),
            "host": platform.node(),
            "time_s": time.time(),
        },
    )
    networks = OpenNetworks(_KitFiles(archive, folder), folder)
    anchors = _Anchors(plan["anchors"], settings, networks)
    rows, rule = plan["networks"], TurnRule(**plan["rule"])
    try:
        for place, number in _numbers(len(rows), file):
            file.append({"network": number, **_measured(rows[number], settings, rule, networks, anchors)})
            yield f"{place}  {_latency(file.results[-1]['measurement'])}"
    finally:
        networks.close_all()


class _KitFiles:
    """The files of a kit, each written into a folder when it is asked for."""

    def __init__(self, archive: zipfile.ZipFile, folder: Path) -> None:
        self._archive = archive
        self._folder = folder
        self._path: Path | None = None

    def path(self, digest: str) -> Path:
        """A file, which is there until the next one is asked for."""
        if self._path is not None:
            with contextlib.suppress(OSError):  # Windows keeps what a runtime has open, also under its other name
                self._path.unlink()
        self._path = path = self._folder / f"file-{uuid.uuid4().hex}"
        try:
            with self._archive.open(f"{NETWORKS}/{digest}") as source, path.open("wb") as target:
                while chunk := source.read(2**20):
                    target.write(chunk)
        except (KeyError, zipfile.BadZipFile) as error:
            raise UsageError(f"{self._archive.filename}: the kit is damaged ({error}); copy it again") from error
        except OSError as error:
            raise UsageError(f"{self._folder}: {error.strerror}; free some space there") from error
        return path


class _Anchors:
    """The anchors of a kit, opened on first use."""

    def __init__(
        self, anchors: Sequence[Mapping[str, Any]], settings: Mapping[str, Any], networks: OpenNetworks
    ) -> None:
        self._anchors = anchors
        self._settings = settings
        self._networks = networks
        self._handles: dict[int, int] = {}
        self._known_ms: dict[int, float] = {}

    def nearest(self, network_ms: float) -> int:
        """The number of the anchor that is nearest to a network in size."""
        work = [anchor["macs"] for anchor in self._anchors]
        return nearest_anchor(network_ms, work, self._known_ms, self._about_ms)

    def handle(self, number: int) -> int:
        """The handle of an anchor."""
        if number not in self._handles:
            anchor = self._anchors[number]
            network = self._networks.open(**self._settings, files=anchor["files"])
            self._handles[number], self._known_ms[number] = self._networks.anchor(network, anchor["name"], None)
        return self._handles[number]

    def _about_ms(self, number: int) -> float:
        self.handle(number)
        return self._known_ms[number]


def _fingerprint(plan: Mapping[str, Any]) -> Fingerprint:
    """What is measured on, with what quantized the networks."""
    settings = plan["engine"]
    engine = engine_class(settings["engine"])(settings["precision"], settings["batch"], settings["threads"])
    found = engine.fingerprint()
    if settings["engine"] == "onnxruntime" and plan["reduce_range"] not in (None, saturates(found.flags)):
        way = "without" if plan["reduce_range"] else "with"
        raise UsageError(f"the networks were quantized for another kind of CPU; plan the kit {way} --reduce-range")
    return dataclasses.replace(found, quantizer=plan["quantizer"])


def _numbers(networks: int, file: ResultsFile) -> Iterator[tuple[str, int]]:
    """The networks to measure, each with its place in words: those that are missing, then those with wide intervals."""
    measured = {result["network"] for result in file.results}
    for number in range(networks):
        if number not in measured:
            yield f"{number + 1}/{networks}", number
    wide = to_measure_again([(result["network"], _turns(result)) for result in file.results])
    for place, number in enumerate(wide, start=1):
        yield f"once more, {place} of {len(wide)}", number


def _turns(result: Mapping[str, Any]) -> InTurn:
    return InTurn.from_dict(result["measurement"]["in_turn"])


def _measured(
    row: Mapping[str, Any], settings: Mapping[str, Any], rule: TurnRule, networks: OpenNetworks, anchors: _Anchors
) -> dict[str, Any]:
    """One network, measured in turn with its anchor, and profiled."""
    handle = networks.open(**settings, files=row["files"])
    try:
        number = anchors.nearest(networks.about_ms(handle)) if row["anchor"] is None else row["anchor"]
        found = networks.measure_in_turn(handle, anchors.handle(number), rule, Repetition())
        nodes = networks.profile(handle)
    finally:
        networks.close(handle)
    return {
        "about": row["about"],
        "graph": row["graph"],
        "measurement": dataclasses.asdict(found.measurement),
        "nodes": [dataclasses.asdict(node) for node in nodes],
        "before": found.before.to_dict(),
        "after": found.after.to_dict(),
        "disturbed": list(found.disturbed),
        "tries": found.tries,
    }


def _latency(found: Mapping[str, Any]) -> str:
    half = 50 * (found["high_ms"] - found["low_ms"]) / found["latency_ms"]
    return f"{found['latency_ms']:.3f} ms +/- {half:.1f} %"
