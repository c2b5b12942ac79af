"""Why Ray lost a worker, in one line."""

from __future__ import annotations

from ray.exceptions import ActorUnavailableError, RayError


def cause_of(error: RayError) -> str:
    """What a Ray error says of the death of an actor: without its table of ids, and without Ray's guesses."""
    if isinstance(error, ActorUnavailableError):
        return "the connection to it was lost"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = (lines or [type(error).__name__])[-1]
    return said.partition(" Some common causes include")[0].removeprefix("The actor is dead because ")
