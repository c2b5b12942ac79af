"""The server is killed between the moment a training pauses at a rung and the moment the disk has it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tiernas.ledger import Ledger, Purpose
from tiernas.storage import read_tensors

pytestmark = pytest.mark.slow

SERVER = """
import os, signal, sys, time
from pathlib import Path
from sqlalchemy import Engine, event
from tiernas.executors import LocalExecutor
from tiernas.ledger import Ledger, Purpose
from tiernas.ledger.trained import Trained
from tiernas.spaces import get_space
from tiernas.study import Screen, Trainings, train_candidates
from tiernas.training import DataConfig, RecipeConfig

folder, killed = Path(sys.argv[1]), len(sys.argv) > 2
space = get_space("gpunet-small")
ledger = Ledger(folder / "ledger.sqlite")
study = ledger.open_study("tier", {})
if not ledger.candidates(study):
    vector = min(space.sample(64, seed=3), key=lambda x: (x[0], x.sum()))
    ledger.propose(study, vector, space.decode(vector).digest, 0.3)
ledger.reclaim("the server ended")
pause, paused = Trained.pause, []
Trained.pause = lambda *args, **more: [pause(*args, **more), paused.append(1)][0]

def commit(connection):
    if paused and killed:
        time.sleep(4)  # were the training to go on, it would be epochs further by now
        os.kill(os.getpid(), signal.SIGKILL)

event.listen(Engine, "commit", commit)
recipe = RecipeConfig(epochs=4).model_dump(mode="json")
data = DataConfig(train_limit=64, validation_fraction=0.05, test_fraction=0.05, image_size=32).model_dump(mode="json")
screen = Screen((1, 3), 0.5, 2, None)
with LocalExecutor(1, folder / "logs") as executor:
    seen = lambda study, purpose, candidates, wanted: None
    stop = lambda: False
    recipes = {purpose: recipe for purpose in Purpose}
    trainings = Trainings(ledger, executor, space, data, recipes, 7, folder, stop, seen, screen)
    train_candidates(trainings, study, Purpose.SEARCH)
"""


def serve(folder: Path, *more: str) -> int:
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", SERVER, str(folder), *more], capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


def rungs(folder: Path) -> list[dict[str, Any]]:
    with Ledger(folder / "ledger.sqlite") as ledger:
        (candidate,) = ledger.candidates(ledger.studies()[0], Purpose.SEARCH)
        return candidate.rungs or []


def test_a_rung_is_judged_by_its_own_epoch_whenever_the_server_is_killed(tmp_path: Path) -> None:
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    serve(calm)
    assert serve(killed, "killed") == -signal.SIGKILL
    assert rungs(killed) == []
    (checkpoint,) = killed.glob("checkpoints/*/*/*/checkpoint.safetensors")
    stored = read_tensors(checkpoint)
    assert stored is not None
    assert stored[1]["progress"]["epoch"] == 1, "it went on beyond a rung that the disk does not have"
    serve(killed)
    assert rungs(killed) == rungs(calm)
    assert [rung["epochs"] for rung in rungs(calm)] == [1, 3]
