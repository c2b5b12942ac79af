from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiernas.engines import InTurn
from tiernas.errors import UsageError
from tiernas.table import Entry
from tiernas.table.name import LONGEST, name_part, require_safe_name
from tiernas.table.provenance import Provenance
from tiernas.testing.entries import entry


@given(st.builds(entry, latency_ms=st.floats(1e-3, 1e3), accuracy=st.floats(0, 1), device=st.text()))
def test_json_round_trip(original: Entry) -> None:
    assert Entry.from_json(original.to_json()) == original


IN_TURN: dict[str, Any] = {
    "anchor": "0" * 16,
    "ratio": 0.5,
    "ratio_low": 0.496,
    "ratio_high": 0.504,
    "ratio_found": 0.55,
    "pairs": 90,
    "quiet_pairs": 40,
    "anchor_ms": 6.42,
    "anchor_low_ms": 6.4,
    "anchor_high_ms": 6.5,
    "anchor_found_ms": 7.5,
    "anchor_quiet_ms": 6.6,
    "measured_at": "2026-01-01T00:00:00+00:00",
}


PROVENANCE = Provenance(
    train_images=1260,
    validation_images=267,
    runs=900,
    loads=3,
    spread=0.02,
    other_load=0.1,
    device_state={"before": {"temperature_c": 50}},
    flags=("avx2",),
    governor="performance",
    options=None,
    quantizer=None,
)


def in_turn() -> Entry:
    """An entry that was measured in turn with an anchor."""
    made = dataclasses.replace(entry(latency_ms=3.21), latency_interval_ms=(3.184, 3.236), latency_found_ms=4.0)
    return dataclasses.replace(made, latency_in_turn=InTurn.from_dict(IN_TURN))


def test_the_ratio_of_a_latency_stays_with_it() -> None:
    made = in_turn()
    assert Entry.from_json(made.to_json()) == made
    assert json.loads(made.to_json())["latency_in_turn"] == IN_TURN


def test_a_wide_latency_is_shown_with_its_interval_and_an_earlier_one_with_its_mark() -> None:
    assert in_turn().shown_latency == "3.210"
    wide = dataclasses.replace(in_turn(), latency_interval_ms=(2.7, 3.9), latency_unstable=True)
    assert wide.shown_latency == "3.210 +-19 %"
    earlier = entry(latency_ms=3.21)
    assert earlier.shown_latency == "3.210"
    assert dataclasses.replace(earlier, latency_unstable=True).shown_latency == "3.210?"


def test_the_accuracy_is_shown_with_its_interval_if_the_test_images_are_known() -> None:
    made = dataclasses.replace(entry(accuracy=265 / 270), test_images=270)
    assert made.accuracy_interval == pytest.approx((0.9574, 0.9921), abs=5e-5)
    assert made.shown_accuracy == "98.15% (95.7-99.2)"
    earlier = entry(accuracy=0.9)
    assert earlier.accuracy_interval is None
    assert earlier.shown_accuracy == "90.00%"


def test_how_the_figures_were_obtained_stays_with_them() -> None:
    made = dataclasses.replace(entry(), test_images=270, provenance=PROVENANCE)
    assert Entry.from_json(made.to_json()) == made


@pytest.mark.parametrize(
    ("study", "name"),
    [("digits, tier 0.4-0.8 ms", "digits"), ("a, b, whole parent", "a, b"), ("elsewhere", "elsewhere")],
)
def test_the_study_is_named_without_its_tier(study: str, name: str) -> None:
    assert dataclasses.replace(entry(), study=study).study_name == name


def test_every_field_is_in_the_json() -> None:
    data = json.loads(entry().to_json())
    fields = {f.name for f in dataclasses.fields(Entry)} - {"task"}  # written only if it is not classification
    assert data.keys() == fields | {"format"}


def changed(**values: Any) -> str:
    return json.dumps(json.loads(entry().to_json()) | values)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("1" * 5_000, "not JSON"),
        ("[]", "not an entry of a model table"),
        ('{"name": "a"}', "not an entry of a model table"),
        (changed(format=True), "not an entry of a model table"),
        (changed(format=99), "format 99; this tiernas reads up to 1"),
        (changed(colour="red"), "key colour is unknown"),
        (changed(latency_ms="0.5"), "latency_ms = '0.5': input should be a valid number"),
        (changed(latency_ms=None), "latency_ms = None"),
        (changed(latency_ms=-0.5), "latency_ms = -0.5: input should be greater than 0"),
        (changed(latency_ms=math.nan), "not JSON"),
        (changed(latency_ms=0.5).replace("0.5,", "1e999,", 1), "not JSON"),
        (changed(recipe={"learning_rate": math.inf}), "not JSON"),
        (changed(accuracy=95), "accuracy = 95: input should be less than or equal to 1"),
        (changed(batch=1.5), "batch = 1.5"),
        (changed(batch=True), "batch = True"),
        (changed(threads=0), "threads = 0"),
        (changed(classes="abc"), "classes = 'abc'"),
        (changed(classes=[]), "classes"),
        (changed(device="\ud800"), "Invalid JSON"),
        (changed(vector=[32, None]), "vector.1 = None"),
        (changed(input_std=[0.2, 0.2, 0.0]), "input_std.2 = 0.0"),
        (changed(input_mean=[1e300, 0.5, 0.5]), "input_mean.0 = 1e+300"),
        (changed(latency_in_turn=IN_TURN | {"ratio": -1}), "in_turn: ratio = -1: must be a number above 0"),
        (changed(latency_in_turn={"anchor": ""}), "in_turn: key 'ratio' is missing"),
        (changed(latency_found_ms=0), "latency_found_ms = 0"),
        (changed(recommended=1), "recommended = 1"),
        (changed(test_images=0), "test_images = 0: input should be greater than or equal to 1"),
        (changed(test_images=2.5), "test_images = 2.5"),
        (changed(provenance={"runs": 5}), "key provenance.train_images is missing"),
        (changed(provenance=dataclasses.asdict(PROVENANCE) | {"spread": -1.0}), "provenance.spread = -1.0"),
        (changed(provenance=dataclasses.asdict(PROVENANCE) | {"colour": "red"}), "key provenance.colour is unknown"),
        (changed(name="../../outside"), r"name '../../outside': must be letters, digits"),
        (changed(validation_accuracy=None), "validation_accuracy is empty; only networks that were added may lack it"),
        (changed(macs=None), "macs is empty"),
        (changed(space=""), "space is empty"),
        (changed(source_url="javascript:alert(1)"), "source_url = 'javascript:alert(1)'"),
    ],
)
def test_what_is_no_entry_is_one_message(text: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        Entry.from_json(text)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500


def test_an_entry_of_the_first_version_is_read() -> None:
    later = ["exact_accuracy", "class_mean_accuracy", "recommended", "advice"]
    later += ["latency_found_ms", "latency_in_turn"]
    later += ["test_images", "provenance"]
    later += ["network", "source_url", "weights_license", "data_license"]
    later += ["weights_mb", "activations_mb"]
    later += ["repeats_accuracy", "repeats_standard_error", "repeats", "reused_from"]
    data = json.loads(entry("digits-0.15-0.3-1").to_json())
    assert Entry.from_json(json.dumps({key: data[key] for key in data if key not in later})).name == "digits-0.15-0.3-1"


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../../outside",
        "/etc/passwd",
        "a/b",
        "a\\b",
        "a\0b",
        "a\nb",
        "a\n",
        ".hidden",
        "-option",
        "a b",
        "C:a",
        "ends.",
        "CON",
        "nul.txt",
        "com1",
        "ä",
        "a" * (LONGEST + 1),
    ],
)
def test_a_name_that_is_no_plain_file_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="must be letters, digits"):
        entry(name)
    with pytest.raises(UsageError, match="must be letters, digits"):
        Entry.from_json(changed(name=name))


@pytest.mark.parametrize(
    "name", ["a", "0", "digits-0.15-0.3-1", "x-1e-05-0.3-12-openvino-int8-0123abcd", "a" * LONGEST]
)
def test_names_that_tiernas_gives_are_taken(name: str) -> None:
    assert entry(name).name == name


@given(st.text())
def test_any_text_becomes_a_part_of_a_name(text: str) -> None:
    require_safe_name(f"a-{name_part(text)[:100]}-b")


def added(network: str = "timm:resnet18.a1_in1k") -> Entry:
    """An entry of a network that no search found, with a published accuracy."""
    unknown: dict[str, Any] = {"validation_accuracy": None, "macs": None, "classes": (), "space": "", "vector": ()}
    source: dict[str, Any] = {"source": "a paper", "source_url": "https://example.com/paper"}
    return dataclasses.replace(entry(), network=network, recipe={}, **unknown, **source)


def test_an_added_network_may_lack_what_only_searches_know() -> None:
    assert Entry.from_json(added().to_json()) == added()
    assert added().is_published
    assert not entry().is_published


def test_only_searched_networks_and_onnx_files_are_in_the_table() -> None:
    assert [made.is_kept for made in (entry(), added("line.onnx"), added())] == [True, True, False]


def test_weights_of_one_graph_are_told_apart_by_what_they_were_added_as() -> None:
    assert added().same(dataclasses.replace(added(), accuracy=0.1, name="b"))
    other = added("timm:resnet18.tv_in1k")
    assert not added().same(other)
    assert added().digest != other.digest


def test_digests_of_searched_networks_are_what_they_were_before_others_could_be_added() -> None:
    keys = ["study", "space", "seed", "architecture_digest", "data_digest"]
    keys += ["device", "engine", "precision", "batch", "threads", "recipe"]
    told = json.dumps([getattr(entry(), key) for key in keys], sort_keys=True)
    assert entry().digest == hashlib.sha256(told.encode()).hexdigest()[:8]


def test_entries_of_other_networks_or_conditions_are_not_the_same() -> None:
    one = entry()
    assert one.same(dataclasses.replace(one, name="b", latency_ms=9.0, engine_version="2027.1", accuracy=0.1))
    changes: list[dict[str, Any]] = [
        {"device": "V100"},
        {"engine": "onnxruntime"},
        {"precision": "int8"},
        {"batch": 8},
        {"threads": 2},
        {"seed": 1},
        {"data_digest": "1" * 16},
        {"architecture_digest": "1" * 16},
        {"study": "digits, tier 0.8-1.6 ms"},
        {"recipe": {"epochs": 4}, "created_at": "2026-01-02T00:00:00+00:00"},
    ]
    for change in changes:
        other = dataclasses.replace(one, **change)
        assert not one.same(other)
        assert other.digest != one.digest


def test_a_recipe_with_new_keys_is_the_same_training_by_its_time() -> None:
    one = entry()
    assert one.same(dataclasses.replace(one, recipe={**one.recipe, "new_key": 0}))
