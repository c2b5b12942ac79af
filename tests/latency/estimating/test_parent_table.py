"""A latency table of the space around a parent is read with the file of the space next to it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.parents import PARENT_NETWORK, parent_space

from tiernas.errors import UsageError
from tiernas.latency import Observation, Record
from tiernas.latency.estimating.table_file import append, create, default_path, new_header, read
from tiernas.spaces import SPACE_FILE, ParentSpace, write_space
from tiernas.testing.latency import FINGERPRINT, measurement


def test_the_space_is_found_next_to_the_table(tmp_path: Path) -> None:
    space, path = parent_space(), tmp_path / "table.jsonl"
    create(path, new_header(space, 4, 0, FINGERPRINT))
    vector = space.sample(1)[0]
    layer_ms = (0.1,) * len(space.decode(vector).layers)
    append(path, Record(tuple(vector.tolist()), Observation("0" * 16, measurement(1.0), layer_ms)))
    assert read(path, space)[2] is space
    with pytest.raises(UsageError, match=rf"table\.jsonl: space '{tmp_path}/space\.json': there is no such file"):
        read(path)
    write_space(space, tmp_path / SPACE_FILE)
    _, records, found = read(path)
    assert (found.digest, [record.vector for record in records]) == (space.digest, [tuple(vector.tolist())])
    write_space(ParentSpace(PARENT_NETWORK, resolution=(24, 32), num_classes=4), tmp_path / SPACE_FILE)
    with pytest.raises(UsageError, match="was built around another parent"):
        read(path)


def test_its_default_path_is_named_after_the_file() -> None:
    assert default_path("runs/mine/space.json", "openvino", "int8") == Path("latency/space-openvino-int8.jsonl")
    assert default_path("vit", "openvino", "fp32", "kitchen") == Path("latency/kitchen/vit-openvino-fp32.jsonl")
