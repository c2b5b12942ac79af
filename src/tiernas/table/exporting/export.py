"""An entry of the model table as the files of a deployment: what was measured, how to run it, and the check."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tiernas.artefact import allowed_elsewhere, digest_of, digests, read_artefact, write_facts, write_programs
from tiernas.engines import Fingerprint, get_engine
from tiernas.errors import TiernasError, UsageError
from tiernas.standalone.classify import FACTS
from tiernas.table.entry import Entry
from tiernas.table.exporting.card import card
from tiernas.table.exporting.destination import CARD, CHECKSUMS, checksums, moved, staged
from tiernas.table.exporting.facts import deploy_facts, embedded_facts, labels_text, model_info
from tiernas.table.exporting.network_file import NetworkFile, OnnxFile, open_network_file
from tiernas.table.exporting.triton import LABELS, require_served, write_model
from tiernas.table.model_table import ModelTable
from tiernas.table.name import require_safe_name
from tiernas.table.ties import ties_with

_ANY_BATCH = ("openvino", "onnxruntime")
"""Engines whose networks take any number of images once their input says so; others fix it when they build them."""

_SAME = (5e-3, 1e-3)
"""Largest difference of a logit that a check allows, relative to the largest logit, in a low precision and in fp32, on
the device and with the runtime version the entry was measured with: sums may be computed in another order."""


def export(
    table: ModelTable,
    entry: Entry,
    folder: Path,
    *,
    check: bool = True,
    triton: bool = False,
    dynamic_batch: bool = False,
    force: bool = False,
) -> list[Path]:
    """Writes what was measured and the program that runs it, the plain ONNX in fp32, weights, architecture and a card.

    The network is what the engine saved when the entry was measured, with a description in its own file. At the end the
    exported program runs it on some images, and the result is compared with the entry's measurement. Nothing is written
    if anything is wrong.

    Args:
        table: The table.
        entry: One of its entries.
        folder: The folder to write to; created if it is missing.
        check: Whether to run what was exported; not possible if its runtime or device is missing.
        triton: Also make the folder a model of a Triton model repository, its parent.
        dynamic_batch: Let the network take any number of images at a time; it was measured with a fixed one.
        force: Replace files of the same names even if somebody else wrote or edited them.

    Returns:
        The files, the card first.

    Raises:
        UsageError: The folder cannot be written, or contains files of the same names from something other than an
            earlier export of this entry; the table does not have the network; the entry is of a version that did not
            save its int8 network; its runtime cannot do what was asked for.
        TiernasError: What was exported cannot be run here, or disagrees with the entry.
    """
    require_safe_name(entry.name)
    _require_kept(entry)
    if triton:
        require_served(entry.engine)
    if dynamic_batch:
        _require_any_batch(entry)
    with staged(folder) as new:
        onnx_difference, artefact_facts = _write_network(table, entry, new)
        facts = deploy_facts(artefact_facts, entry, dynamic_batch=dynamic_batch)
        write_facts(new, facts)
        write_programs(new)
        (new / LABELS).write_text(labels_text(facts), "utf-8")
        network = _describe(new, facts)
        if triton:
            write_model(new, facts, _readable(network, entry.name))
        checked = _check(new, entry, facts) if check else None
        ties = ties_with(entry, table.read()[0])
        (new / CARD).write_text(card(entry, facts, onnx_difference, checked, ties, triton=triton), "utf-8")
        written = digests(new)
        write_facts(new, facts | {"files": written})
        (new / CHECKSUMS).write_text(checksums({**written, FACTS: digest_of(new / FACTS)}), "utf-8")
        return moved(new, folder, entry.name, force=force)


def _require_any_batch(entry: Entry) -> None:
    if entry.engine not in _ANY_BATCH:
        raise UsageError(
            f"--dynamic-batch: a network of {entry.engine} is built for one batch size; those of "
            f"{' and '.join(_ANY_BATCH)} are not"
        )
    if entry.engine == "openvino" and entry.precision == "int8":
        raise UsageError(
            "--dynamic-batch: OpenVINO crashes or returns wrong logits in int8 with any batch size on CPUs with AMX "
            "(openvinotoolkit/openvino#37577). Export it for the batch size that was measured, or an entry in fp32 or "
            "of ONNX Runtime"
        )


def _require_kept(entry: Entry) -> None:
    if entry.is_kept:
        return
    where = f" ({entry.source_url})" if entry.source_url else ""
    raise UsageError(
        f"entry {entry.name}: cannot be exported: its accuracy is what {entry.source} says{where}, and the table does "
        f"not have the weights of {entry.network}. Networks that a search found can be, and ONNX files that were added"
    )


def _write_network(table: ModelTable, entry: Entry, new: Path) -> tuple[float | None, dict[str, Any]]:
    """Writes the network in all its forms.

    Returns:
        The difference between the plain ONNX and torch, relative to the largest logit (None for an ONNX file that was
        added), and the facts of the artifact.
    """
    plain = _plain_path(new, entry.name)
    kept = table.artefact_path(entry)
    if not entry.has_weights:
        shutil.copyfile(table.onnx_path(entry), plain)
        if not kept.exists():
            raise UsageError(
                f"entry {entry.name}: cannot be exported: in {entry.precision} it was measured for its latency alone; "
                "add the ONNX file in fp32"
            )
        return None, _copy_artefact(kept, new, entry.name, _require_entry(read_artefact(kept), entry, kept))

    from tiernas.networks import check_onnx, export_onnx  # imports torch, which an added ONNX file does without
    from tiernas.table.exporting.rebuilding import rebuild

    network = table.network(entry)
    export_onnx(network, plain, batch=entry.batch)
    difference = check_onnx(plain, network)
    shutil.copyfile(table.weights_path(entry), new / f"{entry.name}.safetensors")
    (new / f"{entry.name}.json").write_text(network.architecture.to_json() + "\n", "utf-8")
    if kept.exists():
        return difference, _copy_artefact(kept, new, entry.name, _require_entry(read_artefact(kept), entry, kept))
    rebuilt = new / ".rebuilt"
    rebuilt.mkdir()
    rebuild(entry, network, plain, rebuilt)
    facts = _copy_artefact(rebuilt, new, entry.name, read_artefact(rebuilt))
    shutil.rmtree(rebuilt)
    return difference, {**facts, "compared_with": "torch"}


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


def _copy_artefact(source: Path, new: Path, name: str, facts: dict[str, Any]) -> dict[str, Any]:
    """Copies the files of an artifact, whose facts are returned; those of the network get the entry's name."""
    stem = Path(facts["network"]["file"]).stem
    for file in map(source.joinpath, facts["files"]):
        shutil.copyfile(file, new / (f"{name}{file.suffix}" if file.stem == stem else file.name))
    return facts


def _describe(new: Path, facts: dict[str, Any]) -> NetworkFile | None:
    """Puts the facts into the files of the network, and frees its batch size if that is wanted.

    Returns:
        The network that was measured; None if its format has no place for them.
    """
    described = model_info(facts)
    plain = OnnxFile(_plain_path(new, facts["name"]))
    plain.describe(described)
    plain.save()
    network = open_network_file(new / facts["network"]["file"])
    if facts["network"]["dynamic_batch"]:
        _readable(network, facts["name"]).free_batch()
    if network is not None:
        network.describe(described, embedded_facts(facts))
        network.save()
    return network


def _readable(network: NetworkFile | None, name: str) -> NetworkFile:
    if network is None:
        raise UsageError(f"entry {name}: what its engine saved is neither ONNX nor OpenVINO IR, so it stays as it is")
    return network


def _plain_path(new: Path, name: str) -> Path:
    return new / f"{name}.plain-fp32.onnx"


def _check(new: Path, entry: Entry, facts: dict[str, Any]) -> dict[str, Any]:
    """Runs the exported program on the saved images, and compares the result with the entry's measurement."""
    command = [sys.executable, "-B", "classify.py", "--check"]
    ran = subprocess.run(command, cwd=new, capture_output=True, text=True, check=False)
    if ran.returncode:
        said = (ran.stderr.strip().splitlines() or [f"exit code {ran.returncode}"])[-1].removeprefix("Error: ")
        without = ", or without --dynamic-batch" if facts["network"]["dynamic_batch"] else ""
        raise TiernasError(
            f"entry {entry.name}: the export cannot be run here: {said.replace(f'{new}/', '')}. Nothing was "
            f"written; on a machine that cannot run it, export with --no-check{without}"
        )
    found: dict[str, Any] = json.loads(ran.stdout)
    same = _SAME[entry.precision == "fp32"]
    allowed = same if _same_conditions(facts) else allowed_elsewhere(entry.precision)
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
