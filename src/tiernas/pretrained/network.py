"""`PretrainedNet`: one of our networks with somebody else's weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from tiernas.errors import UsageError
from tiernas.networks.building import Network
from tiernas.networks.normalization import IMAGE_MEAN, IMAGE_STD, Rgb
from tiernas.networks.plugin_layers import require_declared_shapes
from tiernas.spaces.architecture import Architecture

_LINEAR = 2
"""Dimensions of a classifier's weights: classes and channels."""

_COUNTER = "num_batches_tracked"
"""Of batch normalisation: nothing is computed with it, and older files have none."""


@dataclass(frozen=True, slots=True)
class Original:
    """A network from elsewhere, written as one of ours.

    Attributes:
        name: What messages call it.
        architecture: The same network as ours.
        num_classes: Classes that it has where no weights say otherwise.
        input_mean: Mean of red, green and blue (pixels in 0 to 1) that is subtracted from its input.
        input_std: What its input is divided by afterwards.
        classes: Names of its classes, in the order of the logits; None where they are not known.
    """

    name: str
    architecture: Architecture
    num_classes: int = 1000
    input_mean: Rgb = IMAGE_MEAN
    input_std: Rgb = IMAGE_STD
    classes: tuple[str, ...] | None = None


class PretrainedNet(Network):
    """A classifier whose weights come from elsewhere.

    Attributes:
        input_mean: Mean of red, green and blue (pixels in 0 to 1) that is subtracted from its input.
        input_std: What its input is divided by afterwards.
        classes: Names of the classes, in the order of the logits; None where they are not known, or the classifier
            is a fresh one.
    """

    def __init__(self, original: Original, num_classes: int, *, same_classes: bool) -> None:
        require_declared_shapes(original.architecture, num_classes)
        super().__init__(original.architecture, num_classes, dropout=0.0, drop_path_rate=0.0)
        self.input_mean, self.input_std = original.input_mean, original.input_std
        self.classes = original.classes if same_classes else None


def fresh(original: Original, num_classes: int | None) -> PretrainedNet:
    """The network with random weights, in evaluation mode.

    Args:
        original: Which.
        num_classes: Its classes; those of the original if None.
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
    """The network with weights, in evaluation mode.

    Args:
        original: Which.
        tensors: The weights by name.
        file: Where they are from, for messages.
        num_classes: Another number than theirs gives a fresh classifier; None keeps theirs.
        modules: What the modules that have tensors are called in `tensors`, in the order they run; as ours if None.

    Raises:
        UsageError: The weights are those of another network; names the tensor and the shapes.
    """
    classifier = None if modules is None else tensors.get(f"{modules[-1]}.weight")
    theirs = len(classifier) if classifier is not None and classifier.dim() == _LINEAR else original.num_classes
    wanted = theirs if num_classes is None else num_classes
    network = PretrainedNet(original, wanted, same_classes=wanted == theirs)
    ours = list(_modules(network))
    names = [name for name, _ in ours] if modules is None else modules
    known: set[str] = set()
    taken: dict[str, Tensor] = {}
    for (our_name, module), their_name in zip(ours, names, strict=False):
        dropped = wanted != theirs and our_name == ours[-1][0]
        for key, ours_is in module.state_dict().items():
            known.add(name := f"{their_name}.{key}")
            if dropped:
                continue
            if name in tensors and tensors[name].shape == ours_is.shape:
                taken[f"{our_name}.{key}"] = tensors[name]
            elif name in tensors or key != _COUNTER:
                theirs_is = f"is {_shown(tensors[name])}" if name in tensors else "is missing"
                raise _of_another_network(original, file, f"{name} {theirs_is}, and must be {_shown(ours_is)}")
    if extra := next((name for name in tensors if name not in known), None):
        raise _of_another_network(original, file, f"it has no {extra}, {_shown(tensors[extra])}")
    if len(names) != len(ours):
        raise _of_another_network(original, file, f"it has {len(ours)} modules with weights, not {len(names)}")
    network.load_state_dict(network.state_dict() | taken)
    return network.eval()


def _modules(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Names and modules that have weights of their own, in the order they run."""
    for name, module in network.named_modules():
        if next(module.parameters(recurse=False), None) is not None:
            yield name, module


def _of_another_network(original: Original, file: str, why: str) -> UsageError:
    return UsageError(f"{file}: holds the weights of another network than {original.name}: {why}")


def _shown(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "one number"
