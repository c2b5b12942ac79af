"""Damaged images of every format that Pillow writes here, through the real reading of a folder.

Fifty damaged images at a time are next to some undamaged ones. Each must be decoded or counted as skipped.
"""

from __future__ import annotations

import io
import logging
import random
import shutil
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from attempts import Attempt, Box, Captured
from damage import damage_bytes, swap_header
from PIL import Image

from tiernas.errors import TiernasError
from tiernas.image_files import image_suffixes
from tiernas.training import DataConfig, load_data

_MODES = ("RGB", "L", "RGBA", "P", "1", "LA", "CMYK", "I;16", "I", "F")
AT_ONCE = 50
"""Number of damaged images in each case: case 3 has those of the seeds 150 to 199."""

_WHOLE = 6
"""Number of undamaged images of each class."""


@contextmanager
def prepared(folder: Path) -> Iterator[Callable[[int], list[Attempt]]]:
    """A function of the seed that damages images and loads their folder.

    If a folder has a fault, its images are loaded one by one to find it.
    """
    Image.init()
    with Box(folder, outputs=["cache"]) as box:
        originals = _originals()
        _fill(box.work / "photos")
        logging.getLogger("tiernas").addHandler(logging.NullHandler())
        warnings.filterwarnings("always", category=UserWarning)
        _load(box, "nothing", 0, 0)

        def case(seed: int) -> list[Attempt]:
            damaged = {n: _damaged(originals, random.Random(n)) for n in range(seed * AT_ONCE, (seed + 1) * AT_ONCE)}
            together = _load_all(box, damaged, seed)
            if not together.faults:
                return [replace(together, damage=name) for name, _, _ in damaged.values()]
            return [_load_all(box, {n: one}, seed) for n, one in damaged.items()]

        yield case


def _damaged(originals: list[tuple[str, bytes]], rng: random.Random) -> tuple[str, str, bytes]:
    """The name of the damage, the suffix of the file, and its content."""
    name, content = rng.choice(originals)
    if rng.random() < 0.15:
        damage, content = "header", swap_header(content, rng.choice(originals)[1], rng)
    else:
        damage, content = damage_bytes(content, rng)
    return f"{name}: {damage}", Path(name).suffix, content


def _load_all(box: Box, damaged: dict[int, tuple[str, str, bytes]], seed: int) -> Attempt:
    paths = []
    for n, (_, suffix, content) in damaged.items():
        paths.append(box.work / "photos" / "b" / f"damaged-{n}{suffix}")
        paths[-1].write_bytes(content)
    read = sum(path.suffix in image_suffixes() for path in paths)
    attempt = _load(box, "; ".join(f"{n} {name}" for n, (name, _, _) in damaged.items()), seed, read)
    for path in paths:
        path.unlink()
    return attempt


def _fill(root: Path) -> None:
    for name, shade in (("a", 20), ("b", 200)):
        (root / name).mkdir(parents=True)
        for i in range(_WHOLE):
            Image.new("RGB", (24, 20), (shade, 10 * i, 0)).save(root / name / f"{i}.png")


def _load(box: Box, damage: str, seed: int, damaged: int) -> Attempt:
    config = DataConfig(kind="folder", path=box.work / "photos", image_size=16, on_corrupt="skip", seed=seed)
    before = box.listing()
    with Captured() as captured:
        code: int | None = 0
        try:
            splits = load_data(config, cache_dir=box.work / "cache" if seed % 2 else None)
            decoded = sum(splits.counts[part] for part in ("train", "validation", "test"))
            assert decoded + len(splits.skipped) == 2 * _WHOLE + damaged, f"{splits.counts}, not {damaged} damaged ones"
        except TiernasError as error:
            code = error.exit_code
            print(f"tiernas: {error}", file=sys.stderr)
        except BaseException:
            traceback.print_exc()
            code = None
    shutil.rmtree(box.work / "cache", ignore_errors=True)
    return box.judge(damage, "load_data", code, captured.text, before)


def _originals() -> list[tuple[str, bytes]]:
    """An image in every format and mode that Pillow writes here and reads again."""
    rng = np.random.default_rng(0)
    pixels = Image.fromarray(rng.integers(0, 256, (37, 41, 3), dtype=np.uint8)).resize((61, 53))
    found = []
    for suffix, kind in sorted(Image.registered_extensions().items()):
        if kind not in Image.SAVE or kind not in Image.OPEN:
            continue
        for mode in _MODES:
            file = io.BytesIO()
            try:
                image = pixels.convert("L").convert(mode) if mode in ("I;16", "I", "F") else pixels.convert(mode)
                image.save(file, kind)
                with Image.open(io.BytesIO(file.getvalue())) as again:
                    again.load()
            except (OSError, ValueError, KeyError, TypeError, AttributeError, NotImplementedError):
                continue  # the format has no such mode
            found.append((f"{mode.replace(';', '')}{suffix}", file.getvalue()))
    return found
