"""The last layer of a network, and the features that it is given: a linear model of its own, and its data."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from kernels.arguments import memory
from logreg.estimators import full_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    Batch = tuple[torch.Tensor, Any]

AGREEMENT = 1e-2  # of probabilities, between a network's output and that of its last layer: half precision has 1e-3


class Features:
    """Batches (features (rows, d) float32 or float64, labels), on the CPU, made anew by the network in each pass."""

    def __init__(self, network: nn.Module, layer: nn.Linear, loader: Iterable[Any]) -> None:
        self.network, self.layer, self.loader = network, layer, loader

    def __len__(self) -> int:
        """The number of batches."""
        loader: Any = self.loader
        return len(loader)

    def __iter__(self) -> Iterator[Batch]:
        for batch in self.loader:
            inputs, labels = pair_of(batch)
            with evaluating(self.network), inputs_of(self.layer) as given:  # not across a yield: its modes would leak
                output_of(self.network, inputs)
            yield features_of(given, self.layer), labels


def head(network: nn.Module, loader: Iterable[Any]) -> tuple[nn.Linear, tuple[torch.Tensor, Any] | Features]:
    """The last linear layer of a network, of one or two outputs, and its data: (layer, data) for `LossSurface.around`.

    network  a classifier of two classes: what it returns are the layer's outputs, or their sigmoid or softmax. It is
             run in evaluation mode, without gradients, where its parameters are, and is left as it was found
    loader   batches (inputs, labels) that can be iterated over again, such as a DataLoader; inputs are what the network
             is called with, a tuple or a dict being several arguments

    data     (features (n, d), labels (n,)) on the CPU if these fit into the memory that is free twice, as they are put
             together; else Features, the batches of them, for which the network runs anew in each pass

    TypeError where `loader` can be read only once or doesn't give pairs; ValueError for a network whose last linear
    layer has more outputs, is called more than once, or isn't what the output is made of.
    """
    if not isinstance(network, nn.Module):
        raise TypeError(f"network is a {full_name(network)}; accepted: a module of PyTorch")
    if not hasattr(loader, "__iter__") or iter(loader) is loader:
        raise TypeError(f"loader is a {full_name(loader)}; accepted: batches that can be iterated over again")
    features = Features(network, last_layer(network, loader), loader)
    parts: list[Batch] = []
    size, free = 0, memory.free_memory()
    for part in features:
        size += part[0].nbytes
        if 2 * size > free:
            return features.layer, features
        parts.append(part)
    x, y = zip(*parts, strict=True)
    return features.layer, (torch.cat(x), joined(y))


def joined(labels: Sequence[Any]) -> torch.Tensor | np.ndarray:
    """Labels of all batches, a tensor on the CPU if they are tensors."""
    if all(map(torch.is_tensor, labels)):
        return torch.cat([part.cpu() for part in labels])
    return np.concatenate([np.asarray(part) for part in labels])


def last_layer(network: nn.Module, loader: Iterable[Any]) -> nn.Linear:
    """The nn.Linear that is called last for the first batch, if the output is made of what it returns."""
    called: list[tuple[nn.Linear, torch.Tensor]] = []
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    handles = [layer.register_forward_hook(lambda layer, _, out: called.append((layer, out))) for layer in layers]
    try:
        with evaluating(network):
            batch = next(iter(loader), None)
            if batch is None:
                raise ValueError("loader has no batches; accepted: at least one")
            output = output_of(network, pair_of(batch)[0])
    finally:
        for handle in handles:
            handle.remove()
    if not called:
        raise ValueError(f"network is a {full_name(network)} without an nn.Linear; accepted: one that ends with one")
    layer, logits = called[-1]
    if layer.out_features > 2:
        raise ValueError(f"network's last layer has {layer.out_features} outputs; accepted: one or two, of two classes")
    if sum(layer is other for other, _ in called) > 1:
        raise ValueError("network calls its last layer more than once; accepted: once for each sample")
    if not made_of(output, logits):
        raise ValueError(
            "network returns something else than its last nn.Linear, or its sigmoid or softmax; accepted: a network "
            "that ends with it"
        )
    return layer


def made_of(output: Any, logits: torch.Tensor) -> bool:
    """Whether an output is the logits, or their sigmoid, softmax or its logarithm, in any shape; True if it can't be
    told, as it is no tensor."""
    output = getattr(output, "logits", output)
    if not torch.is_tensor(output):
        return True
    if output.numel() != logits.numel():
        return False
    found, logits = output.reshape(logits.shape).double(), logits.double()
    last = logits.shape[-1] == 2
    forms = (logits, logits.softmax(-1), logits.log_softmax(-1)) if last else (logits, logits.sigmoid())
    return any(torch.allclose(found, form, rtol=AGREEMENT, atol=AGREEMENT) for form in forms)


def output_of(network: nn.Module, inputs: Any) -> Any:
    """What a network returns for the inputs of a batch, moved to where it is."""
    place = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    if isinstance(inputs, dict):
        return network(**{name: moved(value, place) for name, value in inputs.items()})
    if isinstance(inputs, (tuple, list)):
        return network(*(moved(value, place) for value in inputs))
    return network(moved(inputs, place))


def moved(value: Any, place: torch.device) -> Any:
    return value.to(place) if torch.is_tensor(value) else value


def features_of(given: list[torch.Tensor], layer: nn.Linear) -> torch.Tensor:
    """The features (rows, d) of the one call of a layer, on the CPU: float64, or float32 from anything narrower."""
    if len(given) != 1:
        raise ValueError(f"network calls its last layer {len(given)} times for a batch; accepted: once")
    features = given[0].reshape(-1, layer.in_features)
    return (features if features.dtype == torch.float64 else features.float()).cpu()


def pair_of(batch: Any) -> tuple[Any, Any]:
    if not (isinstance(batch, (tuple, list)) and len(batch) == 2):
        raise TypeError(f"loader gives {full_name(batch)}; accepted: pairs (inputs, labels)")
    return batch[0], batch[1]


@contextmanager
def inputs_of(layer: nn.Linear) -> Iterator[list[torch.Tensor]]:
    """What a layer is called with, in this context."""
    given: list[torch.Tensor] = []
    handle = layer.register_forward_pre_hook(lambda layer, arguments: given.append(arguments[0].detach()))
    try:
        yield given
    finally:
        handle.remove()


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients in this context, and each module's own mode again after it."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode
