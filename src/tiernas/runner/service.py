"""Answers requests, one after the other."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import platform
import reprlib
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

import tiernas
from tiernas.engines.clock.in_turn import TurnRule
from tiernas.engines.fingerprint import cpu_device, cpu_flags
from tiernas.engines.timing import StopRule
from tiernas.errors import TiernasError, UsageError, last_line
from tiernas.runner.device_state import read_state
from tiernas.runner.kept import KeptFiles
from tiernas.runner.networks import MeasuredThere, OpenNetworks, Repetition
from tiernas.runner.protocol import PROTOCOL, RunnerRequest, error_of
from tiernas.runner.runtimes import RUNTIMES, engine_class
from tiernas.temporary import owned_folder

if TYPE_CHECKING:
    from typing import Self, TypeGuard

_Rule = TypeVar("_Rule", StopRule, TurnRule, Repetition)


class Service:
    """What a runner can do; a context manager that frees all networks at its end.

    Args:
        kept: The files that were sent.
    """

    def __init__(self, kept: KeptFiles) -> None:
        self._kept = kept
        self._stack = contextlib.ExitStack()
        self._networks: OpenNetworks | None = None
        self._answers: Mapping[str, Callable[[_Fields], Mapping[str, Any]]] = {
            "hello": self._hello,
            "engines": self._engines,
            "state": lambda fields: read_state().to_dict(),
            "missing": lambda fields: {"missing": self._kept.missing(fields.texts("sha256"))},
            "keep": self._keep,
            "open": self._open,
            "anchor": self._anchor,
            "measure": self._measure,
            "measure_in_turn": self._measure_in_turn,
            "profile": self._profile,
            "close": self._close,
            "forget": self._forget,
        }

    def answer(self, request: RunnerRequest) -> dict[str, Any]:
        """The answer to a request, whatever happens."""
        try:
            if request.problem is not None:
                raise request.problem
            if request.do not in self._answers:
                raise UsageError(f"do = {request.do!r}: must be one of {', '.join(self._answers)}")
            return {"id": request.id, "ok": dict(self._answers[request.do](_Fields(request)))}
        except Exception as error:  # runtimes raise anything
            return {"id": request.id, "error": error_of(error)}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def _hello(self, fields: _Fields) -> Mapping[str, Any]:
        return {
            "protocol": PROTOCOL,
            "tiernas": tiernas.__version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "system": platform.platform(),
            "host": platform.node(),
            "device": cpu_device(),
            "cores": os.cpu_count() or 1,
            "flags": list(cpu_flags()),
            "time_s": time.time(),
            "folder": str(self._kept.folder),
            "free_disk_mb": _free_disk_mb(self._kept.folder),
            "state": read_state().to_dict(),
        }

    def _engines(self, fields: _Fields) -> Mapping[str, Any]:
        return {name: _described(name) for name in RUNTIMES}

    def _keep(self, fields: _Fields) -> Mapping[str, Any]:
        fields.number("bytes")  # the file was read together with the request
        return {}

    def _open(self, fields: _Fields) -> Mapping[str, Any]:
        networks = self._opened()
        handle = networks.open(
            fields.text("engine"),
            fields.text("precision"),
            fields.number("batch"),
            fields.number("threads"),
            fields.texts_by_name("files"),
        )
        network = networks.network(handle)
        return {
            "network": handle,
            "fingerprint": network.fingerprint.to_dict(),
            "input_shape": list(network.input_shape),
        }

    def _anchor(self, fields: _Fields) -> Mapping[str, Any]:
        known_ms = fields.positive("known_ms") if "known_ms" in fields else None
        return {"anchor": self._opened().anchor(fields.number("network"), fields.text("name"), known_ms)}

    def _measure(self, fields: _Fields) -> Mapping[str, Any]:
        rule, repetition = fields.settings("rule", StopRule()), fields.settings("repetition", Repetition())
        return _measured(self._opened().measure(fields.number("network"), rule, repetition))

    def _measure_in_turn(self, fields: _Fields) -> Mapping[str, Any]:
        rule, repetition = fields.settings("rule", TurnRule()), fields.settings("repetition", Repetition())
        network, anchor = fields.number("network"), fields.number("anchor")
        return _measured(self._opened().measure_in_turn(network, anchor, rule, repetition))

    def _profile(self, fields: _Fields) -> Mapping[str, Any]:
        nodes = self._opened().profile(fields.number("network"))
        return {"nodes": [dataclasses.asdict(node) for node in nodes]}

    def _close(self, fields: _Fields) -> Mapping[str, Any]:
        self._opened().close(fields.number("handle"))
        return {}

    def _forget(self, fields: _Fields) -> Mapping[str, Any]:
        self._stack.close()
        self._networks = None
        self._kept.forget()
        return {}

    def _opened(self) -> OpenNetworks:
        """The open networks; their folder is made with the first one."""
        if self._networks is None:
            try:
                self._kept.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                folder = self._stack.enter_context(owned_folder("open-", self._kept.folder))
            except OSError as error:
                raise UsageError(f"cannot write {self._kept.folder} on this device: {error}") from error
            self._networks = OpenNetworks(self._kept, folder)
            self._stack.callback(self._networks.close_all)
        return self._networks


class _Fields:
    """The fields of a request, checked when they are read.

    Raises:
        UsageError: A field is missing or of the wrong kind; the message names it.
    """

    def __init__(self, request: RunnerRequest) -> None:
        self._do = request.do
        self._fields = request.fields

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def text(self, name: str) -> str:
        value = self._fields.get(name)
        if not isinstance(value, str):
            raise self._wrong(name, "a string")
        return value

    def number(self, name: str) -> int:
        value = self._fields.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self._wrong(name, "a whole number, 0 or more")
        return value

    def positive(self, name: str) -> float:
        value = self._fields.get(name)
        if not _is_amount(value) or value == 0:
            raise self._wrong(name, "a number above 0")
        return float(value)

    def texts(self, name: str) -> list[str]:
        value = self._fields.get(name)
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise self._wrong(name, "a list of strings")
        return value

    def texts_by_name(self, name: str) -> Mapping[str, str]:
        value = self._fields.get(name)
        if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
            raise self._wrong(name, "an object of strings")
        return value

    def settings(self, name: str, default: _Rule) -> _Rule:
        """A dataclass of numbers, some of which are given; the others are those of the default."""
        value = self._fields.get(name, {})
        known = [each.name for each in dataclasses.fields(default)]
        if not isinstance(value, dict) or not value.keys() <= set(known):
            raise self._wrong(name, f"an object with some of {', '.join(known)}")
        for key, number in value.items():
            usual = getattr(default, key)
            if number is None and usual is None:
                continue
            if not _is_amount(number) or (isinstance(usual, int) and not isinstance(number, int)):
                raise self._wrong(name, f"an object of numbers, 0 or more ({key} is {number!r})")
        return dataclasses.replace(default, **value)

    def _wrong(self, name: str, kind: str) -> UsageError:
        return UsageError(f"{self._do}: {name} = {reprlib.repr(self._fields.get(name))}: must be {kind}")


def _is_amount(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf


def _measured(found: MeasuredThere) -> Mapping[str, Any]:
    return {
        "measurement": dataclasses.asdict(found.measurement),
        "before": found.before.to_dict(),
        "after": found.after.to_dict(),
        "disturbed": list(found.disturbed),
        "tries": found.tries,
    }


def _described(name: str) -> Mapping[str, Any]:
    """An engine's precisions and the version of its runtime, or why it cannot be used here."""
    try:
        kind = engine_class(name)
        precisions = kind.precisions()
        return {"precisions": list(precisions), "version": kind(precisions[0]).fingerprint().engine_version}
    except TiernasError as error:
        return {"problem": str(error)}
    except Exception as error:  # a broken runtime may raise anything on import
        return {"problem": f"{type(error).__name__}: {last_line(error)}"}


def _free_disk_mb(folder: Path) -> int | None:
    """Free space where a folder is or would be."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        return shutil.disk_usage(there).free // 10**6
    except OSError:
        return None
