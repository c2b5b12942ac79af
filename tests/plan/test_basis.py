"""What a plan is based on survives in the output folder, and damage is no error."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from tiernas.plan import Basis, Pace
from tiernas.training.data_size import DataSize

DATA = DataSize(train=100, validation=30, test=20, classes=10, image_size=8, chance=0.1)


@pytest.mark.parametrize("pace", [None, Pace({"0.2-0.4": 0.01}, 0.25, None, 1e6, 5.0)])
def test_it_is_read_as_it_was_written(tmp_path: Path, pace: Pace | None) -> None:
    basis = Basis(DATA, pace)
    basis.write(tmp_path / "run")
    assert Basis.read(tmp_path / "run") == basis


_DATA_TEXT = json.dumps(asdict(DATA))
_PACE_TEXT = json.dumps(asdict(Pace({}, 0.25, None, 1e6, 5.0)))


@pytest.mark.parametrize(
    "text",
    [
        *("", "{}", "[]", '{"data": {}, "pace": null}', '{"data": 3, "pace": {"x": 1}}'),
        f'{{"data": {_DATA_TEXT}, "pace": {_PACE_TEXT.replace("{}", "[0.1]")}}}',
        f'{{"data": {_DATA_TEXT.replace("10", "[]")}, "pace": null}}',
    ],
)
def test_what_cannot_be_read_does_not_count(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.json").write_text(text)
    assert Basis.read(tmp_path) is None


def test_it_fits_its_tiers_and_data_alone() -> None:
    basis = Basis(DATA, Pace({"0.2-0.4": 0.01}, 0.25, None, 1e6, 5.0))
    assert basis.fits(["0.2-0.4"], DATA)
    assert not basis.fits(["0.2-0.4", "0.4-0.8"], DATA)
    assert not basis.fits(["0.2-0.4"], DataSize(99, 30, 20, 10, 8, 0.1))
    assert not Basis(DATA).fits(["0.2-0.4"], DATA)
    assert Basis(DATA, Pace({}, 0.0, None, 1e6, 5.0)).fits(["0.2-0.4"], DATA), "training is measured elsewhere"
