"""Networks that a user can name for measuring, as ONNX files on disk."""

from __future__ import annotations

import abc
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from tiernas.errors import UsageError
from tiernas.networks.normalization import Rgb
from tiernas.networks.timm_names import TIMM_PREFIX, near_timm_names
from tiernas.spaces import Architecture, SearchSpace, get_space, read_architecture, released, released_names
from tiernas.spaces.sizes import architecture_sizes

if TYPE_CHECKING:
    from tiernas.blocks import Sizes
    from tiernas.networks import Cost
    from tiernas.networks.timm_models import TimmNetwork

_VECTOR = re.compile(r"\s*-?\d+(\s*,\s*-?\d+)+\s*")
_DEFAULT_CLASSES = 1000
"""Number of classes of ImageNet, for published networks."""

_MOST_PIXELS, _MOST_CLASSES = 4096, 1_000_000
"""More than any classifier has; a mistyped larger number would fill memory."""


class Subject(abc.ABC):
    """A network to measure.

    All but ONNX files are built with torch, which is imported where that happens.

    Attributes:
        name: The user's name for it.
        kind: The kind of thing that the name refers to, in words.
        architecture: Its architecture; None for networks that are not ours.
        cost: Its parameters and multiply-accumulates; None if unknown.
        normalization: Mean and standard deviation of red, green and blue (pixels in 0 to 1) for normalizing its input;
            None for the default of our own networks.
    """

    is_own_anchor: ClassVar[bool] = False
    """Whether it takes turns with a copy of itself instead of a rung of a ladder, which only torch can export."""

    name: str
    kind: str
    architecture: Architecture | None = None
    cost: Cost | None = None
    normalization: tuple[Rgb, Rgb] | None = None

    @property
    def sizes(self) -> Sizes | None:
        """What limits refer to, counted (`n` is 1); None if unknown."""
        return None

    @abc.abstractmethod
    def write(self, path: Path, batch: int) -> None:
        """Writes the network as ONNX for `batch` images per inference."""

    @contextmanager
    def onnx_file(self, batch: int) -> Iterator[Path]:
        """The network as an ONNX file in a temporary folder."""
        with tempfile.TemporaryDirectory(prefix="tiernas-") as folder:
            path = Path(folder) / "network.onnx"
            self.write(path, batch)
            yield path


class ArchitectureSubject(Subject):
    """A network of ours, with random weights.

    Args:
        name: The user's name for it.
        kind: The kind of thing that the name refers to.
        architecture: The network.
        num_classes: Its number of classes.

    Raises:
        UsageError: Its resolution is too small for its strides.
    """

    def __init__(self, name: str, kind: str, architecture: Architecture, num_classes: int) -> None:
        number = architecture.shrunk_layer
        if number is not None:
            layer = architecture.layers[number]
            raise UsageError(
                f"{name}: a resolution of {architecture.resolution} is too small: layer {number} "
                f"({layer.label}) would have no output pixels; choose a larger one"
            )
        from tiernas.networks import cost

        self.name, self.kind, self.architecture = name, kind, architecture
        self.cost = cost(architecture, num_classes)
        self._num_classes = num_classes

    @property
    def sizes(self) -> Sizes | None:
        assert self.architecture is not None
        return architecture_sizes(self.architecture, self._num_classes)

    def write(self, path: Path, batch: int) -> None:
        from tiernas.networks import export_untrained

        assert self.architecture is not None
        export_untrained(self.architecture, self._num_classes, path, batch=batch)


class TimmSubject(Subject):
    """A classifier of timm, with random weights."""

    kind = "timm network"

    def __init__(self, network: TimmNetwork) -> None:
        self.name = TIMM_PREFIX + network.name
        self.cost = network.cost
        self.normalization = network.input_mean, network.input_std
        self._network = network

    @property
    def sizes(self) -> Sizes | None:
        from tiernas.networks.timm_models import timm_sizes

        return timm_sizes(self._network)

    def write(self, path: Path, batch: int) -> None:
        from tiernas.networks.timm_models import export_timm

        export_timm(self._network, path, batch=batch)


class OnnxSubject(Subject):
    """Any network in an ONNX file; engines check it.

    Raises:
        UsageError: There is no such file.
    """

    kind = "ONNX file"
    is_own_anchor = True

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise UsageError(f"{path}: there is no such file")
        self.name = str(path)
        self._path = path

    def write(self, path: Path, batch: int) -> None:
        shutil.copyfile(self._path, path)

    @contextmanager
    def onnx_file(self, batch: int) -> Iterator[Path]:
        """The file itself, because its weights may be in files next to it."""
        yield self._path


def find_subject(
    name: str, *, space: str | SearchSpace = "gpunet", resolution: int | None = None, num_classes: int | None = None
) -> Subject:
    """The network that a user names.

    Args:
        name: A released network (`gpunet_0`), an architecture's JSON file, a vector of a space (integers with commas),
            `timm:` and the name of a classifier of timm, or an `.onnx` file.
        space: The space of a vector.
        resolution: Height and width of the input, in pixels, instead of the network's own.
        num_classes: Number of classes; by default the space's for a vector, 1000 for others.

    Raises:
        UsageError: Nothing has this name, the file is not a network, or the resolution or number of classes is not
            possible.
        NotInstalledError: timm is not installed.
    """
    for option, value, most in (("resolution", resolution, _MOST_PIXELS), ("classes", num_classes, _MOST_CLASSES)):
        if value is not None and not 1 <= value <= most:
            raise UsageError(f"{option} = {value}: must be from 1 to {most:,}")
    classes = num_classes or _DEFAULT_CLASSES
    if name.startswith(TIMM_PREFIX):
        from tiernas.networks.timm_models import build_timm

        return TimmSubject(build_timm(name.removeprefix(TIMM_PREFIX), classes, resolution))
    if name.lower().endswith(".onnx"):
        if resolution or num_classes:
            raise UsageError(f"{name}: the resolution and classes of an ONNX file are fixed; export another")
        return OnnxSubject(Path(name))
    if name.lower().endswith(".json"):
        kind, architecture = "architecture file", read_architecture(Path(name))
    elif _VECTOR.fullmatch(name):
        of = get_space(space)
        kind, architecture = f"vector of {of.name}", of.decode([int(value) for value in name.split(",")])
        classes = num_classes or of.num_classes
    else:
        kind, architecture = "released network", _released(name)
    if resolution:
        architecture = architecture.resized(resolution)
    return ArchitectureSubject(name, kind, architecture, classes)


def _released(name: str) -> Architecture:
    try:
        return released(name)
    except UsageError:
        near = near_timm_names(name)
        hint = f" (did you mean {TIMM_PREFIX}{near[0]}?)" if near else ""
        raise UsageError(
            f"no network {name!r}{hint}. A network is one of {', '.join(released_names())}; an architecture file "
            f"(.json); a vector of a space (integers with commas); {TIMM_PREFIX}NAME; or an ONNX file (.onnx)"
        ) from None
