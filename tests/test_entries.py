from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

import tiernas.examples
from tiernas.config import load_config
from tiernas.engines import Fingerprint, InTurn
from tiernas.entries import make_entry
from tiernas.errors import UsageError
from tiernas.ledger import Candidate, Purpose, State, Study
from tiernas.spaces.sizes import architecture_sizes
from tiernas.table import Entry
from tiernas.table.exporting.card import card
from tiernas.testing.entries import SPACE, VECTOR
from tiernas.training import load_data

EXAMPLE = Path(tiernas.examples.__file__).with_name("digits.toml")
SOME_CPU = Fingerprint("Some CPU", "openvino", "2021.4", "fp32", 1, 2)


def entry(
    searched: Candidate | None = None,
    overrides: Sequence[str] = (),
    measured_on: Fingerprint = SOME_CPU,
    deployment: Mapping[str, Any] | None = None,
    purpose: Purpose = Purpose.FINAL,
) -> Entry:
    config = load_config(EXAMPLE, overrides)
    latency = {"latency_ms": 0.2, "low_ms": 0.19, "high_ms": 0.21, "unstable": False}
    tried = {"accuracy": 0.79, "recommended": True, "reason": "", "class_mean_accuracy": 0.71, **(deployment or {})}
    is_rival = purpose is Purpose.RIVAL
    rival = {"rival": {"name": "timm:lcnet_050@32", "architecture": "{}"}} if is_rival else {}
    finalist = Candidate(
        index=0,
        purpose=purpose,
        vector=[int(v) for v in VECTOR],
        digest=SPACE.decode(VECTOR).digest,
        estimated_latency_ms=0.25,
        measurement=latency | {"fingerprint": measured_on.to_dict(), "deployment": tried} | rival,
        state=State.DONE,
        accuracy=0.9,
        result={"test_accuracy": 0.8},
        finished_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    )
    architecture, splits = SPACE.decode(VECTOR), load_data(config.data)
    return make_entry(config, Study(name="0.15-0.3"), finalist, architecture, splits, searched)


def shown(made: Entry, ties: Sequence[Entry] = ()) -> str:
    facts = {
        "network": {
            "file": "network.xml",
            "dynamic_batch": False,
            "options": {"INFERENCE_PRECISION_HINT": "f32"},
        },
        "preprocessing": {"image_size": 32, "fit_interpolation": "bicubic", "scale_interpolation": "bilinear"},
        "requirements": ["openvino==2021.4"],
    }
    return card(made, facts, 1e-6, {"images": 8, "same_class": 8, "largest_difference": 0.0}, ties)


def test_an_entry_has_the_latency_of_its_trained_weights_and_what_that_was_measured_on() -> None:
    newer = Fingerprint("Some CPU", "openvino", "2022.1", "fp32", 1, 2).to_dict()
    trained = {"latency_ms": 0.25, "low_ms": 0.24, "high_ms": 0.26, "unstable": True}
    made = entry(deployment={"latency": trained, "fingerprint": newer})
    assert (made.latency_ms, made.latency_interval_ms, made.latency_unstable) == (0.25, (0.24, 0.26), True)
    assert made.engine_version == "2022.1"


def test_an_entry_names_what_it_was_measured_on_whatever_is_installed_now() -> None:
    made = entry()
    assert (made.device, made.engine_version, made.threads) == ("Some CPU", "2021.4", 2)
    assert (made.latency_ms, made.validation_accuracy) == (0.2, 0.9)
    assert made.name == f"digits-0.15-0.3-1-openvino-fp32-{made.digest}"
    assert (made.repeats, made.repeats_accuracy, made.reused_from) == (0, None, "")


def test_an_entry_and_its_card_tell_the_memory_of_the_network_as_it_runs() -> None:
    sizes = architecture_sizes(SPACE.decode(VECTOR), 10)
    assert sizes is not None
    (params,), (held,), (weights,) = sizes.params, sizes.held, sizes.weights
    made, eight = entry(), entry(measured_on=replace(SOME_CPU, precision="int8", batch=8))
    assert (made.params, made.weights_mb, made.activations_mb) == (params, 4 * params / 1e6, 4 * held / 1e6)
    assert (eight.params, eight.weights_mb) == (params, (weights + 4 * (params - weights)) / 1e6)
    assert eight.activations_mb == 8 * held / 1e6
    assert Entry.from_json(made.to_json()) == made
    assert f"; {made.weights_mb:.3g} MB of weights; {made.activations_mb:.3g} MB of feature maps held" in shown(made)
    assert "MB" not in shown(replace(made, weights_mb=None, activations_mb=None))
    unknown = entry(measured_on=replace(SOME_CPU, precision="mixed"))
    assert (unknown.weights_mb, unknown.activations_mb) == (None, None)


def test_a_whole_parent_is_named_after_its_resolution() -> None:
    made = entry(purpose=Purpose.PARENT)
    assert made.name == f"digits-parent-{made.resolution}-openvino-fp32-{made.digest}"
    assert made.study == "digits, whole parent"


def test_a_rival_is_named_after_its_network_and_kept_with_its_weights() -> None:
    made = entry(purpose=Purpose.RIVAL)
    assert made.name == f"digits-rival-timm-lcnet-050-32-openvino-fp32-{made.digest}"
    assert (made.study, made.network, made.rival) == ("digits, rival", "timm:lcnet_050@32", True)
    assert (made.space, made.source) == ("", "measured")
    assert made.has_weights
    assert made.is_kept
    assert not made.is_published
    assert Entry.from_json(made.to_json()) == made
    assert "| Rival in | study digits, seed 0, " in shown(made)


def test_searches_of_one_name_never_give_entries_of_one_name() -> None:
    """Whatever differs: engine, precision, device, threads, seed, recipe."""
    engines = [
        SOME_CPU,
        replace(SOME_CPU, engine="my.package:Engine"),
        replace(SOME_CPU, precision="int8"),
        replace(SOME_CPU, device="Other CPU"),
        replace(SOME_CPU, threads=1),
        replace(SOME_CPU, batch=8),
    ]
    entries = [entry(measured_on=engine) for engine in engines]
    entries += [entry(overrides=[override]) for override in ("study.seed=1", "finalists.epochs=7")]
    assert len({made.name for made in entries}) == len(entries)
    assert entry().name == entries[0].name
    assert entry(measured_on=replace(SOME_CPU, engine_version="2022.1")).name == entries[0].name


def test_an_entry_has_the_recipe_of_its_own_training() -> None:
    lite0 = 'finalists.teacher={kind="efficientnet-lite", name="lite0"}'
    made = entry(overrides=["recipe.epochs=3", "finalists.epochs=7", lite0])
    assert (made.recipe["epochs"], made.recipe["teacher"]["name"]) == (7, "lite0")


def test_an_entry_has_the_accuracy_of_the_engine_and_beside_it_that_of_torch() -> None:
    made = entry()
    assert (made.accuracy, made.class_mean_accuracy, made.exact_accuracy) == (0.79, 0.71, 0.8)
    assert "79.00% top-1 on the test split" in shown(made)
    assert "mean over the classes 71.00%; 80.00% in torch, in fp32 |" in shown(made)


def test_an_entry_knows_how_many_images_its_accuracy_was_counted_on() -> None:
    made = entry()
    splits = load_data(load_config(EXAMPLE).data)
    assert made.test_images == len(splits.test) > 100
    assert made.provenance is None  # this measurement does not say more
    latency = {"latency_ms": 0.25, "low_ms": 0.245, "high_ms": 0.255, "unstable": False, "runs": 900, "cv": 0.02}
    told = entry(deployment={"latency": latency, "code_version": "0.1.0 (0123456789ab)"}).provenance
    assert told is not None
    assert (told.runs, told.spread, told.loads, told.code_version) == (900, 0.02, 1, "0.1.0 (0123456789ab)")
    assert told.train_images == len(splits.train)


def test_the_file_of_the_search_states_the_licenses() -> None:
    made = entry(overrides=["table.weights_license=apache-2.0", "table.data_license=cc-by-4.0"])
    assert (made.weights_license, made.data_license) == ("apache-2.0", "cc-by-4.0")
    assert "| License of the weights | apache-2.0 |" in shown(made)
    assert "| License of the weights | not stated |" in shown(entry())
    with pytest.raises(UsageError, match=r"table\.weights_license"):
        entry(overrides=['table.weights_license="a\\nb"'])


def test_a_card_shows_the_interval_of_the_accuracy_and_what_ties() -> None:
    made = replace(entry(), accuracy=265 / 270, test_images=270)
    assert "95 % interval 95.7 to 99.2 % (Wilson, 270 images)" in shown(made)
    assert "| As accurate |" not in shown(made)
    assert "| As accurate | within the noise of the test images: other |" in shown(made, [replace(made, name="other")])
    assert "interval" not in accuracy_row(shown(replace(made, test_images=None)))


def accuracy_row(written: str) -> str:
    return next(line for line in written.splitlines() if line.startswith("| Accuracy |"))


def test_an_entry_and_its_card_say_how_the_network_was_chosen_and_where_it_was_found() -> None:
    repeated = {"accuracy": 0.875, "standard_error": 0.0025, "seeds": 3, "rank_accuracy": 0.88}
    made = entry(Candidate(accuracy=0.91, repeated=repeated, origin="tier 0.4-0.5 ms, candidate 3 in other.sqlite"))
    assert (made.repeats_accuracy, made.repeats_standard_error, made.repeats) == (0.875, 0.0025, 3)
    assert Entry.from_json(made.to_json()) == made
    written = shown(made)
    assert "chosen by short training: 87.50% +- 0.25% with 3 other seeds" in written
    assert "first trained in tier 0.4-0.5 ms, candidate 3 in other.sqlite" in written
    assert "by which it was chosen" in shown(entry())


def test_an_entry_keeps_the_latency_undisturbed_and_as_found_and_its_card_says_both() -> None:
    in_turn = InTurn("0" * 16, 0.5, 0.49, 0.51, 0.6, 90, 40, 0.5, 0.5, 0.5, 0.7, 0.5, "2026-01-01T00:00:00+00:00")
    latency = {"latency_ms": 0.25, "low_ms": 0.245, "high_ms": 0.255, "unstable": True, "found_ms": 0.4}
    made = entry(deployment={"latency": latency | {"in_turn": asdict(in_turn)}})
    assert (made.latency_ms, made.found_ms, made.latency_in_turn) == (0.25, 0.4, in_turn)
    assert "| 0.250 ms while the machine is undisturbed" in shown(made)
    assert "interval 0.245 to 0.255 ms; as found 0.400 ms, median |" in shown(made)
    assert "settle" not in shown(made)
