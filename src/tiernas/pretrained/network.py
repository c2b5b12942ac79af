"""`PretrainedNet`: a tiernas network with weights from another source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from tiernas.errors import UsageError
from tiernas.networks.building import Network
from tiernas.networks.normalization import IMAGE_MEAN, IMAGE_STD, Normalization, Rgb
from tiernas.networks.plugin_layers import require_declared_shapes
from tiernas.shapes import shape_in_words
from tiernas.spaces.architecture import Architecture

_LINEAR = 2
"""Dimensions of a classifier's weights: classes and channels."""

_COUNTER = "num_batches_tracked"
"""A tensor of batch normalization that is not used in computations and missing in older files."""


@dataclass(frozen=True, slots=True)
class Original:
    """A network from another source, described as a tiernas network.

    Attributes:
        name: How messages refer to it.
        architecture: Its tiernas architecture.
        num_classes: Its number of classes unless weights determine another.
        input_mean: Mean of red, green and blue (pixels in 0 to 1), which is subtracted from its input.
        input_std: Standard deviation, by which the difference is divided.
        classes: Names of its classes, in the order of the logits; None if unknown.
    """

    name: str
    architecture: Architecture
    num_classes: int = 1000
    input_mean: Rgb = IMAGE_MEAN
    input_std: Rgb = IMAGE_STD
    classes: tuple[str, ...] | None = None


class PretrainedNet(Network):
    """A classifier with weights from another source.

    Attributes:
        input_mean: Mean of red, green and blue (pixels in 0 to 1), which is subtracted from its input.
        input_std: Standard deviation, by which the difference is divided.
        classes: Names of the classes, in the order of the logits; None if unknown or if the classifier is a fresh one.
    """

    def __init__(self, original: Original, num_classes: int, *, same_classes: bool) -> None:
        require_declared_shapes(original.architecture, num_classes)
        super().__init__(original.architecture, num_classes, dropout=0.0, drop_path_rate=0.0)
        self.input_mean, self.input_std = original.input_mean, original.input_std
        self.classes = original.classes if same_classes else None

    @property
    def normalization(self) -> Normalization:
        """Normalization of its input."""
        return Normalization(self.input_mean, self.input_std)


def fresh(original: Original, num_classes: int | None) -> PretrainedNet:
    """The network with random weights, in evaluation mode.

    Args:
        original: The network.
        num_classes: Its number of classes; that of the original if None.
    """
    wanted = num_classes or original.num_classes
    return PretrainedNet(original, wanted, same_classes=wanted == original.num_classes).eval()


def inherit(
    original: Original,
    tensors: Mapping[str, Tensor],
    file: str,
    num_classes: int | None,
    modules: Sequence[str] | None = None,
) -> PretrainedNet:
    """The network with the given weights, in evaluation mode.

    Args:
        original: The network.
        tensors: The weights by name.
        file: Their origin, for messages.
        num_classes: If it differs from that of the weights, the classifier is a fresh one; None keeps theirs.
        modules: Names in `tensors` of the modules with tensors, in execution order; None if they are named like ours.

    Raises:
        UsageError: The weights belong to another network; the message names the tensor and the shapes.
    """
    classifier = None if modules is None else tensors.get(f"{modules[-1]}.weight")
    theirs = len(classifier) if classifier is not None and classifier.dim() == _LINEAR else original.num_classes
    wanted = theirs if num_classes is None else num_classes
    network = PretrainedNet(original, wanted, same_classes=wanted == theirs)
    ours = [name for name, _ in _modules(network)]
    names = ours if modules is None else modules
    expected = named_like(network, names)
    if wanted != theirs:  # the classifier stays fresh
        expected, tensors = (_without(names[-1], some) for some in (expected, tensors))
    why = misfit(expected, tensors)
    if why is None and len(names) != len(ours):
        why = f"it has {len(ours)} modules with weights, not {len(names)}"
    if why is not None:
        raise of_another_network(original.name, file, why)
    for name, tensor in expected.items():
        if name in tensors:
            tensor.copy_(tensors[name])
    return network.eval()


def named_like(network: nn.Module, modules: Sequence[str]) -> Mapping[str, Tensor]:
    """The tensors of a network, not copied, by the names that the modules of its source have.

    Args:
        network: The network.
        modules: Names of the source's modules with tensors, in execution order.
    """
    pairs = zip(_modules(network), modules, strict=False)
    return {f"{name}.{key}": tensor for (_, module), name in pairs for key, tensor in module.state_dict().items()}


def misfit(expected: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> str | None:
    """Why tensors are not the weights of a network: the first that is missing, has another shape, or is too many.

    Args:
        expected: The tensors of the network by name.
        tensors: The weights by name.
    """
    for name, ours_is in expected.items():
        if name in tensors and tensors[name].shape != ours_is.shape:
            return f"{name} is {shape_in_words(tensors[name].shape)}, but must be {shape_in_words(ours_is.shape)}"
        if name not in tensors and name.rpartition(".")[2] != _COUNTER:
            return f"{name} is missing, but must be {shape_in_words(ours_is.shape)}"
    extra = next((name for name in tensors if name not in expected), None)
    return None if extra is None else f"it has no {extra}, {shape_in_words(tensors[extra].shape)}"


def of_another_network(name: str, file: str, why: str) -> UsageError:
    """The error for weights that do not fit.

    Args:
        name: How messages refer to the network.
        file: Origin of the weights.
        why: See `misfit`.
    """
    return UsageError(f"{file}: contains weights of a network other than {name}: {why}")


def _without(module: str, tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    return {name: tensor for name, tensor in tensors.items() if name.rpartition(".")[0] != module}


def _modules(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Names and modules that have weights of their own, in execution order."""
    for name, module in network.named_modules():
        if next(module.parameters(recurse=False), None) is not None:
            yield name, module
