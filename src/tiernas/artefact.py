"""A deployed network in a folder: what the engine saved, how to run it, and test images with their logits.

The folder is created when the network is measured and contains everything that an export needs. An export is therefore
exactly what was measured, and needs neither the data nor another calibration.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field, TypeAdapter, ValidationError

from tiernas.engines import CompiledNetwork, Fingerprint
from tiernas.errors import TiernasError, UsageError
from tiernas.standalone import classify
from tiernas.standalone.classify import (
    CHECK,
    FACTS,
    FORMAT_VERSION,
    RUNTIME,
    Classifier,
    FloatArray,
    largest_difference,
)
from tiernas.standalone.facts_file import facts_path
from tiernas.standalone.preprocessing import Pixels, network_input

_PROGRAMS = ("classify", "preprocessing")
"""Modules of `tiernas.standalone` that every export contains."""

_PACKAGE = "tiernas.standalone"

_SAME = 1e-3
"""Maximum difference of a logit, relative to the largest, between the measured network and the saved one."""

_Count = Annotated[int, Field(ge=1)]


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How an image becomes an input of a network.

    Attributes:
        image_size: Height and width in pixels to which images are first cropped and scaled, as stored for training.
        resolution: Height and width of the network's input, in pixels.
        mean: Mean of red, green and blue in 0 ... 1, which is subtracted.
        std: Standard deviation, by which the difference is divided.
        fit_interpolation: Interpolation to `image_size`, by its name in Pillow.
        scale_interpolation: Interpolation from there to `resolution`.
    """

    image_size: int
    resolution: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fit_interpolation: str = "bicubic"
    scale_interpolation: str = "bilinear"

    def inputs(self, pixels: Pixels) -> FloatArray:
        """Inputs of the network, `(n, 3, resolution, resolution)`, of images as stored."""
        return network_input(pixels, self.resolution, self.mean, self.std, self.scale_interpolation)


@dataclass(frozen=True, slots=True)
class _Network:
    file: str
    runtime: str
    precision: str
    batch: _Count
    threads: _Count
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Wanted:
    image_size: _Count
    resolution: _Count
    mean: list[float]
    std: list[float]
    fit_interpolation: str
    scale_interpolation: str


@dataclass(frozen=True, slots=True)
class _Facts:
    """The required keys of `deploy.json`."""

    format: _Count
    classes: list[str]
    preprocessing: _Wanted
    network: _Network
    requirements: list[str]
    measured_on: dict[str, Any]
    files: dict[Annotated[str, Field(pattern=r"^[^/\\\x00]+$")], str]


def begin_artefact(
    compiled: CompiledNetwork, folder: Path, preprocessing: Preprocessing, classes: Sequence[str]
) -> Classifier:
    """Saves a compiled network with its programs, and loads it from there.

    Args:
        compiled: The network.
        folder: An empty folder.
        preprocessing: How an image becomes its input.
        classes: Names of the classes, in the order of the logits.

    Returns:
        The network as it runs when deployed.

    Raises:
        TiernasError: The runtime cannot load the saved network.
    """
    saved = compiled.save(folder)
    shutil.copyfile(saved.loader, folder / RUNTIME)
    fingerprint = compiled.fingerprint
    facts = {
        "format": FORMAT_VERSION,
        "classes": list(classes),
        "preprocessing": {name: getattr(preprocessing, name) for name in Preprocessing.__slots__},
        "network": {
            "file": saved.files[0],
            "runtime": fingerprint.engine,
            "precision": fingerprint.precision,
            "batch": fingerprint.batch,
            "threads": fingerprint.threads,
            "options": dict(saved.options),
        },
        "requirements": [*saved.requirements, "numpy", "pillow"],
        "measured_on": fingerprint.to_dict(),
    }
    write_facts(folder, facts)
    try:
        return Classifier(folder)
    except ValueError as error:
        raise TiernasError(f"{fingerprint.engine} cannot load what it saved: {error}") from error


def allowed_elsewhere(precision: str) -> float:
    """Maximum difference of a logit, relative to the largest, on another device or with another version of a runtime.

    Their kernels round differently. The same holds of a network that was rebuilt, compared with torch.
    """
    return 1e-2 if precision == "fp32" else 0.1


def logits_to_check(
    compiled: CompiledNetwork, saved: FloatArray, pixels: Pixels, preprocessing: Preprocessing
) -> FloatArray:
    """The logits, `(n, classes)`, by which an export is checked: those of the device that the network was saved for.

    Args:
        compiled: The network.
        saved: The logits of the saved network, which runs here.
        pixels: Their images, `(n, image_size, image_size, 3)`, RGB.
        preprocessing: How an image becomes an input of the network.

    Raises:
        TiernasError: The saved network is not the compiled one, which is measured.
    """
    if not compiled.can_run:
        return saved
    measured, on = _logits(compiled, preprocessing.inputs(pixels)), compiled.fingerprint
    difference = largest_difference(saved, measured)
    allowed = _SAME if compiled.is_here else allowed_elsewhere(on.precision)
    if not difference <= allowed:
        raise TiernasError(
            f"{on.engine} {on.precision}: the saved network differs from the measured one: a logit differs by "
            f"{difference:.1e} of the largest (allowed: {allowed:.0e})"
        )
    return saved if compiled.is_here else measured


def end_artefact(folder: Path, pixels: Pixels, logits: FloatArray) -> None:
    """Adds images with the network's logits, and digests of all files.

    Args:
        folder: A folder that `begin_artefact` has written.
        pixels: `(n, image_size, image_size, 3)`, RGB.
        logits: `(n, classes)`.
    """
    np.savez_compressed(folder / CHECK, pixels=pixels, logits=logits)
    facts = json.loads((folder / FACTS).read_text("utf-8"))
    write_facts(folder, {**facts, "files": digests(folder)})


def read_artefact(folder: Path) -> dict[str, Any]:
    """The contents of an artefact's `deploy.json`, after checking that all files are unchanged.

    Raises:
        UsageError: A file is missing or damaged, or was written by a newer version.
    """
    path = facts_path(folder)
    try:
        text = path.read_text("utf-8")
        facts: dict[str, Any] = json.loads(text)
        if facts["format"] > FORMAT_VERSION:
            raise UsageError(f"{path}: format {facts['format']}; update tiernas to read it")
        TypeAdapter(_Facts).validate_json(text, strict=True)
        Fingerprint.from_dict(facts["measured_on"])
        for name in (facts["network"]["file"], RUNTIME, CHECK):
            if name not in facts["files"]:
                raise ValueError(f"files: {name!r} is missing")
        wrong = [name for name, digest in facts["files"].items() if digest_of(folder / name) != digest]
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise UsageError(f"{path}: {where}: {first['msg']}; run the search again to recreate it") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(f"{folder}: unreadable artefact ({error}); run the search again to recreate it") from error
    if wrong:
        raise UsageError(f"{folder / wrong[0]}: is damaged or was changed; run the search again to recreate it")
    return facts


def write_programs(folder: Path) -> None:
    """Writes the programs that read images and run the network; they import only each other, nothing of tiernas."""
    home = Path(classify.__file__).parent
    for name in _PROGRAMS:
        source = (home / f"{name}.py").read_text("utf-8")
        (folder / f"{name}.py").write_text(source.replace(f"from {_PACKAGE}.", "from "), "utf-8")


def write_facts(folder: Path, facts: Mapping[str, Any]) -> None:
    """Writes `deploy.json`."""
    (folder / FACTS).write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", "utf-8")


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of the files below a folder, by relative path, except `deploy.json`, which contains them."""
    files = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    return {name: digest_of(folder / name) for name in files if name != FACTS}


def digest_of(file: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _logits(compiled: CompiledNetwork, images: FloatArray) -> FloatArray:
    """Logits, `(n, classes)`, of the compiled network for `n` inputs; the last batch is filled up."""
    batch, n = compiled.input_shape[0], len(images)
    filled = images[np.resize(np.arange(n), -(-n // batch) * batch)]
    return np.concatenate([compiled.run(part) for part in np.split(filled, len(filled) // batch)])[:n]
