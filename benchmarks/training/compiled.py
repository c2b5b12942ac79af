"""Training steps on this CPU: with and without `torch.compile`, channels last or first in memory.

The same network, batch of 64 random images, AdamW and fp32 on one thread for all; they take turns, some steps each, and
a ratio is that of one round, so a machine that slows down for a minute slows all of them. The cost of compiling is the
time of the first step minus that of the others, with nothing cached from earlier runs. Times are processor time of this
process and the compilers it starts, so other load on the core hardly matters.

* `trainer`: as in `tiernas.training.train`: not compiled, channels last.
* `channels-first`: images and weights in torch's default memory format.
* `compiled`: `recipe.compile = true`, channels last.

From the root of the repository, on one quiet core, some 4 minutes; writes results/compiled.json:

    OMP_NUM_THREADS=1 TORCHINDUCTOR_COMPILE_THREADS=1 python -m benchmarks.training.compiled
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from statistics import median

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from tiernas.spaces import get_space
from tiernas.training import RecipeConfig
from tiernas.training.state import TrainingState

RESULT = Path(__file__).parent / "results" / "compiled.json"

SAMPLE = 31
"""Which of the first 64 Sobol points of `gpunet-small` the network is, with its resolution changed."""

RESOLUTIONS = (32, 64)
BATCH, CLASSES = 64, 10
ROUNDS, STEPS = 7, 4

EPOCH_IMAGES = 10_000
"""Images per epoch, for expressing the cost of compiling in epochs."""


class Way:
    """A network that takes training steps on the same batch.

    Args:
        resolution: Resolution of network and images, in pixels.
        compile: See `RecipeConfig`.
        memory_format: Memory format of images and weights.
    """

    def __init__(self, resolution: int, *, compile: bool, memory_format: torch.memory_format) -> None:
        space = get_space("gpunet-small")
        vector = space.sample(64, seed=0)[SAMPLE]
        vector[0] = resolution
        torch.manual_seed(0)
        self._state = TrainingState(space.decode(vector), CLASSES, RecipeConfig(compile=compile), torch.device("cpu"))
        self._state.network.to(memory_format=memory_format)  # type: ignore[call-overload]
        self._state.network.train()
        images = torch.randn(BATCH, 3, resolution, resolution)
        self._images: Tensor = images.contiguous(memory_format=memory_format)
        self._labels = torch.arange(BATCH) % CLASSES

    def steps_s(self, steps: int) -> float:
        """Mean time of a step over several steps, in seconds."""
        started_s = processor_s()
        for _ in range(steps):
            loss = cross_entropy(self._state.parallel(self._images), self._labels)
            self._state.update(loss, 1e-3)
        return (processor_s() - started_s) / steps


def processor_s() -> float:
    """Processor time of this process and of ended child processes, in seconds."""
    return sum(os.times()[:4])


def compare(resolution: int) -> dict[str, float]:
    """Times of the three ways at one resolution."""
    ways = {
        "compiled": Way(resolution, compile=True, memory_format=torch.channels_last),
        "trainer": Way(resolution, compile=False, memory_format=torch.channels_last),
        "channels-first": Way(resolution, compile=False, memory_format=torch.contiguous_format),
    }
    first_s = {name: way.steps_s(1) for name, way in ways.items()}
    rounds = []
    for turn in range(ROUNDS):
        order = list(ways)[turn % 3 :] + list(ways)[: turn % 3]
        rounds.append({name: ways[name].steps_s(STEPS) for name in order})
    ms = {name: 1000 * median(found[name] for found in rounds) / BATCH for name in ways}
    speedup = {
        name: median(found["trainer"] / found[name] for found in rounds) for name in ("channels-first", "compiled")
    }
    compiling_s = first_s["compiled"] - ms["compiled"] * BATCH / 1000
    gained_s = EPOCH_IMAGES * (ms["trainer"] - ms["trainer"] / speedup["compiled"]) / 1000
    return {
        "resolution": resolution,
        **{f"{name} ms per image": round(value, 3) for name, value in ms.items()},
        **{f"{name} speed-up": round(value, 3) for name, value in speedup.items()},
        "compiling s": round(compiling_s, 1),
        f"gained s per epoch of {EPOCH_IMAGES} images": round(gained_s, 2),
        "epochs until it pays": round(compiling_s / gained_s, 1) if gained_s > 0 else float("inf"),
    }


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as cache:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache
        found = [compare(resolution) for resolution in RESOLUTIONS]
    RESULT.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
