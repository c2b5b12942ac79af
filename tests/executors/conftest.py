from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tiernas.testing.ray_cluster import RayCluster


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever takes a Ray cluster is slow."""
    for item in items:
        if "ray_cluster" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="module")
def ray_cluster() -> Iterator[RayCluster]:
    """A cluster of one node with two cores; tests that add nodes remove them."""
    pytest.importorskip("ray")
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # a socket's path may have 107 characters
    paths = filter(None, (str(Path(__file__).parent), os.environ.get("PYTHONPATH")))
    cluster = RayCluster(folder, {"PYTHONPATH": os.pathsep.join(paths)})
    with pytest.MonkeyPatch.context() as patch:
        for name, value in cluster.environment.items():
            patch.setenv(name, value)
        cluster.start_head()
        yield cluster
        cluster.close()
    shutil.rmtree(folder, ignore_errors=True)
