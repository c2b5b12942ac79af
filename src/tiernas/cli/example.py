"""`tiernas example`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from tiernas.cli.output import JsonOption, print_json, print_table
from tiernas.errors import UsageError


def example(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Name of an example.", show_default="all")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="PLACE", help="File, or folder of photos, to write [default: print]."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the examples, or print or write one."""
    from tiernas.examples import PHOTOS, example_text, shipped_examples, write_photos

    if name is None:
        found = [asdict(each) for each in shipped_examples()]
        if as_json:
            print_json({"examples": found})
            return
        print_table(found, {"name": "example", "what": ""})
        typer.echo("Write one:  tiernas example digits --output digits.toml")
        return
    if name == PHOTOS:
        folder = output or Path(PHOTOS)
        images = write_photos(folder)
        if as_json:
            print_json({"folder": str(folder), "images": images})
        else:
            command = f"tiernas init {folder} --output mine.toml --set recipe.flip=false"  # they are digits
            typer.echo(f"{images} images in {folder}. Try next:  {command}")
        return
    text = example_text(name)
    if output is not None:
        _write(text, output)
    if as_json:
        print_json({"name": name, "text": text, "file": output and str(output)})
    elif output is None:
        typer.echo(text, nl=False)
    else:
        typer.echo(f"Written to {output}. Try next:  tiernas search {output}")


def _write(text: str, output: Path) -> None:
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise UsageError(f"--output {output}: exists and is not overwritten; choose another file") from error
    except OSError as error:
        raise UsageError(f"--output {output}: cannot be written ({error.strerror}); choose another file") from error
