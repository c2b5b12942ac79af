"""Conformance suite for sources of images: subclass it in a test module and define the `[data]` section of the source.

```python
class TestMySource(SourceConformance):
    def make(self) -> DataConfig:
        return DataConfig(kind="my_package.data:open_slides", path=Path("tests/slides.npz"))
```
"""

from __future__ import annotations

import abc
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pytest

from tiernas.training import DataConfig, load_data
from tiernas.training.sources import Part, Source, open_source

_LOOKED_AT = 32
"""Number of images of each split to read, evenly spread."""

_IN_A_WORKER = """
import sys
from tiernas.training import DataConfig, load_data
print(load_data(DataConfig.model_validate_json(sys.argv[1]), tell=False).digest)
"""


class SourceConformance(abc.ABC):
    """What every source of images must fulfill. Images are really read."""

    @abc.abstractmethod
    def make(self) -> DataConfig:
        """The `[data]` section of a small set, with absolute paths."""

    @pytest.fixture
    def source(self) -> Source:
        """The source, opened."""
        return open_source(self.make())

    def test_classes_have_names_of_their_own(self, source: Source) -> None:
        assert len(source.classes) >= 2
        assert len(set(source.classes)) == len(source.classes)
        assert all(name.strip() for name in source.classes)

    def test_every_class_has_training_images(self, source: Source) -> None:
        assert set(source.train.labels.tolist()) == set(range(len(source.classes)))

    def test_images_have_names_of_their_own(self, source: Source) -> None:
        for part in _parts(source):
            assert len(set(part.names)) == len(part.names)

    def test_opened_again_it_is_the_same(self, source: Source) -> None:
        again = open_source(self.make())
        assert (again.classes, again.flip_safe) == (source.classes, source.flip_safe)
        for one, other in zip(_parts(source), _parts(again), strict=True):
            assert list(one.names) == list(other.names)
            np.testing.assert_array_equal(one.labels, other.labels)
            for row in _rows(one):
                np.testing.assert_array_equal(_pixels(one, row), _pixels(other, row))

    def test_several_threads_read_what_one_reads(self, source: Source) -> None:
        for part in _parts(source):
            rows = _rows(part)
            alone = [_pixels(part, row) for row in rows]
            with ThreadPoolExecutor(8) as threads:
                together = list(threads.map(lambda row: _pixels(part, row), rows * 4))  # noqa: B023 (used at once)
            for one, other in zip(alone * 4, together, strict=True):
                np.testing.assert_array_equal(one, other)

    def test_another_process_gets_the_same_images(self) -> None:
        config = self.make()
        paths = os.pathsep.join(filter(None, sys.path))
        found = subprocess.run(
            [sys.executable, "-c", _IN_A_WORKER, config.model_dump_json()],
            env={**os.environ, "PYTHONPATH": paths},
            capture_output=True,
            text=True,
            check=False,
        )
        assert found.returncode == 0, found.stderr
        assert found.stdout.strip() == load_data(config, tell=False).digest


def _parts(source: Source) -> Iterator[Part]:
    yield from (part for part in (source.train, source.validation, source.test) if part is not None)


def _rows(part: Part) -> list[int]:
    return np.unique(np.linspace(0, len(part.labels) - 1, _LOOKED_AT).round().astype(int)).tolist()  # type: ignore[no-any-return]


def _pixels(part: Part, row: int) -> npt.NDArray[np.uint8]:
    with part.read(row) as image:
        return np.asarray(image.convert("RGB"))
