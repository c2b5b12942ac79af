"""Help texts: lists of commands that are not cut, and examples at the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from typer.core import TyperGroup

from tiernas.cli.examples import EXAMPLES


class HelpGroup(TyperGroup):
    """A group of commands whose list has the whole first sentence of each, and whose commands show their examples."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        command = super().get_command(ctx, cmd_name)
        if command is not None:
            path = " ".join([*reversed(list(_names(ctx))), cmd_name])
            command.short_help = command.short_help or first_sentence(command.help or "")
            command.epilog = command.epilog or epilog(path)
        return command


def epilog(path: str) -> str | None:
    """The examples of a command, in lines that are not wrapped; None if there are none.

    Args:
        path: The command without the name of the program, such as "latency build".
    """
    lines = EXAMPLES.get(path)
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines) if lines else None


def first_sentence(text: str) -> str:
    """The first sentence of a help text, in one line."""
    paragraph = " ".join(text.strip().split("\n\n")[0].split())
    sentence, end, _ = paragraph.partition(". ")
    return f"{sentence}." if end else paragraph


def _names(ctx: Any) -> Iterator[str]:
    """Names of the groups above a command, innermost first, without that of the program."""
    while ctx is not None and ctx.parent is not None:
        yield ctx.info_name
        ctx = ctx.parent
