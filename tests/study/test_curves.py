from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

from tiernas.study.curves import Curves

NAME = "0.2-0.4/search/000003"


def metrics(epoch: int, accuracy: float) -> Mapping[str, float]:
    return {
        "train_loss": 1 / epoch,
        "train_accuracy": accuracy / 2,
        "validation_accuracy": accuracy,
        "validation_cross_entropy": 2 / epoch,
        "learning_rate": 0.1 * epoch,
        "images_per_s": 100.0,
    }


def shown(folder: Path, tag: str) -> list[tuple[int, float]]:
    """What TensorBoard shows of a scalar."""
    accumulator = EventAccumulator(str(folder / NAME))
    accumulator.Reload()
    return [(event.step, round(event.value, 3)) for event in accumulator.Scalars(tag)]


def test_a_training_that_continues_shows_no_epoch_twice(tmp_path: Path) -> None:
    with Curves(tmp_path) as curves:
        for epoch in (1, 2, 3):
            curves.add(NAME, epoch, metrics(epoch, 0.1 * epoch))
        assert shown(tmp_path, "accuracy/validation") == [(1, 0.1), (2, 0.2), (3, 0.3)], "it must be seen at once"
        curves.end(NAME)
    with Curves(tmp_path) as curves:  # the last checkpoint was damaged: the third epoch is done again
        for epoch in (3, 4):
            curves.add(NAME, epoch, metrics(epoch, 0.2 * epoch))
    assert shown(tmp_path, "accuracy/validation") == [(1, 0.1), (2, 0.2), (3, 0.6), (4, 0.8)]
    assert shown(tmp_path, "accuracy/train") == [(1, 0.05), (2, 0.1), (3, 0.3), (4, 0.4)]
    assert shown(tmp_path, "loss/train") == [(1, 1.0), (2, 0.5), (3, 0.333), (4, 0.25)]
    assert shown(tmp_path, "loss/validation") == [(1, 2.0), (2, 1.0), (3, 0.667), (4, 0.5)]
    assert shown(tmp_path, "learning_rate")[-1] == (4, 0.4)
    assert shown(tmp_path, "images_per_s")[-1] == (4, 100.0)


def test_a_folder_that_cannot_be_written_ends_the_curves_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "way").write_text("a file is in the way")
    with Curves(tmp_path / "way") as curves:
        for epoch in (1, 2):
            curves.add(NAME, epoch, metrics(epoch, 0.5))
        curves.end(NAME)
    assert caplog.text.count("cannot write learning curves") == 1
