"""One call of the command line on damaged input, and its faults."""

from __future__ import annotations

import functools
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from unittest import mock

import typer

ALLOWED = (0, 2, 3)
"""Allowed exit codes of a command on damaged input: done without it, refused, nothing found. `table export` may end
with 1: what it wrote was run, and contradicts the entry."""

_TRACE_LINES = 7
"""Last lines of a traceback, which say what failed and where."""

Listing = dict[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Attempt:
    """How a call ended.

    Attributes:
        damage: The damage to the input.
        call: The command, or the function of the library.
        exit_code: Its exit code; None if it raised something other than an error of tiernas.
        message: The last line that it wrote to stderr.
        faults: What is wrong with that; empty if nothing is.
    """

    damage: str
    call: str
    exit_code: int | None
    message: str
    faults: tuple[str, ...]


class Box:
    """A folder with everything that a call may see: `work` (the working directory), `home` and `tmp`.

    Files that Python opens for writing outside of it count as a fault, and so does everything new or changed inside
    of it that is not under one of the `outputs`.
    """

    def __init__(self, folder: Path, outputs: Sequence[str]) -> None:
        self.folder = folder.resolve()
        self.work, self.home, self.tmp = (self.folder / name for name in ("work", "home", "tmp"))
        self._outputs = tuple(f"{self.work / output}" for output in outputs)
        self._written_outside: list[str] = []

    def __enter__(self) -> Self:
        for folder in (self.work, self.home, self.tmp):
            folder.mkdir(parents=True, exist_ok=True)
        os.environ.update(HOME=str(self.home), TMPDIR=str(self.tmp), COLUMNS="200")
        tempfile.tempdir = None
        os.chdir(self.work)
        sys.addaudithook(self._audit)
        typer.main.get_command = functools.cache(typer.main.get_command)  # rebuilding it takes longer than most calls
        return self

    def __exit__(self, *_: object) -> None:
        os.chdir(self.folder.parent)

    def call(self, damage: str, *words: str) -> Attempt:
        """Runs `tiernas` with these words in this process."""
        from tiernas.cli import main

        before, self._written_outside = self.listing(), []
        with Captured() as captured, mock.patch.object(sys, "argv", ["tiernas", *words]):
            try:
                main()
                code: int | None = 0
            except SystemExit as error:
                code = error.code if isinstance(error.code, int) else int(error.code is not None)
            except BaseException:
                traceback.print_exc()
                code = None
        return self.judge(damage, " ".join(words), code, captured.text, before)

    def judge(self, damage: str, call: str, code: int | None, stderr: str, before: Listing) -> Attempt:
        """The faults of a call that ended with a code and wrote to stderr."""
        faults = []
        lines = [line for line in stderr.splitlines() if line.strip()]
        last = lines[-1] if lines else ""
        if code is None or "Traceback" in stderr:
            faults.append("traceback")
        elif code not in ALLOWED and not (code == 1 and call.startswith("table export")):
            faults.append(f"exit code {code}")
        elif code and not any(line.startswith(("tiernas: ", "Error: ", "Usage: ")) for line in lines):
            faults.append("no message")
        if "Warning:" in stderr:
            faults.append("a library's warning")
        if changed := self._changed(before):
            faults.append(f"wrote {', '.join(changed[:3])}")
        if self._written_outside:
            faults.append(f"wrote outside: {', '.join(self._written_outside[:3])}")
        shown = " | ".join(lines[-_TRACE_LINES:]) if "traceback" in faults else last
        return Attempt(damage, call, code, shown.replace(str(self.folder), "BOX"), tuple(faults))

    def _changed(self, before: Listing) -> list[str]:
        after = self.listing()
        different = {path for path, state in after.items() if before.get(path) != state} | (
            before.keys() - after.keys()
        )
        return sorted(path.removeprefix(str(self.folder)) for path in different if not path.startswith(self._outputs))

    def listing(self) -> Listing:
        found = {}
        for folder, folders, files in os.walk(self.folder):
            for name in (*folders, *files):
                path = os.path.join(folder, name)
                if not path.endswith(".lock"):  # of a measured device, in the folder for temporary files
                    state = os.lstat(path)
                    found[path] = (0, 0) if name in folders else (state.st_size, state.st_mtime_ns)
        return found

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        match event:
            case "open":
                path, mode, flags = args
                writes = bool(set(mode or "") & set("wax+")) or bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
            case "os.mkdir" | "os.remove" | "os.rmdir":
                path, writes = args[0], True
            case "os.rename" | "os.link" | "os.symlink":
                path, writes = args[1], True
            case _:
                return
        if writes and isinstance(path, str | bytes | os.PathLike):
            absolute = os.path.abspath(os.fsdecode(path))
            if not absolute.startswith((f"{self.folder}/", "/dev/", "/proc/")):
                self._written_outside.append(absolute)


class Captured:
    """Redirects descriptors 1 and 2 to files: C libraries write there too."""

    text = ""

    def __enter__(self) -> Self:
        self._kept = [os.dup(1), os.dup(2)]
        self._files = [tempfile.TemporaryFile() for _ in self._kept]  # noqa: SIM115 (closed by __exit__)
        _flush()
        for number, file in zip((1, 2), self._files, strict=True):
            os.dup2(file.fileno(), number)
        return self

    def __exit__(self, *_: object) -> None:
        _flush()
        self._files[1].seek(0)
        self.text = self._files[1].read().decode(errors="replace")
        for number, kept, file in zip((1, 2), self._kept, self._files, strict=True):
            os.dup2(kept, number)
            os.close(kept)
            file.close()


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
