"""Images per second of our trainer, of training with timm, and of a plain PyTorch loop.

The same network, batch size, optimizer (AdamW, fused), loss, precision (fp32), image files and one CPU thread for all;
they take turns, one epoch each, in a rotating order, after a first round that does not count. A ratio is that of one
round, so a machine that slows down for a minute slows all of them.

* `tiernas`: `tiernas.training.train`, as a search calls it; without the time of evaluation and checkpoints.
* `plain`: forward, loss, backward, step over normalized tensors that are in memory already; no augmentation. The
  network has our fast depthwise gradient too, so this is the most that a trainer could reach.
* `plain-torch`: the same with torch's own depthwise convolutions.
* `timm`: timm's dataset, loader, augmentation, task, optimizer and scheduler in the loop of its train.py: each epoch
  decodes the files again. Its loader has no worker process, which on one core is the faster way.

Two kinds of augmentation: `light`, the default of a search (small shifts and mirroring; crops of 85 to 100 % for timm),
and `paper`, where both use timm's own crops, RandAugment and erasing, so that only decoding can be saved.

From the root of the repository, on one quiet core, 8 minutes (an interrupted run is resumed):

    python -m benchmarks.training.throughput run
    python -m benchmarks.training.throughput report    # writes results/throughput.json
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from benchmarks.shared.lines import Lines
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tiernas.errors import UsageError
from tiernas.networks import build
from tiernas.spaces import Architecture, get_space
from tiernas.training import IMAGE_MEAN, IMAGE_STD, DataConfig, RecipeConfig, Splits, load_data, normalize, train
from tiernas.training.depthwise import speed_up_depthwise

RESULTS = Lines(Path(__file__).parent / "results" / "throughput.jsonl", "case", "round", "way")
WORK = Path("runs/benchmark-throughput")
ROUNDS = 8
"""Number of rounds that count; one more comes before."""

LIGHT = RecipeConfig(epochs=1)
PAPER_IMAGES = RecipeConfig(
    epochs=1, crop_padding=0, crop_scale=(0.08, 1.0), auto_augment="rand-m9-mstd0.5", erase_probability=0.2
)


@dataclass(frozen=True, slots=True)
class Case:
    """A network and its training data.

    Attributes:
        data: Folder of parquet files.
        image_size: Size of the images in the files and of the network's input, in pixels.
        train_images: Number of images used from the training split.
        sample: Which of the first 64 Sobol points of `gpunet-small` the network is, with its resolution changed.
        recipe: The augmentation.
    """

    data: Path
    image_size: int
    train_images: int
    sample: int
    recipe: RecipeConfig

    @property
    def architecture(self) -> Architecture:
        space = get_space("gpunet-small")
        vector = space.sample(64, seed=0)[self.sample]
        vector[0] = self.image_size
        return space.decode(vector)


CASES = {
    "clothing10, 64 px, light": Case(Path("../shared/data/clothing10_64"), 64, 1536, 31, LIGHT),
    "cifar10, 32 px, light": Case(Path("../shared/data/cifar10_jpeg"), 32, 3072, 31, LIGHT),
    "clothing10, 64 px, paper": Case(Path("../shared/data/clothing10_64"), 64, 1536, 31, PAPER_IMAGES),
}

Epoch = Callable[[], float]
"""Trains for one epoch; returns images per second."""


def unpack(case: Case, root: Path) -> None:
    """Writes the first images of each split as files, with unchanged bytes, in the layout of an image folder."""
    import pyarrow.parquet as parquet

    for part, count in (("train", case.train_images), ("test", 256)):
        (source,) = case.data.glob(f"{part}-*.parquet")
        rows = parquet.read_table(source).slice(0, count).to_pylist()
        for index, row in enumerate(rows):
            content = row["image"]["bytes"]
            suffix = str(Image.open(io.BytesIO(content)).format).lower()
            folder = root / part / f"{row['label']:02d}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{index:05d}.{suffix}").write_bytes(content)


def ours(case: Case, splits: Splits) -> Epoch:
    def epoch() -> float:
        with tempfile.TemporaryDirectory() as folder:
            return train(case.architecture, splits, case.recipe, seed=0, checkpoint_dir=Path(folder)).images_per_s

    return epoch


def make_network(case: Case, classes: int) -> nn.Module:
    network: nn.Module = build(case.architecture, classes)
    return network.to(memory_format=torch.channels_last).train()


def plain(case: Case, splits: Splits, *, fast_depthwise: bool) -> Epoch:
    network = make_network(case, len(splits.classes))
    if fast_depthwise:
        speed_up_depthwise(network)
    recipe = case.recipe
    optimizer = torch.optim.AdamW(
        network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    )
    images, labels = normalize(splits.train.images), splits.train.labels

    def epoch() -> float:
        started_s = time.perf_counter()
        for rows in torch.randperm(len(labels)).split(recipe.batch_size):
            loss = cross_entropy(network(images[rows]), labels[rows], label_smoothing=recipe.label_smoothing)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            optimizer.zero_grad()
        return len(labels) / (time.perf_counter() - started_s)

    return epoch


def with_timm(case: Case, splits: Splits, root: Path) -> Epoch:
    from timm.data import create_dataset, create_loader
    from timm.data.readers.img_extensions import add_img_extensions
    from timm.optim import create_optimizer_v2
    from timm.scheduler import create_scheduler_v2
    from timm.task import ClassificationTask
    from timm.utils import AverageMeter

    recipe, cpu = case.recipe, torch.device("cpu")
    add_img_extensions(".webp")
    loader = create_loader(
        create_dataset("", root=str(root), split="train", is_training=True),
        input_size=(3, case.image_size, case.image_size),
        batch_size=recipe.batch_size,
        is_training=True,
        scale=recipe.crop_scale or (0.85, 1.0),
        hflip=0.5,
        color_jitter=0.0,
        auto_augment=recipe.auto_augment,
        re_prob=recipe.erase_probability,
        re_mode="pixel",
        interpolation="random" if recipe.auto_augment else "bilinear",
        mean=IMAGE_MEAN,
        std=IMAGE_STD,
        num_workers=0,
        use_prefetcher=False,
        device=cpu,
    )
    network = make_network(case, len(splits.classes))
    task = ClassificationTask(
        network, criterion_kwargs={"smoothing": recipe.label_smoothing}, device=cpu, verbose=False
    )
    optimizer = create_optimizer_v2(
        network, "adamw", lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    )
    scheduler, _ = create_scheduler_v2(
        optimizer, "cosine", num_epochs=1000, step_on_epochs=False, updates_per_epoch=len(loader)
    )
    updates = 0

    def epoch() -> float:
        nonlocal updates
        losses = AverageMeter()
        images = 0
        started_s = time.perf_counter()
        batch: Tensor
        for batch, target in loader:
            loss = task(batch.contiguous(memory_format=torch.channels_last), target)["loss"]
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses.update(loss.item(), len(target))
            updates += 1
            scheduler.step_update(updates, metric=losses.avg)
            images += len(target)
        return images / (time.perf_counter() - started_s)

    return epoch


def run() -> None:
    torch.set_num_threads(1)
    for name, case in CASES.items():
        if all(RESULTS.has(case=name, round=i, way="timm") for i in range(ROUNDS)):
            continue
        if not case.data.exists():
            print(f"{name}: skipped, {case.data} is missing", file=sys.stderr)
            continue
        root = WORK / case.data.name
        if not root.exists():
            unpack(case, root)
        data = DataConfig(kind="folder", path=root, image_size=case.image_size, validation_fraction=0.02)
        splits = load_data(data, cache_dir=WORK / "cache")
        ways = {
            "tiernas": ours(case, splits),
            "plain": plain(case, splits, fast_depthwise=True),
            "plain-torch": plain(case, splits, fast_depthwise=False),
            "timm": with_timm(case, splits, root),
        }
        measure(name, ways)


def measure(case: str, ways: dict[str, Epoch]) -> None:
    """All ways in turn; round -1 does not count, and each round begins with another way."""
    names = list(ways)
    for turn in range(-1, ROUNDS):
        for way in names[turn % len(names) :] + names[: turn % len(names)]:
            images_per_s = ways[way]()
            if turn >= 0 and not RESULTS.has(case=case, round=turn, way=way):
                RESULTS.append({"case": case, "round": turn, "way": way, "images_per_s": round(images_per_s, 1)})
                print(case, turn, way, round(images_per_s, 1), flush=True)


def ratios(lines: Sequence[dict[str, Any]], case: str, way: str) -> list[float]:
    """How many times as fast ours is, for each complete round of a case."""
    speed = {(line["round"], line["way"]): line["images_per_s"] for line in lines if line["case"] == case}
    return [speed[i, "tiernas"] / speed[i, way] for i in range(ROUNDS) if (i, "tiernas") in speed and (i, way) in speed]


def report() -> None:
    lines = RESULTS.read()
    summary: dict[str, Any] = {}
    print("| case | way | images/s, median | tiernas is faster by: median (least to most) |")
    print("| --- | --- | ---: | --- |")
    for case in CASES:
        for way in ("tiernas", "plain", "plain-torch", "timm"):
            speeds = [line["images_per_s"] for line in lines if (line["case"], line["way"]) == (case, way)]
            if not speeds:
                continue
            found = ratios(lines, case, way)
            row = {"images_per_s": round(median(speeds), 1), "rounds": len(found)}
            row |= {"ratio": round(median(found), 3), "least": round(min(found), 3), "most": round(max(found), 3)}
            summary.setdefault(case, {})[way] = row
            print(f"| {case} | {way} | {row['images_per_s']} | {row['ratio']} ({row['least']} to {row['most']}) |")
    RESULTS.path.with_suffix(".json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        run() if sys.argv[1:2] == ["run"] else report()
    except UsageError as error:
        raise SystemExit(str(error)) from None
