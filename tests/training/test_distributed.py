"""Two real processes, gradients over gloo, against one process."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tiernas.errors import UsageError
from tiernas.networks import build
from tiernas.spaces import Architecture
from tiernas.training import DataConfig, RecipeConfig, load_data, train
from tiernas.training.checkpoint import WEIGHTS
from tiernas.training.group import ALONE, Group

PROCESS = """
import json, sys
from dataclasses import asdict
from pathlib import Path
import torch
from tiernas.errors import TiernasError
from tiernas.spaces import architecture_from_json
from tiernas.training import DataConfig, RecipeConfig, load_data, train_distributed
torch.set_num_threads(1)
rank, root, architecture, trainings = int(sys.argv[1]), Path(sys.argv[2]), *map(json.loads, sys.argv[3:])
splits = load_data(DataConfig(train_limit=600))
for number, (folder, recipe, stop_epoch) in enumerate(trainings):
    try:
        result = train_distributed(architecture_from_json(json.dumps(architecture)), splits,
            RecipeConfig.model_validate(recipe), rank=rank, world_size=2, init_method=f"file://{root}/meet-{number}",
            seed=3, checkpoint_dir=root / folder, stop_epoch=stop_epoch)
    except TiernasError as error:
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}))
    else:
        print(json.dumps(asdict(result)))
"""

BUFFERS = """
import json, sys
from pathlib import Path
import torch
import torch.distributed as dist
from tiernas.spaces import architecture_from_json
from tiernas.training import RecipeConfig
from tiernas.training.group import Group
from tiernas.training.state import TrainingState
rank, root, architecture = int(sys.argv[1]), Path(sys.argv[2]), architecture_from_json(sys.argv[3])
state = TrainingState(architecture, 10, RecipeConfig.model_validate_json(sys.argv[4]), torch.device("cpu"))
dist.init_process_group("gloo", init_method=f"file://{root}/meet", rank=rank, world_size=2)
def floating(network):
    return [buffer for buffer in network.buffers() if buffer.is_floating_point()]
for buffer in floating(state.network):
    buffer.fill_(1.0 + rank)
for buffer in floating(state.average):
    buffer.fill_(10.0 * (1.0 + rank))
state.average_buffers(Group(rank, 2))
print(json.dumps({name: sorted({value for buffer in floating(network) for value in buffer.flatten().tolist()})
    for name, network in (("network", state.network), ("average", state.average))}))
"""

RECIPE = RecipeConfig(epochs=3, ema_decay=0.9, dropout=0.1)
DIVERGING = RecipeConfig(optimizer="sgd", learning_rate=1e6, epochs=3)
PLAIN_SGD = RecipeConfig(
    optimizer="sgd",
    learning_rate=0.02,
    momentum=0,
    weight_decay=0,
    warmup_fraction=0,
    epochs=1,
    crop_padding=0,
    flip=False,
)
"""A step is as long as the gradient: AdamW takes steps of the same length, whatever a gradient is multiplied by."""

Told = list[dict[str, Any]]


def in_two_processes(
    root: Path, architecture: Architecture, trainings: list[tuple[str, RecipeConfig, int | None]]
) -> list[Told]:
    """What each process says of each training: folder, recipe, epoch at which it pauses."""
    told = json.dumps([(folder, recipe.model_dump(mode="json"), stop) for folder, recipe, stop in trainings])
    return run_two(PROCESS, root, architecture.to_json(), told)


def run_two(code: str, *arguments: Path | str) -> list[Told]:
    """The lines of JSON that each of two processes prints, whose first argument is its rank."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(rank), *map(str, arguments)],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for rank in range(2)
    ]
    try:
        outputs = [process.communicate(timeout=280)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [[json.loads(line) for line in output.splitlines() if line.startswith("{")] for output in outputs]


def moved(folder: Path, start: dict[str, torch.Tensor], network: torch.nn.Module) -> float:
    """How far the parameters are from where they started."""
    end = load_file(folder / WEIGHTS)
    return math.sqrt(sum(float((end[name] - start[name]).square().sum()) for name, _ in network.named_parameters()))


@pytest.mark.slow
def test_two_processes_learn_what_one_does_and_are_continued_bitwise(tiny: Architecture, tmp_path: Path) -> None:
    data = load_data(DataConfig(train_limit=600))
    one = train(tiny, data, RECIPE, seed=3, checkpoint_dir=tmp_path / "one")
    still = PLAIN_SGD.model_copy(update={"learning_rate": 1e-12})
    for folder, recipe in (("sgd-one", PLAIN_SGD), ("start", still)):
        train(tiny, data, recipe, seed=3, checkpoint_dir=tmp_path / folder)
    first, second = in_two_processes(
        tmp_path,
        tiny,
        [
            ("whole", RECIPE, None),
            ("parts", RECIPE, 1),
            ("parts", RECIPE, None),
            ("diverging", DIVERGING, None),
            ("sgd", PLAIN_SGD, None),
        ],
    )
    for whole, paused, continued, diverged, _ in (first, second):
        assert whole["accuracy"] == pytest.approx(one.accuracy, abs=0.08)
        assert whole["train_loss"] == pytest.approx(one.train_loss, rel=0.1)
        assert (paused["epochs"], continued["epochs"]) == (1, 3)
        assert diverged["error"].startswith("TrainingDiverged")
    for key in ("accuracy", "train_loss", "validation_cross_entropy", "epoch_losses", "error"):
        assert [told.get(key) for told in first] == [told.get(key) for told in second]
    a, b = (load_file(tmp_path / name / WEIGHTS) for name in ("whole", "parts"))
    assert all(torch.equal(a[key], b[key]) for key in a)
    start, network = load_file(tmp_path / "start" / WEIGHTS), build(tiny, 10)
    alone, together = (moved(tmp_path / folder, start, network) for folder in ("sgd-one", "sgd"))
    assert together == pytest.approx(alone, rel=0.2)


@pytest.mark.slow
def test_statistics_of_the_network_and_of_its_average_are_the_mean_of_both_processes(
    tiny: Architecture, tmp_path: Path
) -> None:
    recipe = RecipeConfig(ema_decay=0.9).model_dump_json()
    for told in run_two(BUFFERS, tmp_path, tiny.to_json(), recipe):
        assert told == [{"network": [1.5], "average": [15.0]}]


def test_one_image_for_each_process_is_refused() -> None:
    with pytest.raises(UsageError, match="each needs at least 2 for batch normalization"):
        Group(0, 4).require_images(smallest_batch=7, batch_size=8)
    Group(0, 4).require_images(smallest_batch=8, batch_size=8)


def test_shares_are_all_of_a_batch() -> None:
    rows = torch.arange(7)
    assert [Group(rank, 3).share(rows).tolist() for rank in range(3)] == [[0, 1, 2], [3, 4], [5, 6]]
    assert torch.equal(ALONE.share(rows), rows)
