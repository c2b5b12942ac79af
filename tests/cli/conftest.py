"""A search that is tiny but real: the real engine, real trainings, the real command line."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from tiernas.latency import LatencyTable

TINY = """
[study]
name = "tiny"
space = "gpunet-small"
output = "{output}"

[data]
kind = "digits"
train_limit = 100
validation_fraction = 0.05
test_fraction = 0.05

[recipe]
epochs = 2

[latency]
table = "{table}"
inaccurate = true  # 8 networks, measured beside other tests

[tiers]
edges = TWO_TIERS
pool = 1024

[search]
trainings = 4
pending = 1

[finalists]
per_tier = 1
repeats = 0
epochs = 3
measure_seconds = 0.5

[workers]
count = 2

[table]
path = "{models}"
"""

ANY_LATENCY = "[0.0001, 1000]"


class CommandLine:
    """Runs `tiernas` in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self, *words: str | Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tiernas", *map(str, words)],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "COLUMNS": "200"},
        )

    def run(self, *words: str | Path, exit_code: int = 0) -> str:
        """Stdout of a command, or stderr where it is to fail."""
        process = self.start(*words)
        out, err = process.communicate(timeout=280)
        assert process.returncode == exit_code, f"{words} exited with {process.returncode}\n{out}\n{err}"
        assert "Traceback" not in err
        return err if exit_code else out

    def json(self, *words: str | Path) -> Any:
        return json.loads(self.run(*words, "--json"))


@pytest.fixture(scope="session")
def latency_table(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A latency table of this machine, from as few networks as a table may have, built once for all test processes."""
    temporary = tmp_path_factory.getbasetemp()
    folder = temporary / "latency" if worker_id == "master" else temporary.parent / "latency"
    with FileLock(folder.with_suffix(".lock")):
        table = folder / "table.jsonl"
        if not table.exists():
            folder.mkdir()
            built = CommandLine(folder).json(
                "latency", "build", "--networks", "8", "--seconds", "0.5", "--table", "table.jsonl"
            )
            assert built["networks"] == 8
    return table


@functools.cache
def tier_edges(latency_table: Path) -> list[float]:
    """Edges of two tiers, in ms, of networks that are trained within seconds, however fast the machine is.

    They are wide: beside other work networks measure twice as long as estimated, and some must measure inside.
    """
    table = LatencyTable.load(latency_table)
    latency_ms = table.estimate(table.space.sample(1024, 0))
    first, second = np.quantile(latency_ms, [0.05, 0.2])
    return [round(float(edge), 3) for edge in (latency_ms.min() / 2, first, second)]


def write_tiny(folder: Path, latency_table: Path, *, changes: Sequence[tuple[str, str]] = ()) -> Path:
    """Writes a configuration whose results all go into a folder.

    In it and in the changes TWO_TIERS stands for the edges of two tiers, ONE_TIER for those of one that spans both, and
    ANY_LATENCY for those of a tier that every network measures inside, whatever else the machine does.
    """
    edges = tier_edges(latency_table)
    text = TINY.format(output=folder / "run", models=folder / "models", table=latency_table)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    text = text.replace("TWO_TIERS", str(edges)).replace("ONE_TIER", str(edges[::2]))
    text = text.replace("ANY_LATENCY", ANY_LATENCY)
    (folder / "tiny.toml").write_text(text)
    return folder / "tiny.toml"
