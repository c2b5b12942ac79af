"""Sources of tiernas and of a package hold what a source must, and the suite finds what does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.acme import install, install_acme
from tests.training.test_sources import make_folder

from tiernas.testing.sources import SourceConformance
from tiernas.training import DataConfig
from tiernas.training.sources import open_source


class TestFolder(SourceConformance):
    @pytest.fixture(autouse=True)
    def _images(self, tmp_path: Path) -> None:
        self.path = make_folder(tmp_path / "images", {"cat": 10, "dog": 10})

    def make(self) -> DataConfig:
        return DataConfig(kind="folder", path=self.path, image_size=8)


class TestPackage(SourceConformance):
    @pytest.fixture(autouse=True)
    def _package(self, site: Path) -> None:
        install_acme(site)

    def make(self) -> DataConfig:
        return DataConfig(kind="acme-digits", options={"classes": 3}, image_size=8)

    @pytest.mark.slow
    def test_another_process_gets_the_same_images(self) -> None:
        super().test_another_process_gets_the_same_images()


RANDOM = """
import random
import numpy as np
from PIL import Image
from tiernas.training.sources import Part, Source

def f():
    part = Part([0, 1] * 10, ["x"] * 20, lambda i: Image.new("L", (8, 8), random.randrange(256)))
    return Source(("a", "b"), part)
"""


class Wild(SourceConformance):
    def make(self) -> DataConfig:
        return DataConfig(kind="wild:f", image_size=8)


def test_the_suite_finds_what_changes_from_time_to_time(site: Path) -> None:
    install(site, "wild", RANDOM)
    suite, source = Wild(), open_source(Wild().make())
    suite.test_every_class_has_training_images(source)
    for check in (
        suite.test_images_have_names_of_their_own,
        suite.test_opened_again_it_is_the_same,
        suite.test_several_threads_read_what_one_reads,
    ):
        with pytest.raises(AssertionError):
            check(source)


@pytest.mark.slow
def test_the_suite_finds_what_changes_from_process_to_process(site: Path) -> None:
    install(site, "wild", RANDOM)
    with pytest.raises(AssertionError):
        Wild().test_another_process_gets_the_same_images()
