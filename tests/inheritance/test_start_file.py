"""A parent as a file: written once, found by its digest, with everything that training runs need."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import tiernas
from tiernas.errors import UsageError
from tiernas.inheritance import Parent, keep_parent, kept_parent, make_parent
from tiernas.inheritance.start_file import remove_kept
from tiernas.storage import read_tensors, write_tensors

LITE = "efficientnet-lite0"


@pytest.fixture(scope="module")
def parent() -> Parent:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make_parent(tiernas.load(LITE, "fresh", num_classes=4), LITE)


def test_it_comes_back_as_it_was(parent: Parent, tmp_path: Path) -> None:
    start = keep_parent(parent, tmp_path)
    assert start == f"sha256:{parent.digest}"
    found = kept_parent(start, tmp_path)
    assert (found.source, found.normalization, found.classes) == (LITE, parent.normalization, None)
    assert found.network.architecture == parent.network.architecture
    assert found.digest == parent.digest
    assert all(torch.equal(found.weights[name], tensor) for name, tensor in parent.weights.items())
    assert found.orders.keys() == parent.orders.keys()
    assert all(torch.equal(found.orders[group], order) for group, order in parent.orders.items())
    assert found.normalization.mean == pytest.approx((127 / 255,) * 3)


def test_it_is_written_once(parent: Parent, tmp_path: Path) -> None:
    keep_parent(parent, tmp_path)
    (path,) = tmp_path.iterdir()
    before = path.stat()
    keep_parent(parent, tmp_path)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    path.write_bytes(path.read_bytes()[:1000])
    assert kept_parent(keep_parent(parent, tmp_path), tmp_path).digest == parent.digest


def test_only_parents_are_removed(parent: Parent, tmp_path: Path) -> None:
    start = keep_parent(parent, tmp_path)
    (tmp_path / "data-0.safetensors").touch()
    remove_kept(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["data-0.safetensors"]
    remove_kept(tmp_path / "missing")
    assert keep_parent(parent, tmp_path) == start, "it can be written again"
    assert kept_parent(start, tmp_path).digest == parent.digest


def test_another_weight_is_another_digest(parent: Parent, tmp_path: Path) -> None:
    other = kept_parent(keep_parent(parent, tmp_path), tmp_path)
    other.weights["blocks.0.0.weight"][0, 0, 0, 0] += 1
    assert other.digest != parent.digest


def test_another_order_of_channels_is_another_digest(parent: Parent, tmp_path: Path) -> None:
    start = keep_parent(parent, tmp_path)
    reversed_orders = {group: order.flip(0) for group, order in parent.orders.items()}
    other = kept_parent(keep_parent(replace(parent, orders=reversed_orders), tmp_path), tmp_path)
    assert f"sha256:{other.digest}" != start, "what inherits from it is another network"
    assert all(torch.equal(other.orders[group], order) for group, order in reversed_orders.items())


def test_reading_draws_no_random_number(parent: Parent, tmp_path: Path) -> None:
    start = keep_parent(parent, tmp_path)
    before = torch.random.get_rng_state()
    kept_parent(start, tmp_path)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_missing_and_damaged_files(parent: Parent, tmp_path: Path) -> None:
    start = keep_parent(parent, tmp_path)
    (path,) = tmp_path.iterdir()
    with pytest.raises(
        UsageError, match="does not exist on this machine; give all workers access to the output folder"
    ):
        kept_parent(start, tmp_path / "elsewhere")
    whole = shutil.copy(path, tmp_path / "whole")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(UsageError, match="is damaged; remove it"):
        kept_parent(start, tmp_path)
    stored = read_tensors(Path(whole))
    assert stored is not None
    tensors, facts = stored
    write_tensors(path, tensors, {**facts, "num_classes": 5})
    with pytest.raises(UsageError, match="does not contain a trained network"):
        kept_parent(start, tmp_path)


def test_the_same_classes(parent: Parent) -> None:
    assert parent.num_classes == 4
    assert parent.has_classes(("a", "b", "c", "d"))
    assert not parent.has_classes(("a", "b"))
    named = replace(parent, classes=("a", "b", "c", "d"))
    assert named.has_classes(("a", "b", "c", "d"))
    assert not named.has_classes(("b", "a", "c", "d"))
