"""A network of our space compared with the ResNet-20 of the CIFAR papers: same cost, same recipe, same images.

Data: `cifar10_jpeg`, CIFAR-10 as JPEG of quality 75, which costs a ResNet-20 about 10 points: compare within it only.
ResNet-20 (He et al., arXiv 1512.03385, section 4.2; 40.8 million MACs, 272,474 parameters, shortcuts of 1x1
convolutions) takes 32 px. Ours come from `gpunet-small` and need no more of either; they take the same 32 px images,
enlarged. Five such networks are trained as in a search, 3 epochs on 2,000 images, and the one with the highest accuracy
on 5,000 validation images (`choose`) is then trained like ResNet-20 (`run`): the default recipe, 8 epochs on 5,000
images. Both use the same loop of our trainer, start with residual branches and a classifier at zero, and are compared
on the 10,000 test images.

From the root of the repository, 25 minutes on one core; an interrupted run is resumed:

    python -m benchmarks.training.resnet20 choose
    python -m benchmarks.training.resnet20 run
    python -m benchmarks.training.resnet20 report    # writes results/resnet20.json
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from benchmarks.shared.lines import Lines
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models.resnet import BasicBlock

from tiernas.errors import UsageError
from tiernas.networks import cost
from tiernas.spaces import Architecture, get_space
from tiernas.training import DataConfig, RecipeConfig, Splits, evaluate, load_data
from tiernas.training.epoch import train_epoch
from tiernas.training.optimization import make_average, make_optimizer
from tiernas.training.seeding import SeedPurpose, derived_seed
from tiernas.training.state import TrainingState

HERE = Path(__file__).parent
CHOICE = Lines(HERE / "results" / "resnet20-choice.jsonl", "sample")
RESULTS = Lines(HERE / "results" / "resnet20.jsonl", "network", "seed")
DATA = Path("../shared/data/cifar10_jpeg")
CACHE = Path("runs/benchmark-resnet20/cache")

SAMPLES = (3634, 4319, 4704, 6173, 8431)
"""The first five Sobol points of `gpunet-small` that we found with 90 to 100 % of ResNet-20's MACs, no more parameters
and at most 96 px, among those with an estimated latency of 0.7 to 0.95 ms (OpenVINO, one core of an EPYC) and a narrow
last stage."""

SEEDS = (0, 1, 2)
SIZE = 32


def resnet20(classes: int) -> nn.Module:
    """The CIFAR ResNet with 3 stages of 3 blocks; last scale of each branch and classifier zero, as in our trainer."""
    layers: list[nn.Module] = [nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True)]
    channels = 16
    for width in (16, 32, 64):
        for _ in range(3):
            shortcut, stride = None, 1
            if width != channels:
                stride = 2
                shortcut = nn.Sequential(nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width))
            block = BasicBlock(channels, width, stride, shortcut)
            nn.init.zeros_(block.bn2.weight)
            layers.append(block)
            channels = width
    classifier = nn.Linear(channels, classes)
    nn.init.zeros_(classifier.weight)
    nn.init.zeros_(classifier.bias)
    for layer in nn.Sequential(*layers).modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), classifier)


class ResNetState(TrainingState):
    """The state of our trainer, for a network that no architecture describes."""

    def __init__(self, classes: int, recipe: RecipeConfig) -> None:
        self.device = torch.device("cpu")
        self.network = resnet20(classes).to(memory_format=torch.channels_last)
        self.optimizer = make_optimizer(self.network, recipe)
        self.average = make_average(self.network, recipe.ema_decay)
        self.scaler = None
        self.parallel = self.network


def architecture(sample: int) -> Architecture:
    space = get_space("gpunet-small")
    return space.decode(space.sample(16_384, seed=0)[sample])


def resnet20_cost() -> tuple[int, int]:
    """Multiply-accumulates and parameters."""
    network = resnet20(10).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 3, SIZE, SIZE))
    return counter.get_total_flops() // 2, sum(p.numel() for p in network.parameters())


def images(train_limit: int) -> Splits:
    if not DATA.exists():
        raise SystemExit(f"skipped: {DATA} is missing")
    data = DataConfig(kind="parquet", path=DATA, image_size=SIZE, train_limit=train_limit, validation_fraction=0.1)
    return load_data(data, cache_dir=CACHE)


def trained(
    make_state: Callable[[], TrainingState], splits: Splits, recipe: RecipeConfig, resolution: int, seed: int
) -> nn.Module:
    """The epochs of `tiernas.training.train`, without checkpoints."""
    torch.manual_seed(derived_seed(seed, SeedPurpose.WEIGHTS))
    state = make_state()
    for epoch in range(recipe.epochs):
        train_epoch(state, splits, recipe, resolution, seed=seed, epoch=epoch)
    return state.resulting


def our_state(of: Architecture, splits: Splits, recipe: RecipeConfig) -> Callable[[], TrainingState]:
    return lambda: TrainingState(of, len(splits.classes), recipe, torch.device("cpu"))


def choose() -> None:
    """Trains the five networks as in a search."""
    splits, recipe = images(2_000), RecipeConfig(epochs=3)
    most_macs, most_params = resnet20_cost()
    for sample in SAMPLES:
        if CHOICE.has(sample=sample):
            continue
        network = architecture(sample)
        size = cost(network, len(splits.classes))
        assert size.macs <= most_macs
        assert size.params <= most_params
        started_s = time.perf_counter()
        result = trained(our_state(network, splits, recipe), splits, recipe, network.resolution, seed=0)
        line: dict[str, Any] = {
            "sample": sample,
            "resolution": network.resolution,
            "macs": size.macs,
            "params": size.params,
        }
        line["validation"] = round(evaluate(result, splits.validation, network.resolution), 4)
        CHOICE.append(line | {"took_s": round(time.perf_counter() - started_s, 1)})
        print(line, flush=True)


def run() -> None:
    splits, recipe = images(5_000), RecipeConfig(epochs=8)
    chosen = architecture(chosen_sample())
    ways: dict[str, tuple[Callable[[], TrainingState], int]] = {
        "resnet20": (lambda: ResNetState(len(splits.classes), recipe), SIZE),
        "tiernas": (our_state(chosen, splits, recipe), chosen.resolution),
    }
    for seed, name in product(SEEDS, ways):
        if RESULTS.has(network=name, seed=seed):
            continue
        started_s = time.perf_counter()
        make_state, resolution = ways[name]
        result = trained(make_state, splits, recipe, resolution, seed)
        trained_s = time.perf_counter() - started_s
        line: dict[str, Any] = {"network": name, "seed": seed, "epochs": recipe.epochs, "images": len(splits.train)}
        line["test"] = round(evaluate(result, splits.test, resolution), 4)
        RESULTS.append(line | {"trained_s": round(trained_s, 1)})
        print(line, flush=True)


def chosen_sample() -> int:
    lines = CHOICE.read()
    if len(lines) < len(SAMPLES):
        raise UsageError("the choice is not complete: `resnet20.py choose` first")
    return int(max(lines, key=lambda line: line["validation"])["sample"])


def report() -> None:
    lines, sample = RESULTS.read(), chosen_sample()
    network = architecture(sample)
    size, (macs, params) = cost(network, 10), resnet20_cost()
    seeds = [seed for seed in SEEDS if all(RESULTS.has(network=name, seed=seed) for name in ("resnet20", "tiernas"))]
    if not seeds:
        raise UsageError("no seed is complete: `resnet20.py run` first")
    summary: dict[str, Any] = {"seeds": len(seeds), "sample": sample, "resolution": network.resolution}
    print("| network | MACs | parameters | test accuracy, mean of seeds | each seed |")
    print("| --- | ---: | ---: | ---: | --- |")
    for name, (m, p) in {"resnet20": (macs, params), "tiernas": (size.macs, size.params)}.items():
        found = [line["test"] for seed in seeds for line in lines if (line["network"], line["seed"]) == (name, seed)]
        summary[name] = {"macs": m, "params": p, "test": found, "mean": round(mean(found), 4)}
        shown = ", ".join(f"{100 * accuracy:.1f}" for accuracy in found)
        print(f"| {name} | {m / 1e6:.1f} M | {p:,} | {100 * mean(found):.1f} % | {shown} |")
    RESULTS.path.with_suffix(".json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    actions = {"choose": choose, "run": run, "report": report}
    try:
        actions.get(sys.argv[1] if len(sys.argv) > 1 else "report", report)()
    except UsageError as error:
        raise SystemExit(str(error)) from None
