"""Damaged images of every format that Pillow writes here, through the real reading of a folder.

A folder holds a hundred damaged images, or as many as are left, and some whole ones of each class. Every damaged one
must be decoded or counted as left out; nothing else may happen.
"""

from __future__ import annotations

import io
import logging
import random
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from attempts import Attempt, Box, Captured
from damage import damage_bytes, swap_header
from PIL import Image

from tiernas.errors import TiernasError
from tiernas.training import DataConfig, load_data

_MODES = ("RGB", "L", "RGBA", "P", "1", "LA", "CMYK", "I;16", "I", "F")
_WHOLE = 6
"""Whole images of each class."""


@contextmanager
def prepared(folder: Path) -> Iterator[Callable[[int], list[Attempt]]]:
    """A function of the seed that damages one image and loads the folder that it is in."""
    Image.init()
    with Box(folder, outputs=["cache"]) as box:
        originals = _originals()
        _fill(box.work / "photos")
        logging.getLogger("tiernas").addHandler(logging.NullHandler())
        _load(box, "nothing", 0)

        def case(seed: int) -> list[Attempt]:
            rng = random.Random(seed)
            name, content = rng.choice(originals)
            if rng.random() < 0.15:
                damage, damaged = "header", swap_header(content, rng.choice(originals)[1], rng)
            else:
                damage, damaged = damage_bytes(content, rng)
            path = box.work / "photos" / "b" / f"damaged{Path(name).suffix}"
            path.write_bytes(damaged)
            attempt = _load(box, f"{name}: {damage}", seed)
            path.unlink()
            return [attempt]

        yield case


def _fill(root: Path) -> None:
    for name, shade in (("a", 20), ("b", 200)):
        (root / name).mkdir(parents=True)
        for i in range(_WHOLE):
            Image.new("RGB", (24, 20), (shade, 10 * i, 0)).save(root / name / f"{i}.png")


def _load(box: Box, damage: str, seed: int) -> Attempt:
    config = DataConfig(kind="folder", path=box.work / "photos", image_size=16, on_corrupt="skip", seed=seed)
    before = box.listing()
    with Captured() as captured:
        code: int | None = 0
        try:
            splits = load_data(config, cache_dir=box.work / "cache" if seed % 50 == 0 else None)
            decoded = sum(splits.counts[part] for part in ("train", "validation", "test"))
            assert 2 * _WHOLE <= decoded + len(splits.skipped) <= 2 * _WHOLE + 1, splits.counts
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
