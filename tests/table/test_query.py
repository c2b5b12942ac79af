from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiernas.errors import NothingFoundError, UsageError
from tiernas.limits import Limits
from tiernas.table import AmbiguousQueryError, Entry, Query
from tiernas.table.query import answers
from tiernas.testing.entries import entry

ENTRIES = [entry("fast", 0.2, 0.80), entry("middle", 0.5, 0.91), entry("slow", 0.9, 0.90)]


def answer(query: Query, entries: Sequence[Entry], table: str) -> Entry:
    return answers(query, entries, table)[0]


def other(name: str, **changes: Any) -> Entry:
    return dataclasses.replace(entry(name), **changes)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (Query(max_latency_ms=1.0), "middle"),
        (Query(max_latency_ms=0.5), "middle"),
        (Query(max_latency_ms=0.4999), "fast"),
        (Query(max_latency_ms=1.0, device="epyc", engine="openvino", precision="fp32", batch=1, threads=1), "middle"),
        (Query(min_accuracy=0.91), "middle"),
        (Query(data="digits"), "middle"),
        (Query(data="0" * 16), "middle"),
        (Query(), "middle"),
    ],
)
def test_the_most_accurate_within_the_budget_answers(query: Query, expected: str) -> None:
    assert answer(query, ENTRIES, "table").name == expected


@pytest.mark.parametrize("order", [1, -1])
def test_of_equally_accurate_ones_the_fastest_answers(order: int) -> None:
    entries = [entry("b", 0.5, 0.9), entry("a", 0.3, 0.9), entry("c", 0.7, 0.9)]
    assert answer(Query(), entries[::order], "table").name == "a"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (Query(max_latency_ms=0.1), r"the nearest, fast, takes 0\.2 ms, more than 0\.1 ms"),
        (Query(min_accuracy=0.95), r"the nearest, middle, has an accuracy of 0\.91, less than 0\.95"),
        (Query(max_latency_ms=0.3, min_accuracy=0.9), r"the nearest, middle, takes 0\.5 ms"),
        (Query(device="V100"), r"nothing for that device.*AMD EPYC, openvino fp32, batch 1, 1 thread"),
        (Query(engine="tensorrt"), "nothing for that device"),
        (Query(threads=2), "nothing for that device"),
        (Query(data="photos"), "nothing for that device"),
    ],
)
def test_the_nearest_is_named_where_nothing_fits(query: Query, message: str) -> None:
    with pytest.raises(NothingFoundError, match=message):
        answer(query, ENTRIES, "table")


def test_numbers_that_differ_never_look_alike() -> None:
    with pytest.raises(NothingFoundError, match=r"takes 0\.30004 ms, more than 0\.3 ms"):
        answer(Query(max_latency_ms=0.3), [entry("a", 0.30004)], "table")
    with pytest.raises(NothingFoundError, match=r"accuracy of 0\.949996, less than 0\.95$"):
        answer(Query(min_accuracy=0.95), [entry("a", accuracy=0.949996)], "table")


def sized(name: str, accuracy: float, params: int, **changes: Any) -> Entry:
    return dataclasses.replace(entry(name, accuracy=accuracy), params=params, macs=10 * params, **changes)


def test_an_answer_is_within_the_limits() -> None:
    entries = [sized("small", 0.8, 100), sized("middle", 0.9, 200, weights_mb=0.5), sized("large", 0.95, 300)]
    assert answer(Query(limits=Limits(params=200)), entries, "table").name == "middle"
    assert answer(Query(limits=Limits(params=299, macs=1999)), entries, "table").name == "small"
    assert answer(Query(limits=Limits(weights_mb=0.5)), entries, "table").name == "middle"  # others do not say
    with pytest.raises(NothingFoundError, match=r"the nearest, small, has 100 parameters, more than 99$"):
        answer(Query(limits=Limits(params=99)), entries[:1], "table")
    with pytest.raises(NothingFoundError, match=r"the nearest, small, takes 0\.5 ms, more than 0\.1 ms$"):
        answer(Query(max_latency_ms=0.1, limits=Limits(params=100)), entries, "table")
    with pytest.raises(NothingFoundError, match=r"does not say its activations_mb$"):
        answer(Query(limits=Limits(activations_mb=1)), entries, "table")


@given(st.lists(st.tuples(st.floats(0.1, 9), st.floats(0, 1)), min_size=1, max_size=6), st.floats(0.05, 10))
def test_an_answer_never_misses_the_budget(rows: list[tuple[float, float]], budget: float) -> None:
    entries = [entry(str(i), latency_ms, accuracy) for i, (latency_ms, accuracy) in enumerate(rows)]
    fitting = [accuracy for latency_ms, accuracy in rows if latency_ms <= budget]
    try:
        found = answer(Query(max_latency_ms=budget), entries, "table")
    except NothingFoundError:
        assert not fitting
    else:
        assert found.latency_ms <= budget
        assert found.accuracy == max(fitting)


def test_an_entry_that_is_not_recommended_is_never_the_answer() -> None:
    slow = dataclasses.replace(entry("slow", 0.9, 0.95), recommended=False, advice="int8 is not faster here")
    with pytest.raises(NothingFoundError, match="slow, is not recommended: int8 is not faster here"):
        answer(Query(max_latency_ms=1.0), [slow], "table")
    plain = entry("plain", latency_ms=0.8, accuracy=0.9)
    assert answer(Query(max_latency_ms=1.0), [slow, plain], "table").name == "plain"
    with pytest.raises(NothingFoundError, match=r"the nearest, plain, has an accuracy of 0\.9, less than 0\.99"):
        answer(Query(min_accuracy=0.99), [slow, plain], "table")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"max_latency_ms": math.nan}, "max_latency_ms = nan: must be a number of ms above 0"),
        ({"max_latency_ms": math.inf}, "max_latency_ms = inf"),
        ({"max_latency_ms": -1.0}, "max_latency_ms = -1.0"),
        ({"max_latency_ms": 0.0}, "max_latency_ms = 0.0"),
        ({"min_accuracy": 95}, "min_accuracy = 95: must be from 0 to 1; write 0.95 or 95% for 95 %"),
        ({"min_accuracy": 1.0000001}, "min_accuracy = 1.0000001: must be from 0 to 1, such as"),
        ({"min_accuracy": math.nan}, "min_accuracy = nan: must be from 0 to 1, such as 0.95"),
        ({"min_accuracy": -0.1}, "min_accuracy = -0.1"),
        ({"batch": 0}, "batch = 0: must be at least 1"),
        ({"threads": -1}, "threads = -1: must be at least 1"),
    ],
)
def test_numbers_out_of_range_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as error:
        Query(**values)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("changes", "choice"),
    [
        ({"data": "photos", "data_digest": "1" * 16}, "--data digits\n  --data photos"),
        ({"device": "Jetson Orin"}, "--device 'AMD EPYC'\n  --device 'Jetson Orin'"),
        ({"engine": "onnxruntime"}, "--engine openvino\n  --engine onnxruntime"),
        ({"batch": 8}, "--batch 1\n  --batch 8"),
        ({"threads": 2}, "--threads 1\n  --threads 2"),
        ({"data": "photos", "batch": 8}, "--data digits --batch 1\n  --data photos --batch 8"),
    ],
)
def test_what_cannot_be_compared_must_be_chosen(changes: dict[str, Any], choice: str) -> None:
    entries = [*ENTRIES, other("z", latency_ms=5.0, accuracy=0.7, **changes)]
    with pytest.raises(AmbiguousQueryError) as error:  # though one of them alone is within the budget
        answer(Query(max_latency_ms=1.0), entries, "table")
    assert str(error.value).endswith(f"choose one:\n  {choice}")
    for chosen in error.value.choices:
        found = answer(Query(**chosen), entries, "table")
        assert {key: getattr(found, key) for key in chosen} == chosen


def test_precisions_of_one_engine_are_compared() -> None:
    entries = [*ENTRIES, other("int8", precision="int8", latency_ms=0.1, accuracy=0.95)]
    assert answer(Query(), entries, "table").name == "int8"


def test_a_device_whose_name_is_part_of_another_can_be_chosen() -> None:
    entries = [entry("a", device="AMD EPYC"), entry("b", accuracy=0.99, device="AMD EPYC 7763")]
    assert answer(Query(device="amd epyc"), entries, "table").name == "a"
    assert answer(Query(device="7763"), entries, "table").name == "b"
    with pytest.raises(AmbiguousQueryError):
        answer(Query(device="amd"), entries, "table")


def test_data_sets_of_one_name_are_told_apart_by_their_digest() -> None:
    pets = other("pets", data="photos", data_digest="a" * 16, classes=("cat", "dog"))
    more_pets = other("more", data="photos", data_digest="b" * 16, classes=("cat", "dog"), accuracy=0.95)
    with pytest.raises(AmbiguousQueryError, match=r"--data a{16}\n  --data b{16}"):
        answer(Query(data="photos"), [pets, more_pets], "table")
    shoes = other("shoes", data="photos", data_digest="c" * 16, classes=("boot", "sandal"))
    with pytest.raises(AmbiguousQueryError, match=r"--data a{16}\n  --data c{16}"):
        answer(Query(data="photos"), [pets, shoes], "table")
    assert answer(Query(data="c" * 16), [pets, shoes], "table").name == "shoes"


def test_latencies_as_found_are_asked_for() -> None:
    disturbed = dataclasses.replace(entry("disturbed", latency_ms=0.5, accuracy=0.9), latency_found_ms=1.5)
    earlier = entry("earlier", latency_ms=0.9, accuracy=0.8)
    assert answer(Query(max_latency_ms=1.0), [disturbed, earlier], "table") is disturbed
    assert answer(Query(max_latency_ms=1.0, as_found=True), [disturbed, earlier], "table") is earlier
    with pytest.raises(NothingFoundError, match=r"disturbed, takes 1\.5 ms, more than 1 ms"):
        answer(Query(max_latency_ms=1.0, as_found=True), [disturbed], "table")


def test_answers_are_ranked_by_accuracy_and_then_by_latency() -> None:
    twin = entry("twin", 0.4, 0.91)
    assert [e.name for e in answers(Query(max_latency_ms=1.0), [*ENTRIES, twin], "t")] == [
        "twin",
        "middle",
        "slow",
        "fast",
    ]


def test_a_study_is_asked_for_by_its_name() -> None:
    entries = [entry("a", accuracy=0.99), other("b", study="photos, tier 0.4-0.8 ms"), other("c", study="photos 2, x")]
    assert answer(Query(study="photos"), entries, "table").name == "b"
    assert answer(Query(study="photos, tier 0.4-0.8 ms"), entries, "table").name == "b"
    with pytest.raises(NothingFoundError, match="study digits"):
        answer(Query(study="pho"), entries, "table")


def test_this_machine_is_asked_for_if_it_is_in_the_table() -> None:
    here, gpu, there = entry("here", device="My CPU"), entry("gpu", device="My GPU"), entry("there", 0.1, 0.99, "V100")
    local: dict[str, Any] = {"local_devices": ("My CPU", "My GPU")}
    assert answer(Query(**local), [here, there], "table") is here
    assert answer(Query(device="V100", **local), [here, there], "table") is there
    assert answer(Query(**local), [there], "table") is there
    with pytest.raises(AmbiguousQueryError, match=r"--device 'My CPU'\n  --device 'My GPU'$"):
        answer(Query(**local), [here, gpu, there], "table")


def test_another_device_never_answers_in_place_of_this_machine() -> None:
    there = other("there", device="V100", engine="tensorrt")
    query = Query(engine="tensorrt", local_devices=("AMD EPYC",))
    with pytest.raises(NothingFoundError, match=r"on this machine, whose entries count unless --device names another"):
        answer(query, [*ENTRIES, there], "table")


def test_ten_thousand_entries_are_queried_at_once() -> None:
    one = entry()
    entries = [dataclasses.replace(one, name=f"e{number}") for number in range(10_000)]
    began_s = time.process_time()
    assert len(answers(Query(), entries, "table")) == 10_000
    assert time.process_time() - began_s < 2
