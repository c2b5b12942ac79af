"""Everything that changes while a network is trained, to named tensors and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer

from tiernas.networks import Network, build
from tiernas.pretrained.training_files import AVERAGE, NETWORK
from tiernas.spaces import Architecture
from tiernas.training.compilation import compiled
from tiernas.training.depthwise import speed_up_depthwise
from tiernas.training.group import Group
from tiernas.training.initialization import calm
from tiernas.training.optimization import make_average, make_optimizer, set_learning_rate
from tiernas.training.precision import make_scaler
from tiernas.training.recipe import RecipeConfig

_OPTIMIZER, _SCALER = "optimizer.", "scaler."


class OptimizedModule:
    """A module in training with its optimizer and averaged weights.

    Attributes:
        network: The module being trained.
        optimizer: Its learning rate is set before every step, so it is not part of the state.
        average: Moving average of the weights, or None.
        scaler: Loss scaler for fp16, or None.

    Args:
        network: The module, on its device.
        optimizer: Changes its parameters.
        ema_decay: Decay per step of the moving average; 0: no average.
        scaler: Loss scaler for fp16.
        clip_norm: Largest norm of the gradient of all weights; longer ones are scaled down to it. 0: no limit.
    """

    network: nn.Module

    def __init__(
        self,
        network: nn.Module,
        optimizer: Optimizer,
        ema_decay: float,
        scaler: torch.amp.GradScaler | None = None,
        clip_norm: float = 0.0,
    ) -> None:
        self.network = network
        self.optimizer = optimizer
        self.average = make_average(network, ema_decay)
        self.scaler = scaler
        self._clip_norm = clip_norm

    @property
    def resulting(self) -> nn.Module:
        """The network that is evaluated and saved: the averaged one if there is one."""
        return self.network if self.average is None else self.average.module

    def update(self, loss: Tensor, learning_rate: float) -> None:
        """Takes one optimizer step down the gradient of a loss."""
        set_learning_rate(self.optimizer, learning_rate)
        if self.scaler is None:
            loss.backward()  # type: ignore[no-untyped-call]
            self._clip()
            self.optimizer.step()
        else:
            self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            self.scaler.unscale_(self.optimizer)
            self._clip()
            self.scaler.step(self.optimizer)
            self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        if self.average is not None:
            self.average.update_parameters(self.network)

    def _clip(self) -> None:
        if self._clip_norm:
            clip_grad_norm_(self.network.parameters(), self._clip_norm)

    def is_finite(self) -> bool:
        """Whether all weights are finite."""
        return all(bool(p.isfinite().all()) for p in self.network.parameters())

    def tensors(self) -> dict[str, Tensor]:
        """The whole state by name; the tensors themselves, not copies."""
        named = {NETWORK + name: tensor for name, tensor in self.network.state_dict().items()}
        if self.average is not None:
            named |= {AVERAGE + name: tensor for name, tensor in self.average.state_dict().items()}
        for index, slots in self.optimizer.state_dict()["state"].items():
            named |= {f"{_OPTIMIZER}{index}.{slot}": tensor for slot, tensor in slots.items() if tensor is not None}
        if self.scaler is not None:
            named |= {_SCALER + name: torch.tensor(value) for name, value in self.scaler.state_dict().items()}
        return named

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Restores what `tensors` returned, in another process."""
        self.network.load_state_dict(_below(NETWORK, tensors))
        if self.average is not None:
            self.average.load_state_dict(_below(AVERAGE, tensors))
        if self.scaler is not None:
            self.scaler.load_state_dict({name: t.item() for name, t in _below(_SCALER, tensors).items()})
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        slots: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _below(_OPTIMIZER, tensors).items():
            index, slot = name.split(".", 1)
            parameter = parameters[int(index)]
            # Same strides as the parameter: with others the optimizer uses other kernels, which round differently.
            same = torch.empty_like(parameter).copy_(tensor) if tensor.shape == parameter.shape else tensor.clone()
            slots.setdefault(int(index), {})[slot] = same
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": slots})


class TrainingState(OptimizedModule):
    """A classifier in training.

    Attributes:
        network: The network being trained, in channels-last memory.
        parallel: The same network for the forward pass: compiled if the recipe says so, with gradients shared by all
            processes.
        device: The device everything is on.
        normalization: Normalization of the network's input.

    Args:
        architecture: The network.
        num_classes: Number of classes.
        recipe: How to train.
        device: The device to train on.
        begin: Gives the newly built network its first weights, in place; None if `restore` follows and replaces them.
    """

    def __init__(
        self,
        architecture: Architecture,
        num_classes: int,
        recipe: RecipeConfig,
        device: torch.device,
        begin: Callable[[Network], None] | None = calm,
    ) -> None:
        network = build(architecture, num_classes, dropout=recipe.dropout, drop_path_rate=recipe.drop_path_rate)
        if begin is not None:
            begin(network)
        if device.type == "cpu":
            speed_up_depthwise(network)
        self.device = device
        self.normalization = recipe.normalization
        network = network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        scaler = make_scaler(recipe.precision, device)
        super().__init__(network, make_optimizer(network, recipe), recipe.ema_decay, scaler)
        self.parallel: nn.Module = compiled(self.network, device) if recipe.compile else self.network

    def share_gradients(self, group: Group) -> None:
        """Makes all processes of a group take the same steps, starting from the weights of the first."""
        self.parallel = group.parallel(self.parallel)

    def average_buffers(self, group: Group) -> None:
        """Averages the statistics of batch normalization over all processes."""
        group.average_buffers(self.network)
        if self.average is not None:
            group.average_buffers(self.average)


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
