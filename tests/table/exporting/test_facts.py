"""The description of a network for other programs."""

from __future__ import annotations

from typing import Any

import pytest

from tiernas.table.exporting.facts import labels_text, model_info

FACTS: dict[str, Any] = {
    "classes": ["T-shirt", "dress  shoe", " a\nb ", "größe", "\x1b[31m"],
    "preprocessing": {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
}


def test_numbers_are_for_pixels_of_0_to_255() -> None:
    told = model_info(FACTS)
    assert told["mean_values"] == "123.675 116.28 103.53"
    assert told["scale_values"] == "58.395 57.12 57.375"


def test_names_of_classes_have_no_spaces_which_separate_them() -> None:
    labels = model_info(FACTS)["labels"].split()
    assert labels == ["T-shirt", "dress_shoe", "a_b", "größe", "\\x1b[31m"]


def test_every_class_has_a_line() -> None:
    assert labels_text(FACTS).splitlines() == ["T-shirt", "dress shoe", "a b", "größe", "\\x1b[31m"]


@pytest.mark.parametrize("name", ["", "  "])
def test_a_class_without_a_name_keeps_its_place(name: str) -> None:
    facts = FACTS | {"classes": ["a", name, "c"]}
    assert model_info(facts)["labels"] == "a _ c"
    assert labels_text(facts) == "a\n\nc\n"
