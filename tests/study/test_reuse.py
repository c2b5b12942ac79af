"""What is known already is told, is never trained again, and stays what it was when the search began."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from tests.study.conftest import SPACE, Simulated, accuracy_of, proposals, trainings

from tiernas.blocks.rows import IntArray
from tiernas.errors import UsageError
from tiernas.ledger import Candidate, Ledger, Purpose, State, Study
from tiernas.limits import Limits, WithinLimits
from tiernas.spaces.sizes import network_sizes
from tiernas.study import reuse_accuracies, train_candidates
from tiernas.tiers import Tier

SETTINGS = {"study.space": "gpunet-small", "data": "abc", "recipe.epochs": 9, "study.seed": 7, "device": "CPU A"}
TIER = Tier(0.4, 0.6)


def is_inside(vector: Sequence[int]) -> bool:
    """About half of all networks."""
    return sum(vector) % 2 == 0


def estimate_ms(vectors: IntArray) -> npt.NDArray[np.float64]:
    return np.array([0.5 if is_inside(vector) else 0.1 for vector in vectors.tolist()])


def searched(folder: Path, wanted: int, name: str = "0.4-0.6", **settings: Any) -> tuple[Ledger, Study]:
    """A search whose latency table puts every network into its tier."""
    folder.mkdir(exist_ok=True)
    ledger = Ledger(folder / "ledger.sqlite")
    study = ledger.open_study(name, SETTINGS | settings)
    train_candidates(
        trainings(ledger, Simulated(2, lambda _: 1.0)), study, Purpose.SEARCH, proposals(ledger, study, 1).next, wanted
    )
    return ledger, study


def begin(
    folder: Path,
    others: Sequence[Path],
    settings: Mapping[str, Any] = SETTINGS,
    within: WithinLimits | None = None,
) -> tuple[Ledger, Study]:
    folder.mkdir(exist_ok=True)
    ledger = Ledger(folder / "ledger.sqlite")
    study = ledger.open_study(TIER.name, settings)
    reuse_accuracies(ledger, study, TIER, estimate_ms, others, within)
    return ledger, study


def rows(candidates: Sequence[Candidate]) -> list[list[int]]:
    return [c.vector for c in candidates]


def test_a_second_device_knows_what_the_first_one_found(tmp_path: Path) -> None:
    first, first_study = searched(tmp_path / "first", 20)
    trained = first.candidates(first_study)
    ledger, study = begin(tmp_path / "second", [tmp_path / "first"], SETTINGS | {"device": "GPU B"})
    inside, history = ledger.candidates(study), ledger.candidates(study, Purpose.HISTORY)
    assert 0 < len(inside) < 20
    assert rows(inside) == [c.vector for c in trained if is_inside(c.vector)]
    assert rows(history) == [c.vector for c in trained if not is_inside(c.vector)]
    assert all(c.state is State.DONE and not c.attempts for c in (*inside, *history))
    assert {c.digest: c.accuracy for c in (*inside, *history)} == {c.digest: c.accuracy for c in trained}
    assert inside[0].origin == f"tier 0.4-0.6 ms, candidate {_number(trained, inside[0])} in {first.path}"

    executor = Simulated(2, lambda _: 1.0)
    loop = trainings(ledger, executor)
    proposing = proposals(ledger, study, 1, history)
    candidates = train_candidates(loop, study, Purpose.SEARCH, proposing.next, 5)
    assert len(executor.jobs) == 5
    assert len(candidates) == len(inside) + 5
    assert len({c.digest for c in (*candidates, *history)}) == 25
    told, values = proposing._optimizer.told
    assert len(told) == 20 + 3  # the last proposal is made while one result may be missing
    assert values[: len(history)].tolist() == [c.accuracy for c in history]
    assert values[len(history) : 20].tolist() == [c.accuracy for c in inside]


def test_networks_beyond_a_limit_are_history(tmp_path: Path) -> None:
    first, first_study = searched(tmp_path / "first", 20)
    trained = first.candidates(first_study)
    params = network_sizes(SPACE, np.array(rows(trained)), 10).params
    limit = int(np.median(params))
    within = WithinLimits(Limits(params=limit), SPACE, num_classes=10, precision="fp32", batch=1)
    ledger, study = begin(tmp_path / "second", [tmp_path / "first"], within=within)
    expected = [c.vector for c, count in zip(trained, params, strict=True) if is_inside(c.vector) and count <= limit]
    assert rows(ledger.candidates(study)) == expected
    assert len(ledger.candidates(study, Purpose.HISTORY)) == 20 - len(expected)


def _number(candidates: Sequence[Candidate], wanted: Candidate) -> int:
    return next(c.number for c in candidates if c.digest == wanted.digest)


def test_what_was_known_at_the_start_stays_so_whatever_happens_to_its_source(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    searched(tmp_path / "first", 6)
    ledger, study = begin(tmp_path / "second", [tmp_path / "first" / "ledger.sqlite"])
    before = rows(ledger.candidates(study)) + rows(ledger.candidates(study, Purpose.HISTORY))
    searched(tmp_path / "first", 12)
    (tmp_path / "first" / "ledger.sqlite").unlink()
    ledger.close()
    ledger, study = begin(tmp_path / "second", [tmp_path / "first" / "ledger.sqlite"])
    assert rows(ledger.candidates(study)) + rows(ledger.candidates(study, Purpose.HISTORY)) == before
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    begin(tmp_path / "second", [tmp_path / "third"])
    assert f"has begun: new entries of search.reuse ({tmp_path / 'third'}) are ignored" in caplog.text


def test_tiers_of_one_ledger_know_each_other_unless_their_recipes_differ(tmp_path: Path) -> None:
    searched(tmp_path, 6, "0.1-0.4")
    searched(tmp_path, 5, "0.6-0.8", **{"recipe.epochs": 3})
    ledger, study = begin(tmp_path, [])
    known = (*ledger.candidates(study), *ledger.candidates(study, Purpose.HISTORY))
    assert len(known) == 6
    assert {str(c.origin).split(",")[0] for c in known} == {"tier 0.1-0.4 ms"}
    assert study.reused == {"other tiers": 6}


def test_an_accuracy_of_the_same_seed_goes_before_one_of_another_seed(tmp_path: Path) -> None:
    for folder, seed, accuracy in (("other", 8, 0.3), ("same", 7, 0.4)):
        (tmp_path / folder).mkdir()
        with Ledger(tmp_path / folder / "ledger.sqlite") as ledger:
            study = ledger.open_study("0.1-0.4", SETTINGS | {"study.seed": seed})
            for number, vector in enumerate(_vectors()):
                candidate = ledger.propose(study, vector, f"digest{number}", 0.2)
                ledger.start(candidate, "host:1")
                if number == 2 and folder == "same":
                    ledger.fail(candidate, "diverged", retry=False)
                else:
                    ledger.finish(candidate, accuracy, {"seed": seed})
    ledger, study = begin(tmp_path / "run", [tmp_path / "other", tmp_path / "same"])
    known = sorted((*ledger.candidates(study), *ledger.candidates(study, Purpose.HISTORY)), key=lambda c: c.digest)
    assert [c.accuracy for c in known] == [0.4, 0.4, 0.3]
    assert ["(seed 8)" in str(c.origin) for c in known] == [False, False, True]
    assert study.reused == {str(tmp_path / "other"): 3, str(tmp_path / "same"): 0}


def _vectors() -> list[list[int]]:
    return [[int(v) for v in row] for row in SPACE.sample(3)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": "xyz"}, "data is 'xyz' there and 'abc' here"),
        ({"recipe.epochs": 3}, "recipe.epochs is 3 there and 9 here"),
        ({"study.space": "gpunet"}, "study.space is 'gpunet' there and 'gpunet-small' here"),
        ({"study.space.digest": "0123"}, "study.space.digest is '0123' there and None here"),
    ],
)
def test_another_space_data_set_or_recipe_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    searched(tmp_path / "first", 1, **change)
    with pytest.raises(UsageError, match=f"search.reuse: .*first.*tier 0.4-0.6: {message}"):
        begin(tmp_path / "second", [tmp_path / "first"])
    ledger = Ledger(tmp_path / "second" / "ledger.sqlite")
    assert ledger.studies()[0].reused is None  # nothing was taken; once it is mended the search begins


def test_a_path_that_is_no_ledger_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "text.sqlite").write_text("no database " * 100)
    with pytest.raises(UsageError, match=r"no ledger .*nowhere; name the output folder of a search"):
        begin(tmp_path / "run", [tmp_path / "nowhere"])
    with pytest.raises(UsageError, match=r"ledger .*text\.sqlite: cannot be read"):
        begin(tmp_path / "run", [tmp_path / "text.sqlite"])


def test_what_is_reused_may_be_reused_again(tmp_path: Path) -> None:
    first, _ = searched(tmp_path / "first", 4)
    begin(tmp_path / "second", [tmp_path / "first"])
    ledger, study = begin(tmp_path / "third", [tmp_path / "second"])
    known = (*ledger.candidates(study), *ledger.candidates(study, Purpose.HISTORY))
    assert len(known) == 4
    assert all(str(c.origin).endswith(f"in {first.path}") for c in known)
    assert all(accuracy_of(_architecture(c)) == c.accuracy for c in known)


def _architecture(candidate: Candidate) -> str:
    return SPACE.decode(candidate.vector).to_json()
