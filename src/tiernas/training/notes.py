"""What the user should know about usable data: what was skipped, and which images occur twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from tiernas.image_files import counted
from tiernas.training.decoding import Decoded
from tiernas.training.sources import Part, Source

_NAMED = 5
"""Number of images listed in a note."""

Parts = Mapping[str, tuple[Part, Decoded]]


def notes_on(source: Source, parts: Parts) -> Iterator[str]:
    """Lines that give the number of images for each kind of note and name the first ones.

    Args:
        source: The data as found.
        parts: Images of each split, with their decoding results.
    """
    if source.passed_over:
        yield f"skipped: {counted(source.passed_over)}"
    animated = [name for _, decoded in parts.values() for name in decoded.animated]
    if animated:
        yield f"several frames, only the first is read {_named(animated)}"
    for name, (part, decoded) in parts.items():
        there = set(part.labels[decoded.rows].tolist())
        missing = [known for label, known in enumerate(source.classes) if label not in there]
        if missing:
            yield f"classes without an image in the {name} split {_named(missing)}"
    yield from _duplicates(source.classes, parts)


def _duplicates(classes: Sequence[str], parts: Parts) -> Iterator[str]:
    """Images that are identical, pixel for pixel, as stored: in two splits, or with different classes."""
    standing: defaultdict[bytes, list[tuple[str, int]]] = defaultdict(list)
    for name, (_, decoded) in parts.items():
        for row, fingerprint in zip(decoded.rows.tolist(), decoded.fingerprints, strict=True):
            standing[fingerprint].append((name, row))
    across: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    contradicting: list[str] = []
    for places in standing.values():
        if len(places) == 1:
            continue
        first = dict(reversed(places))
        names = list(first)[::-1]
        for i, one in enumerate(names):
            for other in names[i + 1 :]:
                across[one, other].append(f"{parts[one][0].names[first[one]]} = {parts[other][0].names[first[other]]}")
        labels = {int(parts[name][0].labels[row]): parts[name][0].names[row] for name, row in places}
        if len(labels) > 1:
            contradicting.append(" = ".join(f"{name} ({classes[label]})" for label, name in labels.items()))
    for (one, other), equal in across.items():
        yield (
            f"the same image, pixel for pixel, in both the {one} and the {other} split, so accuracies are too high "
            f"{_named(equal)}"
        )
    if contradicting:
        yield f"the same image with different classes {_named(contradicting)}"


def _named(names: Sequence[str]) -> str:
    return f"({len(names)}): {', '.join(names[:_NAMED])}{', ...' if len(names) > _NAMED else ''}"
