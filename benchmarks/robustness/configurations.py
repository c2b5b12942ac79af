"""TOML files with one change each, through `search` and `status`; some of them in a separate process as well.

The file names data that do not exist, so every search must end before it writes anything, whatever the change.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from attempts import Attempt, Box
from damage import ODD_VALUES, damage_bytes, misspelt

from tiernas.latency.estimating import table_file
from tiernas.testing.latency import HEADER, records

FULL = """\
[study]
name = "mine"
space = "gpunet-small"
output = "run"
seed = 3
tensorboard = true

[data]
kind = "folder"
path = "no-such-photos"
image_size = 32
seed = 1
validation_fraction = 0.2
test_fraction = 0.2
on_corrupt = "skip"

[recipe]
epochs = 2
batch_size = 8
optimizer = "adamw"
learning_rate = 0.005
momentum = 0.9
weight_decay = 0.02
schedule = "cosine"
warmup_fraction = 0.2
label_smoothing = 0.1
ema_decay = 0.5
dropout = 0.1
drop_path_rate = 0.1
crop_padding = 0.0625
flip = true
erase_probability = 0.1
precision = "fp32"
start_scale = 0.5
growing_fraction = 0.6
compile = false

[recipe.teacher]
kind = "efficientnet-lite"
name = "lite0"
weight = 1.0
temperature = 2.0
resolution = 32

[engine]
name = "openvino"
precision = "fp32"
batch = 1
threads = 1

[latency]
table = "table.jsonl"
networks = 10
other_device = true
other_classes = true

[tiers]
edges = [0.01, 100.0]
pool = 64

[limits]
params = 10000000
activations_mb = 8.0

[search]
optimizer = "random"
trainings = 1
order = "reproducible"
pending = 1
reuse = []

[search.screen]
epochs = [1]
keep = 0.5
audit = 2

[finalists]
per_tier = 0
repeats = 0
repeat_best = 1
epochs = 2
accuracy_budget_points = 1.0
measure_seconds = 0.5

[finalists.teacher]
kind = "efficientnet-lite"
name = "lite1"

[workers]
executor = "local"
count = 1
time_limit_minutes = 5

[table]
path = "models"
"""
_REAL_EVERY = 20
"""One in this many files is run by a separate process as well."""

_LIMIT_S = 300


@contextmanager
def prepared(folder: Path) -> Iterator[Callable[[int], list[Attempt]]]:
    """A function of the seed that changes the file and calls the commands."""
    with Box(folder, outputs=[]) as box:
        table = box.work / "table.jsonl"
        table_file.create(table, HEADER)
        for record in records(12, noise=0.02):
            table_file.append(table, record)
        path = box.work / "mine.toml"
        path.write_text(FULL)
        box.call("nothing", "search", "mine.toml")

        def case(seed: int) -> list[Attempt]:
            damage, content = _changed(random.Random(seed))
            path.write_bytes(content)
            found = [box.call(damage, command, "mine.toml") for command in ("search", "status")]
            if seed % _REAL_EVERY == 0:
                found.append(_process(box, damage))
            for leftover in set(os.listdir(box.work)) - {table.name, path.name}:  # a fault, and reported as one
                gone = box.work / leftover
                shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
            return found

        yield case


def _process(box: Box, damage: str) -> Attempt:
    before = box.listing()
    words = [sys.executable, "-m", "tiernas", "search", "mine.toml"]
    try:
        ended = subprocess.run(words, capture_output=True, timeout=_LIMIT_S, cwd=box.work)
    except subprocess.TimeoutExpired as error:
        return Attempt(damage, "process: search", None, (error.stderr or b"").decode(errors="replace"), ("hangs",))
    return box.judge(damage, "process: search", ended.returncode, ended.stderr.decode(errors="replace"), before)


def _changed(rng: random.Random) -> tuple[str, bytes]:
    lines = FULL.splitlines()
    keys = [i for i, line in enumerate(lines) if " = " in line]
    heads = [i for i, line in enumerate(lines) if line.startswith("[")]
    i, head = rng.choice(keys), rng.choice(heads)
    key, value = lines[i].split(" = ")
    match rng.choice(
        ("value",) * 8 + ("misspelt", "missing", "added", "moved", "section", "twice", "bytes", "encoding")
    ):
        case "value":
            odd = _toml(rng.choice(ODD_VALUES))
            what, lines[i] = f"{key} = {odd[:40]}", f"{key} = {odd}"
        case "misspelt":
            wrong = misspelt(key, rng)
            what, lines[i] = f"{key} -> {wrong}", f"{wrong} = {value}"
        case "missing":
            what = f"{lines[i]} missing"
            del lines[i]
        case "added":
            what = f"surprise after {lines[i]}"
            lines.insert(i, "surprise = 1")
        case "moved":
            what = f"{lines[i]} in another section"
            lines.insert(head + 1, lines.pop(i) if i > head else lines[i])
        case "section":
            what = f"{lines[head]} renamed or missing"
            lines[head] = rng.choice((f"[{misspelt(lines[head][1:-1], rng)}]", "", f"[[{lines[head][1:-1]}]]"))
        case "twice":
            what = f"{lines[i]} twice"
            lines.insert(i, lines[i])
        case "bytes":
            what, content = damage_bytes(FULL.encode(), rng)
            return what, content
        case _:
            encoding = rng.choice(("utf-8-sig", "utf-16", "utf-32", "latin-1", "cp037"))
            return encoding, FULL.replace("no-such", "Fotos-für").encode(encoding)
    return what, "\n".join(lines).encode()


def _toml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return repr(value) if not isinstance(value, int) or abs(value) < 10**30 else "9" * 400
        case str():
            return json.dumps(value, ensure_ascii=value == "\ud800")
        case list():
            return f"[{', '.join(_toml(item) for item in value)}]"
        case dict():
            return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
        case _:
            return "nothing"
