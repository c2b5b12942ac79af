"""What version 0.1.0 wrote and found, before blocks had files of their own: it is read, and found, as it was.

`found.json` holds what that version found of spaces, networks and tables; `table.jsonl`, `ledger.sql` and `entry` are
what it wrote.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from tiernas.blocks import BlockRows, get_block
from tiernas.engines import graph_digest
from tiernas.latency import LatencyTable
from tiernas.latency.measuring.ladder import standard_rungs
from tiernas.ledger import Ledger
from tiernas.networks import build, export_untrained, repeatable_weights
from tiernas.search import LaMctsOptimizer
from tiernas.spaces import architecture_from_json, get_space, released, released_names
from tiernas.table import ModelTable
from tiernas.tiers import parse_tier, sample_pools

HERE = Path(__file__).parent
FOUND: dict[str, Any] = json.loads((HERE / "found.json").read_text())
SMALL_TABLE = HERE / "table.jsonl"
LARGE_TABLE = HERE.parents[1] / "benchmarks" / "latency" / "results" / "gpunet-openvino-fp32.jsonl"
TIER = "2-4"

FloatArray = npt.NDArray[np.float64]


def arithmetic() -> dict[str, Any]:
    """What decides how sums are rounded."""
    blas = sorted({f"{lib['internal_api']} {lib['version']} {lib.get('architecture')}" for lib in threadpool_info()})
    versions = {name: version(name) for name in ("numpy", "scipy", "scikit-learn")}
    return {"blas": [name for name in blas if name.startswith("openblas")], **versions}


def assert_as_found(found: Sequence[float] | FloatArray, expected: Sequence[float]) -> None:
    """To the bit where sums are rounded as they were, else nearly."""
    tolerance = 0.0 if arithmetic() == FOUND["arithmetic"] else 1e-6
    np.testing.assert_allclose(np.asarray(found), expected, rtol=tolerance, atol=0)


@pytest.mark.parametrize("name", FOUND["spaces"])
def test_vectors_and_their_networks(name: str) -> None:
    space, expected = get_space(name), FOUND["spaces"][name]
    assert space.digest == expected["digest"]
    sample = space.sample(len(expected["vectors"]), seed=5)
    assert sample.tolist() == expected["vectors"]
    networks = [space.decode(vector) for vector in sample]
    assert [network.digest for network in networks] == expected["digests"]
    assert [network.to_json() for network in networks[:2]] == expected["json"]
    assert [space.encode(architecture_from_json(text)).tolist() for text in expected["json"]] == sample[:2].tolist()


RENAMED = {"stem": {"layers": "mid_channels"}, "head": {"filters": "out_channels", "hidden": "mid_channels"}}
"""What fields were called while all blocks had the same ten columns."""


@pytest.mark.parametrize("expected", FOUND["layers"], ids=lambda expected: str(expected["label"]))
def test_layers(expected: dict[str, Any]) -> None:
    columns = expected["columns"]
    kind = get_block(columns["block"])
    renamed = RENAMED.get(kind.block, {})
    layer = kind(**{name: columns[renamed.get(name, name)] for name in kind.columns() if name not in kind.defaults()})
    assert layer.label == expected["label"]
    counted = BlockRows.of([layer]).work()[0].tolist()
    assert dict(zip(kind.work_kinds, counted, strict=True)) == expected["work"] | {"hard_swished": 0}  # a later kind


@pytest.mark.parametrize("name", released_names())
def test_released_networks(name: str) -> None:
    expected = FOUND["released"][name]
    assert (released(name).to_json(), released(name).digest) == (expected["json"], expected["digest"])
    assert architecture_from_json(expected["json"]) == released(name)


def test_anchors() -> None:
    rungs = [[list(rung.vector), rung.architecture.digest, rung.macs] for rung in standard_rungs()]
    assert rungs == FOUND["rungs"]


@pytest.mark.parametrize("path", [SMALL_TABLE, LARGE_TABLE], ids=["small", "large"])
def test_estimates(path: Path) -> None:
    expected = FOUND["tables"][path.name]
    with threadpool_limits(1):
        table = LatencyTable.load(path)
        assert_as_found(table.held_out_ms, expected["held_out_ms"])
        assert_as_found(table.estimate(table.space.sample(200, seed=9)), expected["estimates_ms"])
        released_ms = [
            np.sum([cost.latency_ms for cost in table.layer_costs(released(name).layers)]) for name in released_names()
        ]
        assert_as_found(released_ms, expected["released_ms"])
        costs = table.layer_costs(released("gpunet_d2").layers)
        assert_as_found([cost.latency_ms for cost in costs], expected["layers_of_d2_ms"])
        slowest = [(cost.layer.label, cost.networks) for cost in table.slowest_layers(5)]
        assert slowest == [tuple(each) for each in expected["slowest"]]


def test_proposals() -> None:
    """A search of a tier of `gpunet-small` on the small table, its accuracies made up."""
    with threadpool_limits(1):
        table = LatencyTable.load(SMALL_TABLE)
        space, tier = table.space, parse_tier(TIER)
        pool = sample_pools(space, table, [tier], 2000, seed=3)[tier]
        assert hashlib.sha256(pool.vectors.tobytes()).hexdigest()[:16] == FOUND["pool"]
        optimizer = LaMctsOptimizer(
            space.levels,
            categorical=[dimension.categorical for dimension in space.dimensions],
            feasible=lambda rows: tier.contains(table.estimate(space.from_levels(rows))),
            pool=space.to_levels(pool.vectors),
            canonical=lambda rows: space.to_levels(space.canonical(space.from_levels(rows))),
            seed=7,
        )
        proposed = []
        for _ in range(5):
            rows = optimizer.ask(8)
            optimizer.tell(rows, rows.sum(axis=1) % 17 / 17)
            proposed += [space.decode(vector).digest for vector in space.from_levels(rows)]
    if arithmetic() == FOUND["arithmetic"]:
        assert proposed == FOUND["proposals"]
    assert len(set(proposed)) == len(FOUND["proposals"])


@pytest.mark.parametrize("name", FOUND["graphs"])
def test_weights_and_exported_graphs(name: str, tmp_path: Path) -> None:
    if torch.__version__ != FOUND["torch"]:
        pytest.skip(f"exported by torch {FOUND['torch']}")
    expected = FOUND["graphs"][name]
    architecture = architecture_from_json(expected["json"])
    with repeatable_weights():
        network = build(architecture, 3, drop_path_rate=0.2)
    weights = hashlib.sha256()
    for key, tensor in network.state_dict().items():
        weights.update(key.encode() + tensor.numpy().tobytes())
    assert weights.hexdigest()[:16] == expected["weights"]
    export_untrained(architecture, 3, tmp_path / "network.onnx")
    assert graph_digest(tmp_path / "network.onnx") == expected["graph"]


def test_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((HERE / "ledger.sql").read_text())
    space = get_space("gpunet-small")
    with Ledger(path) as ledger:
        (study,) = ledger.studies()
        candidates = ledger.candidates(study)
        assert [candidate.state.value for candidate in candidates] == ["done", "pending"]
        assert [candidate.vector for candidate in candidates] == FOUND["spaces"]["gpunet-small"]["vectors"][:2]
        assert [space.decode(c.vector).digest for c in candidates] == [c.digest for c in candidates]
        assert candidates[0].accuracy == 0.75


def test_entry_of_a_model_table() -> None:
    table = ModelTable(HERE / "entries")
    (entry,) = table.entries()
    network = table.network(entry)
    assert network.architecture.digest == entry.architecture_digest
    logits = network(torch.linspace(-1, 1, 3 * 16 * 16).reshape(1, 3, 16, 16))
    torch.testing.assert_close(logits[0].tolist(), FOUND["logits"], rtol=1e-4, atol=1e-5)
