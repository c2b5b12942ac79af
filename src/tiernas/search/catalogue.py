"""Optimizers by name; some of the built-in ones take seconds to import."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

from tiernas.errors import UsageError
from tiernas.plugins import Kind, call, checked_options, require_class_of
from tiernas.search.optimizer import Optimizer, Problem

_MEMBERS = ("ask", "tell", "add_pending", "pending", "told")

OPTIMIZERS: Kind[type[Optimizer]] = Kind(
    "optimizer",
    "search.optimizer",
    "tiernas.optimizers",
    {
        "lamcts": "tiernas.search.lamcts:LaMctsOptimizer",
        "thompson": "tiernas.search.thompson:ThompsonOptimizer",
        "trust_region": "tiernas.search.trust_region:TrustRegionOptimizer",
        "tpe": "tiernas.search.tpe:TpeOptimizer",
        "evolution": "tiernas.search.evolution:RegularizedEvolution",
        "sobol": "tiernas.search.sobol_search:SobolSearch",
        "random": "tiernas.search.random_search:RandomSearch",
    },
    partial(require_class_of, base=Optimizer, noun="an optimizer", members=_MEMBERS),
)


def optimizer_factory(
    name: str | type[Optimizer], options: Mapping[str, Any] | None = None
) -> Callable[..., Optimizer]:
    """Returns a function that makes the named optimizer from `levels` and the keyword arguments of `Optimizer`.

    Args:
        name: A name in `OPTIMIZERS`, `package.module:Class`, or such a class.
        options: Further arguments of its constructor, as read from a TOML file.

    Raises:
        UsageError: The name is unknown, the optimizer cannot be used, or an option is wrong. The returned function
            raises it if the optimizer cannot be made.
        NotInstalledError: It needs a package that is missing.
    """
    optimizer = OPTIMIZERS.load(name)
    given = ("levels", *Problem.__annotations__)
    own = checked_options(optimizer, options or {}, section="search.options", given=given) if options else {}

    def make(levels: Any, **problem: Any) -> Optimizer:
        if optimizer.__module__.startswith("tiernas."):
            try:
                return optimizer(levels, **problem, **own)
            except ValueError as error:
                raise UsageError(f"search.options: {error}") from error
        return cast(Optimizer, call(optimizer, levels, what=f"search.optimizer = {name!r}", **problem, **own))

    return make
