"""Every help text has examples that parse, lists that are not cut, and the values that are allowed."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from tiernas.cli.commands import app
from tiernas.cli.examples import EXAMPLES
from tiernas.cli.help import first_sentence
from tiernas.cli.options import ENGINES, PRECISIONS, SPACES
from tiernas.config.sections import _PRECISIONS
from tiernas.engines.catalogue import ENGINES as ENGINE_KIND
from tiernas.spaces.catalogue import SPACES as SPACE_KIND

PROGRAM: Any = typer.main.get_command(app)


def leaves(group: Any = PROGRAM, above: tuple[str, ...] = ()) -> Iterator[str]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from leaves(command, (*above, name))
        else:
            yield " ".join((*above, name))


COMMANDS = sorted(leaves())


def shown(*words: str) -> str:
    found = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"})
    assert found.exit_code == 0
    return found.stdout


def unwrapped(text: str) -> str:
    """In one line; lines may end after a hyphen within a word."""
    return " ".join(text.split()).replace("- ", "-")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_shows_its_examples(command: str) -> None:
    text = shown(*command.split())
    assert "Examples:" in text
    for example in EXAMPLES[command]:
        assert any(line.strip() == example for line in text.splitlines()), "in one line, to be copied"


def test_no_example_is_of_a_command_that_does_not_exist() -> None:
    assert set(EXAMPLES) - {""} == set(COMMANDS)
    assert EXAMPLES[""][0] in shown()


@pytest.mark.parametrize("example", [example for examples in EXAMPLES.values() for example in examples])
def test_an_example_is_a_call_that_parses(example: str) -> None:
    parse(example)


def parse(call: str) -> None:
    """Parses a call without running it; raises what click says of a wrong one."""
    program, *words = shlex.split(call, comments=True)
    assert program == "tiernas"
    command, context = PROGRAM, None
    while hasattr(command, "commands"):
        context = command.make_context(program, words[:1], parent=context)
        command, words = command.get_command(context, words[0]), words[1:]
    command.make_context(command.name, words, parent=context)


@pytest.mark.parametrize("group", ["", "control", "detect", "device", "export", "finalists", "latency", "table"])
def test_lists_of_commands_are_not_cut(group: str) -> None:
    text = unwrapped(shown(*group.split()))
    assert "..." not in text.partition("Commands:")[2]
    command = PROGRAM.commands[group] if group else PROGRAM
    for name, each in command.commands.items():
        assert f" {name} {first_sentence(each.help)}" in text


def test_the_values_are_those_that_exist() -> None:
    assert tuple(SPACE_KIND.built_in) == SPACES
    assert tuple(ENGINE_KIND.built_in) == ENGINES
    assert PRECISIONS == _PRECISIONS
    text = unwrapped(shown("latency", "build"))
    for value in (*SPACES, *ENGINES, *PRECISIONS):
        assert value in text


def test_values_are_completed() -> None:
    context = PROGRAM.make_context("tiernas", ["tiers"])
    tiers = PROGRAM.get_command(context, "tiers")
    (engine,) = [parameter for parameter in tiers.params if parameter.name == "engine"]
    found = engine.shell_complete(tiers.make_context("tiers", [], parent=context), "tor")
    assert [item.value for item in found] == ["torch", "torch-compile"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("One. Two.", "One."),
        ("One\n    line. Two.\n\nThree.", "One line."),
        ("Only one", "Only one"),
        ("Write a file.toml and end", "Write a file.toml and end"),
        ("", ""),
    ],
)
def test_first_sentences(text: str, sentence: str) -> None:
    assert first_sentence(text) == sentence
