"""Answers requests, one after the other."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from tiernas.engines.clock.rule import TurnRule
from tiernas.engines.timing import StopRule
from tiernas.errors import UsageError
from tiernas.runner.device_state import read_state
from tiernas.runner.facts import load_and_settings, who_it_is
from tiernas.runner.fields import RequestFields
from tiernas.runner.kept import KeptFiles
from tiernas.runner.networks import MeasuredThere, OpenNetworks, Repetition
from tiernas.runner.protocol import RunnerRequest, error_of
from tiernas.runner.runtimes import RUNTIMES, engine_class
from tiernas.temporary import owned_folder

if TYPE_CHECKING:
    from typing import Self


class Service:
    """What a runner can do; a context manager that frees all networks at its end.

    Args:
        kept: The files that were sent.
        end_when_silent: Ends this process once nothing was heard for this time, in s.
    """

    def __init__(self, kept: KeptFiles, end_when_silent: Callable[[float], None]) -> None:
        self._kept = kept
        self._end_when_silent = end_when_silent
        self._stack = contextlib.ExitStack()
        self._networks: OpenNetworks | None = None
        self._answers: Mapping[str, Callable[[RequestFields], Mapping[str, Any]]] = {
            "hello": self._hello,
            "engines": self._engines,
            "fingerprint": self._fingerprint,
            "state": lambda fields: read_state().to_dict(),
            "system": lambda fields: load_and_settings(),
            "missing": lambda fields: {"missing": self._kept.missing(fields.texts("sha256"))},
            "keep": self._keep,
            "open": self._open,
            "about": lambda fields: {"about_ms": self._opened().about_ms(fields.number("network"))},
            "run": self._run,
            "anchor": self._anchor,
            "measure": self._measure,
            "measure_in_turn": self._measure_in_turn,
            "trace": self._trace,
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
            return {"id": request.id, "ok": dict(self._answers[request.do](RequestFields(request)))}
        except Exception as error:  # runtimes raise anything
            return {"id": request.id, "error": error_of(error)}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def _hello(self, fields: RequestFields) -> Mapping[str, Any]:
        if "silence_s" in fields:
            self._end_when_silent(fields.positive("silence_s"))
        return who_it_is(self._kept.folder)

    def _engines(self, fields: RequestFields) -> Mapping[str, Any]:
        return {name: _described(name) for name in (fields.texts("names") if "names" in fields else RUNTIMES)}

    def _fingerprint(self, fields: RequestFields) -> Mapping[str, Any]:
        precision, batch, threads = fields.text("precision"), fields.number("batch"), fields.number("threads")
        engine = engine_class(fields.text("engine"))(precision, batch, threads)
        return {"fingerprint": engine.fingerprint().to_dict()}

    def _keep(self, fields: RequestFields) -> Mapping[str, Any]:
        fields.number("bytes")  # the file was read together with the request
        return {}

    def _open(self, fields: RequestFields) -> Mapping[str, Any]:
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

    def _anchor(self, fields: RequestFields) -> Mapping[str, Any]:
        known_ms = fields.positive("known_ms") if "known_ms" in fields else None
        handle, about_ms = self._opened().anchor(fields.number("network"), fields.text("name"), known_ms)
        return {"anchor": handle, "about_ms": about_ms}

    def _run(self, fields: RequestFields) -> Mapping[str, Any]:
        return {"logits": self._opened().run(fields.number("network"), fields.text("images")).tolist()}

    def _measure(self, fields: RequestFields) -> Mapping[str, Any]:
        rule, repetition = fields.settings("rule", StopRule()), fields.settings("repetition", Repetition())
        return _measured(self._opened().measure(fields.number("network"), rule, repetition))

    def _measure_in_turn(self, fields: RequestFields) -> Mapping[str, Any]:
        rule, repetition = fields.settings("rule", TurnRule()), fields.settings("repetition", Repetition())
        network, anchor = fields.number("network"), fields.number("anchor")
        return _measured(self._opened().measure_in_turn(network, anchor, rule, repetition))

    def _trace(self, fields: RequestFields) -> Mapping[str, Any]:
        network, anchor = fields.number("network"), fields.number("anchor")
        found = self._opened().trace(network, anchor, fields.positive("duration_s"))
        pairs = {each.name: getattr(found.pairs, each.name).tolist() for each in dataclasses.fields(found.pairs)}
        return {"pairs": pairs, "level": dataclasses.asdict(found.level)}

    def _profile(self, fields: RequestFields) -> Mapping[str, Any]:
        nodes = self._opened().profile(fields.number("network"))
        return {"nodes": [dataclasses.asdict(node) for node in nodes]}

    def _close(self, fields: RequestFields) -> Mapping[str, Any]:
        self._opened().close(fields.number("handle"))
        return {}

    def _forget(self, fields: RequestFields) -> Mapping[str, Any]:
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


def _measured(found: MeasuredThere) -> Mapping[str, Any]:
    return {
        "measurement": dataclasses.asdict(found.measurement),
        "before": found.before.to_dict(),
        "after": found.after.to_dict(),
        "disturbed": list(found.disturbed),
        "tries": found.tries,
    }


def _described(name: str) -> Mapping[str, Any]:
    """An engine's precisions and the version of its runtime, or the error that it raises here."""
    try:
        kind = engine_class(name)
        precisions = kind.precisions()
        return {"precisions": list(precisions), "version": kind(precisions[0]).fingerprint().engine_version}
    except Exception as error:  # a broken runtime may raise anything on import
        return {"error": error_of(error)}
