"""Damaged files of latency tables: `latency show` and `tiers`."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from attempts import Attempt, Box
from damage import damage_bytes, damage_json

from tiernas.latency.estimating import table_file
from tiernas.testing.latency import HEADER, records

_NETWORKS = 8


@contextmanager
def prepared(folder: Path) -> Iterator[Callable[[int], list[Attempt]]]:
    """A function of the seed that damages a table of a few networks and calls the commands."""
    with Box(folder, outputs=["table.jsonl"]) as box:
        path = box.work / "table.jsonl"
        table_file.create(path, HEADER)
        for record in records(_NETWORKS, noise=0.02):
            table_file.append(path, record)
        whole = path.read_bytes()
        _calls(box, "nothing")

        def case(seed: int) -> list[Attempt]:
            rng = random.Random(seed)
            if rng.random() < 0.7:
                lines = [json.loads(line) for line in whole.splitlines()]
                place = rng.choice((0, rng.randrange(len(lines))))
                damage, lines[place] = damage_json(lines[place], rng)
                content = "".join(json.dumps(line) + "\n" for line in lines).encode()
                damage = f"{'header' if place == 0 else 'network'}: {damage}"
            else:
                damage, content = damage_bytes(whole, rng)
            path.write_bytes(content)
            return _calls(box, damage)

        yield case


def _calls(box: Box, damage: str) -> list[Attempt]:
    return [
        box.call(damage, "latency", "show", "--table", "table.jsonl", "--json"),
        box.call(damage, "tiers", "--table", "table.jsonl", "--edges", "0.2,0.4,0.8", "--networks", "256"),
    ]
