"""An entry of the model table as the files of a deployment: what was measured, how to run it, and the check."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tiernas.artefact import digest_of, digests, read_artefact, write_facts, write_programs
from tiernas.engines import Fingerprint, get_engine
from tiernas.errors import TiernasError, UsageError
from tiernas.networks import check_onnx, export_onnx
from tiernas.standalone.classify import FACTS
from tiernas.table.card import card
from tiernas.table.entry import Entry
from tiernas.table.model_table import ModelTable
from tiernas.table.name import require_safe_name
from tiernas.table.rebuilding import rebuild
from tiernas.table.ties import ties_with
from tiernas.temporary import owned_folder

_CARD = "README.md"

_SAME = (5e-3, 1e-3)
"""Largest difference of a logit that a check allows, relative to the largest logit, in a low precision and in fp32, on
the device and with the runtime version the entry was measured with: sums may be computed in another order."""

_ELSEWHERE = (0.1, 1e-2)
"""The same on another device or with another version, whose kernels round differently, and for rebuilt networks, which
are compared with torch."""


def export(table: ModelTable, entry: Entry, folder: Path, *, check: bool = True) -> list[Path]:
    """Writes what was measured and the program that runs it, the plain ONNX in fp32, weights, architecture and a card.

    The files are those that the engine saved when the entry was measured. At the end the exported program runs them on
    some test images, and the result is compared with the entry's measurement. Nothing is written if anything is wrong.

    Args:
        table: The table.
        entry: One of its entries.
        folder: The folder to write to; created if it is missing.
        check: Whether to run what was exported; not possible if its runtime or device is missing.

    Returns:
        The files, the card first.

    Raises:
        UsageError: The folder cannot be written, or contains files of the same names from something other than an
            earlier export of this entry; the entry is of a version that did not save its int8 network.
        TiernasError: What was exported cannot be run here, or disagrees with the entry.
    """
    require_safe_name(entry.name)
    network = table.network(entry)
    with _staged(folder) as new:
        plain = new / f"{entry.name}.plain-fp32.onnx"
        export_onnx(network, plain, batch=entry.batch)
        onnx_difference = check_onnx(plain, network)
        kept = table.artefact_path(entry)
        if kept.exists():
            facts = _require_entry(read_artefact(kept), entry, kept)
            source = kept
        else:
            source = new / ".rebuilt"
            source.mkdir()
            facts = rebuild(entry, network, plain, source)
        _copy_artefact(source, new, facts, entry)
        shutil.rmtree(new / ".rebuilt", ignore_errors=True)
        shutil.copyfile(table.weights_path(entry), new / f"{entry.name}.safetensors")
        (new / f"{entry.name}.json").write_text(network.architecture.to_json() + "\n", "utf-8")
        write_programs(new)
        checked = _check(new, entry, facts) if check else None
        ties = ties_with(entry, table.read()[0])
        (new / _CARD).write_text(card(entry, facts, onnx_difference, checked, ties), "utf-8")
        write_facts(new, _facts_of_export(facts, entry) | {"files": digests(new)})
        return _move(new, folder, entry)


@contextlib.contextmanager
def _staged(folder: Path) -> Iterator[Path]:
    """A new folder within `folder`, removed at the end; `folder` too if it was created for nothing."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with owned_folder(".tiernas-export-", folder) as new:
            yield new
    except OSError as error:
        raise UsageError(f"export to {folder}: cannot be written ({error.strerror or error})") from error
    finally:
        for path in missing:
            with contextlib.suppress(OSError):  # it is not empty, or was never created
                path.rmdir()


def _require_entry(facts: dict[str, Any], entry: Entry, kept: Path) -> dict[str, Any]:
    """Refuses an artifact that is not what the entry says it measured."""
    measured_on = Fingerprint.from_dict(facts["measured_on"])
    for key in ("device", "engine", "engine_version", "precision", "batch", "threads"):
        if (found := getattr(measured_on, key)) != (claimed := getattr(entry, key)):
            raise UsageError(
                f"entry {entry.name}: says {key} {claimed!r}, but the files in {kept} were measured with {found!r}; "
                "search again to rewrite both"
            )
    if tuple(facts["classes"]) != entry.classes:
        raise UsageError(f"entry {entry.name}: has other classes than the files in {kept}; search again")
    return facts


def _copy_artefact(source: Path, new: Path, facts: dict[str, Any], entry: Entry) -> None:
    """Copies the files of an artifact; those of the network get the entry's name."""
    stem = Path(facts["network"]["file"]).stem
    for file in map(source.joinpath, facts["files"]):
        name = f"{entry.name}{file.suffix}" if file.stem == stem else file.name
        shutil.copyfile(file, new / name)
    write_facts(new, _facts_of_export(facts, entry))


def _facts_of_export(facts: dict[str, Any], entry: Entry) -> dict[str, Any]:
    file = f"{entry.name}{Path(facts['network']['file']).suffix}"
    claims = {"accuracy": entry.accuracy, "latency_ms": entry.latency_ms, "data": entry.data, "device": entry.device}
    return {**facts, "name": entry.name, "network": {**facts["network"], "file": file}, "entry": claims}


def _check(new: Path, entry: Entry, facts: dict[str, Any]) -> dict[str, Any]:
    """Runs the exported program on the saved images, and compares the result with the entry's measurement."""
    command = [sys.executable, "-B", "classify.py", "--check"]
    ran = subprocess.run(command, cwd=new, capture_output=True, text=True, check=False)
    if ran.returncode:
        said = (ran.stderr.strip().splitlines() or [f"exit code {ran.returncode}"])[-1].removeprefix("Error: ")
        raise TiernasError(
            f"entry {entry.name}: the export cannot be run here: {said.replace(f'{new}/', '')}. Nothing was "
            "written; on a machine that cannot run it, export with --no-check"
        )
    found: dict[str, Any] = json.loads(ran.stdout)
    allowed = (_SAME if _same_conditions(facts) else _ELSEWHERE)[entry.precision == "fp32"]
    if not found["largest_difference"] <= allowed:
        raise TiernasError(
            f"entry {entry.name}: the export is not what was measured: on {found['images']} test images a logit "
            f"differs by {found['largest_difference']:.1e} of the largest (allowed: {allowed:.0e}), and "
            f"{found['same_class']} get the same class. Nothing was written"
        )
    return found


def _same_conditions(facts: dict[str, Any]) -> bool:
    """Whether this device and runtime version are those of the logits to compare with."""
    if "compared_with" in facts:
        return False
    then = Fingerprint.from_dict(facts["measured_on"])
    try:
        now = get_engine(then.engine, precision=then.precision, batch=then.batch, threads=then.threads).fingerprint()
    except UsageError:
        return False
    return (now.device, now.flags, now.engine_version) == (then.device, then.flags, then.engine_version)


def _move(new: Path, folder: Path, entry: Entry) -> list[Path]:
    """Moves the files to their place; those of an earlier export of the entry are replaced, and nothing else is."""
    names = sorted(file.name for file in new.iterdir())
    ours = _exported_before(folder, entry)
    for name in names:
        there = folder / name
        unchanged = name == FACTS or (there.is_file() and not there.is_symlink() and digest_of(there) == ours.get(name))
        if (there.exists() or there.is_symlink()) and not (name in ours and unchanged):
            raise UsageError(
                f"export to {folder}: {name} exists already and is not an unchanged file of an earlier export of "
                f"{entry.name}; it is kept. Choose another folder, or move it away"
            )
    for name in sorted(names, key=lambda name: name == FACTS):
        (new / name).replace(folder / name)
    return [folder / _CARD, *(folder / name for name in names if name != _CARD)]


def _exported_before(folder: Path, entry: Entry) -> dict[str, str]:
    """The files that an earlier export of an entry wrote into a folder, with their digests at that time."""
    try:
        facts = json.loads((folder / FACTS).read_text("utf-8"))
        if facts["name"] == entry.name:
            return {**facts["files"], FACTS: ""}
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return {}
