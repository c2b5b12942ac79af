"""What it costs to take batches from decoded images: from a tensor, and from the file that the workers share.

Writes images of random pixels as the data cache keeps them, and times an epoch of shuffled batches: from a tensor in
memory; from the mapped file while the page cache holds it; and from the file after the page cache has given it up, as
where the images are larger than memory, without and with asking the disk ahead. In the last two a training that takes
`--step-ms` a batch on a device of its own runs meanwhile (the process sleeps): the waiting is what the device would
stand idle. Checks that all give the same bytes.

    python benchmarks/data/stored_images.py --out benchmarks/data/results/stored_images.json
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from tiernas.training import ImageSet
from tiernas.training.stored_pixels import PixelFile, ReadAhead


def main() -> None:
    """Times every way in turn, several times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=8192)
    parser.add_argument("--size", type=int, default=224, help="height and width in pixels")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--step-ms", type=float, default=100.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--folder", type=Path, help="on the disk to be tried; if not given, the one for temporary files"
    )
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        path = Path(folder) / "pixels"
        shape = (args.images, args.size, args.size, 3)
        write(path, shape)
        runs: dict[str, list[dict[str, float]]] = {}
        digests = set()
        for repeat in range(args.repeats):
            rows = torch.randperm(args.images, generator=torch.Generator().manual_seed(repeat)).split(args.batch)
            here = set()
            for name, make in ways(path, shape).items():
                part = make()
                step_s = args.step_ms / 1000 if name.startswith("disk") else 0.0
                figures, digest = epoch(part, rows, step_s)
                del part  # pages that a process has mapped are not given up
                runs.setdefault(name, []).append(figures)
                here.add(digest)
            digests.add(len(here))
    result = {
        "images": args.images,
        "size": args.size,
        "batch": args.batch,
        "step_ms": args.step_ms,
        "repeats": args.repeats,
        "processor": platform.processor() or platform.machine(),
        "torch": torch.__version__,
        "same_batches": digests == {1},
        "median": {name: median(of) for name, of in runs.items()},
        "runs": runs,
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(result, indent=1) + "\n")
    for name, figures in result["median"].items():
        print(f"{name:24s} " + "  ".join(f"{key} {value:.1f}" for key, value in figures.items()))
    print("same batches:", result["same_batches"])


def write(path: Path, shape: tuple[int, ...]) -> None:
    """Fills a file with random pixels and flushes it to the disk."""
    pixels = PixelFile(path).create(shape)
    rng = np.random.default_rng(0)
    for start in range(0, shape[0], 256):
        pixels[start : start + 256] = rng.integers(0, 256, pixels[start : start + 256].shape, np.uint8)
    del pixels
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def ways(path: Path, shape: tuple[int, ...]):
    """The ways to hold the images, by name; each is made just before it is timed."""

    def part(images: torch.Tensor, ask_for: ReadAhead | None = None) -> ImageSet:
        return ImageSet(images.permute(0, 3, 1, 2), torch.zeros(shape[0], dtype=torch.int64), ("a",), ask_for)

    def evicted(ask_for: ReadAhead | None = None) -> ImageSet:
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return part(PixelFile(path).map(shape), ask_for)

    image_bytes = shape[1] * shape[2] * shape[3]
    return {
        "memory: tensor": lambda: part(PixelFile(path).map(shape).clone()),
        "memory: shared file": lambda: part(PixelFile(path).map(shape)),
        "disk: when needed": evicted,
        "disk: asked ahead": lambda: evicted(ReadAhead(path, image_bytes)),
    }


def epoch(part: ImageSet, rows: tuple[torch.Tensor, ...], step_s: float) -> tuple[dict[str, float], str]:
    """Images per second of taking batches alone, the mean wait for a batch in ms, and a digest of all batches."""
    waits = []
    sha = hashlib.sha256()
    batches = part.batches(rows)
    for _ in rows:
        started = time.perf_counter()
        batch = next(batches)
        waits.append(time.perf_counter() - started)
        sha.update(batch[:, :, ::32, ::32].contiguous().numpy().data)
        time.sleep(step_s)
    return {"images_per_s": len(part) / sum(waits), "wait_ms": 1000 * statistics.mean(waits)}, sha.hexdigest()


def median(runs: list[dict[str, float]]) -> dict[str, float]:
    """The median of each figure."""
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


if __name__ == "__main__":
    main()
