"""Options are the parameters of a function, with its types."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from tiernas.errors import UsageError
from tiernas.plugins import call, checked_options


def open_slides(path: Path, size: Annotated[int, Field(ge=1)] = 8, stain: Literal["he", "pas"] = "he") -> str:
    return f"{path} {size} {stain}"


def untyped(first, *, json=3, _hidden=1, **others):  # type: ignore[no-untyped-def]
    return first


def options(given: dict[str, Any], path: Path | None = Path("slides"), function: Any = open_slides) -> dict[str, Any]:
    return checked_options(function, given, section="data.options", beside={"path": path})


def test_values_have_the_types_of_the_function() -> None:
    assert options({"size": "16"}) == {"path": Path("slides"), "size": 16}
    assert options({}) == {"path": Path("slides")}, "the function has its own defaults"


def test_a_path_is_a_text_where_the_function_says_so() -> None:
    def by_text(path: str) -> None: ...

    assert options({}, function=by_text) == {"path": "slides"}


@pytest.mark.parametrize(
    ("given", "path", "said"),
    [
        ({"sise": 3}, Path("x"), r"^unknown key data\.options\.sise; did you mean 'size'\?$"),
        ({"colour": 3}, Path("x"), r"^unknown key data\.options\.colour; known: size, stain$"),
        ({"size": 0}, Path("x"), r"^data\.options\.size = 0: input should be greater than or equal to 1$"),
        ({"size": "many"}, Path("x"), r"^data\.options\.size = 'many': input should be a valid integer"),
        ({"stain": "blue"}, Path("x"), r"^data\.options\.stain = 'blue': input should be 'he' or 'pas'$"),
        ({"size": 0, "stain": 1}, Path("x"), r"size = 0.*; data\.options\.stain = 1"),
        ({}, None, r"^data\.path is missing; it must be set$"),
        ({"path": "x"}, None, r"^data\.options\.path: write it as data\.path$"),
    ],
)
def test_every_mistake_is_told(given: dict[str, Any], path: Path | None, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        options(given, path)


def test_a_path_that_nothing_takes_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^data\.path is not supported; remove it$"):
        options({}, function=lambda: None)


def test_what_is_given_is_no_option() -> None:
    def optimizer(levels, *, patience: int = 3, seed=0, **problem):  # type: ignore[no-untyped-def]
        return levels

    found = checked_options(optimizer, {"patience": 5}, section="search.options", given=("levels", "seed"))
    assert found == {"patience": 5}
    for name in ("seed", "levels", "problem"):
        with pytest.raises(UsageError, match=rf"unknown key search\.options\.{name}; known: patience"):
            checked_options(optimizer, {name: 1}, section="search.options", given=("levels", "seed"))


def test_any_option_goes_to_a_function_that_takes_any() -> None:
    found = checked_options(untyped, {"json": "x", "more": [1]}, section="t", positional=1)
    assert found == {"json": "x", "more": [1]}
    assert checked_options(dict, {"a": 1}, section="t") == {"a": 1}, "its signature is unknown"


def test_a_class_has_the_options_of_its_constructor() -> None:
    class Model:
        def __init__(self, classes: int, width: float = 1) -> None: ...

    assert checked_options(Model, {"width": 2}, section="t", positional=1) == {"width": 2.0}
    with pytest.raises(UsageError, match=r"unknown key t\.classes; known: width"):
        checked_options(Model, {"classes": 2}, section="t", positional=1)


def test_what_a_function_prints_is_no_result(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(lambda: print("hello") or 3, what="x") == 3
    assert capsys.readouterr() == ("", "hello\n")


def test_what_a_function_raises_is_one_line_with_the_place() -> None:
    def fails(number: int) -> None:
        raise KeyError("no slide\nand more")

    with pytest.raises(UsageError) as caught:
        call(fails, 1, what="data.kind = 'acme'")
    assert str(caught.value).startswith("data.kind = 'acme': failed with KeyError: ")
    assert f"({__file__}, line " in str(caught.value)
    with pytest.raises(UsageError, match=r"failed with TypeError: .*unexpected keyword"):
        call(fails, 1, what="x", more=1)

    def says() -> None:
        raise UsageError("mend this")

    with pytest.raises(UsageError, match=r"^mend this$"):
        call(says, what="x")
