"""Damaged entries of a model table: `table list`, `query` and `export` on a table with an undamaged one too."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from attempts import Attempt, Box
from damage import damage_bytes, damage_json

from tiernas import networks
from tiernas.table import ModelTable
from tiernas.testing.entries import SPACE, VECTOR, entry

_FILES = ("entry.json", "entry.json", "architecture.json", "weights.safetensors")


@contextmanager
def prepared(folder: Path) -> Iterator[Callable[[int], list[Attempt]]]:
    """A function of the seed that damages one of two entries and calls the commands."""
    with Box(folder, outputs=["deploy"]) as box:
        network = networks.build(SPACE.decode(VECTOR), 3)
        pristine = ModelTable(box.folder / "pristine")
        for name in ("a", "b"):
            pristine.add(replace(entry(name), params=sum(p.numel() for p in network.parameters())), network)
        _calls(box, "nothing", export=True)

        def case(seed: int) -> list[Attempt]:
            rng = random.Random(seed)
            shutil.rmtree(box.work / "model-table", ignore_errors=True)
            shutil.rmtree(box.work / "deploy", ignore_errors=True)
            shutil.copytree(pristine.path, box.work / "model-table")
            name = _damage(box.work / "model-table" / "a", rng)
            return _calls(box, name, export=seed % 5 == 0)

        yield case


def _damage(entry_folder: Path, rng: random.Random) -> str:
    file = entry_folder / rng.choice(_FILES)
    way = rng.choice(("json", "json", "json", "bytes", "bytes", "missing", "folder", "renamed"))
    match way:
        case "json" if file.suffix == ".json":
            what, document = damage_json(json.loads(file.read_text()), rng)
            file.write_text(json.dumps(document), "utf-8")
        case "missing":
            what = "missing"
            file.unlink()
        case "folder":
            what = "a folder in its place"
            file.unlink()
            file.mkdir()
        case "renamed":
            what = "folder renamed"
            entry_folder.rename(entry_folder.with_name(rng.choice(("other", "a b", "é", "-x"))))
        case _:
            what, content = damage_bytes(file.read_bytes(), rng)
            file.write_bytes(content)
    return f"{file.name}: {what}"


def _calls(box: Box, damage: str, *, export: bool) -> list[Attempt]:
    found = [
        box.call(damage, "table", "list"),
        box.call(damage, "table", "list", "--json"),
        box.call(damage, "table", "query", "--max-latency-ms", "1"),
    ]
    if export:
        found.append(box.call(damage, "table", "export", "a", "--output", "deploy"))
    return found
