"""The page of the command line, from the commands themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import typer.main

from tiernas.cli.commands import app
from tiernas.cli.examples import EXAMPLES

_START = """\
# The command line

All commands, with the text that `--help` prints. Exit codes, `--json` and completion in the shell are described in
[First steps](../first-steps.md#help-json-and-exit-codes).

| command | |
|---|---|
"""

_NOTES = re.compile(r"\s*\[((?:default: |required|x[<>]|[\d.]+<)[^\]]*)\](?=\.?\s*(?:\[|$))")
"""What a help text says behind the meaning: the default, whether a value is required, and the range of numbers."""

_LEAST = re.compile(r"x>=([\d.]+)")


def command_page() -> str:
    """The page, in Markdown."""
    program: Any = typer.main.get_command(app)
    commands = list(_commands(program, program.make_context("tiernas", ["doctor"])))
    rows = [f"| [`{name}`](#{_anchor(name)}) | {command.short_help} |\n" for name, command, _ in commands]
    return f"{_START}{''.join(rows)}\n{''.join(_command(*each) for each in commands)}"


def _commands(group: Any, context: Any, above: str = "tiernas") -> Iterator[tuple[str, Any, Any]]:
    """Every command: its whole name, itself, and a context in which it tells its options."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        inner = type(context)(command, info_name=name, parent=context)
        if hasattr(command, "commands"):
            yield from _commands(command, inner, f"{above} {name}")
        else:
            yield f"{above} {name}", command, inner


def _command(name: str, command: Any, context: Any) -> str:
    paragraphs = [" ".join(text.split()) for text in (command.help or "").split("\n\n")]
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    records = [each.get_help_record(context) for each in command.get_params(context)]
    examples = "\n".join(f"$ {line}" for line in EXAMPLES[name.removeprefix("tiernas ")])
    return (
        f"## {name} {{ #{_anchor(name)} }}\n\n{_text(chr(10).join(f'{each}{chr(10)}' for each in paragraphs))}\n"
        f"```text\n{usage}\n```\n\n{_table([each for each in records if each])}\n"
        f"**Examples**\n\n```console\n{examples}\n```\n\n"
    )


def _table(records: Sequence[tuple[str, str]]) -> str:
    """What options and arguments mean, without `--help`, which every command has."""
    rows = [_row(names, text) for names, text in records if names != "--help"]
    return f"| argument or option | default | meaning |\n|---|---|---|\n{''.join(rows)}" if rows else ""


def _row(names: str, text: str) -> str:
    notes = [note for found in _NOTES.findall(text) for note in found.split("; ")]
    shown = [_LEAST.sub(r"at least \1", note.removeprefix("default: ")).strip("()") for note in notes]
    names = names.replace(" range>", ">").replace("|", "&#124;")
    return f"| `{names}` | {_text(', '.join(shown))} | {_text(' '.join(_NOTES.sub('', text).split()))} |\n"


def _text(text: str) -> str:
    """Text in which only code in backticks is Markdown, and nothing HTML."""
    parts = text.split("`")
    parts[::2] = [re.sub(r"([\\*_\[\]])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts).replace("<", "&lt;").replace(">", "&gt;").replace("|", "&#124;")


def _anchor(name: str) -> str:
    return name.removeprefix("tiernas ").replace(" ", "-")
