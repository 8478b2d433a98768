"""The last layer of a network, and the features that it is given: a linear model of its own, and its data."""

from __future__ import annotations

from collections.abc import Iterator
from threading import RLock
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from kernels.arguments import memory
from logreg.estimators import full_name
from logreg.outputs import evaluating, is_made_of, logits_of, replaced, tensor_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Batch = tuple[torch.Tensor, Any]
    Call = tuple[nn.Linear, torch.Tensor | None]

RUNNING = RLock()  # the modes of a network and what is hooked to it are those of one thread


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
            _, calls = run(self.network, inputs, [self.layer])  # nothing of it lasts across a yield
            if len(calls) != 1:
                raise ValueError(f"network calls its last layer {len(calls)} times for a batch; accepted: once")
            given = calls[0][1]
            assert given is not None  # as the layer has one or two outputs
            yield on_host(given.reshape(-1, self.layer.in_features)), labels


def head(network: nn.Module, loader: Iterable[Any]) -> tuple[nn.Linear, tuple[torch.Tensor, Any] | Features]:
    """The last linear layer of a network, of one or two outputs, and its data: (layer, data) for `LossSurface.around`.

    Parameters
    ----------
    network : torch.nn.Module
        A classifier of two classes: what it returns, a tensor or what has one as `logits`, are the outputs of an
        nn.Linear, or their sigmoid or softmax. It is run in evaluation mode, without gradients, where its parameters
        are, by one thread at a time, and is left as it was found.
    loader : iterable of (inputs, labels)
        Batches that can be iterated over again, such as a DataLoader; inputs are what the network is called with, a
        tuple or a dict being several arguments.

    Returns
    -------
    layer : torch.nn.Linear
        The network's own; of one whose weights are computed, as by weight normalisation, a plain copy.
    data : tuple, or iterable of batches
        (features (n, d), labels (n,)) on the CPU if these fit into the memory that is free twice, as they are put
        together; else Features, the batches of them, for which the network runs anew in each pass.

    Raises
    ------
    TypeError
        `loader` can be read only once or doesn't give pairs.
    ValueError
        The network's last linear layer has more outputs, is called more than once, or isn't what the output is made of.

    See Also
    --------
    LossSurface.around : takes both
    record : the path of an optimiser that trains the layer

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from logreg import LossSurface, head
    >>> generator = torch.Generator().manual_seed(0)
    >>> inputs = torch.randn(40, 3, generator=generator)
    >>> labels = (inputs[:, 0] > 0).float()
    >>> network = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    >>> layer, (features, of_samples) = head(network, [(inputs[:20], labels[:20]), (inputs[20:], labels[20:])])
    >>> layer is network[2], features.shape
    (True, torch.Size([40, 4]))
    >>> LossSurface.around(layer, (features, of_samples), resolution=50).loss.shape
    (50, 50)
    """
    if not isinstance(network, nn.Module):
        raise TypeError(f"network is a {full_name(network)}; accepted: a module of PyTorch")
    if not hasattr(loader, "__iter__") or isinstance(loader, Iterator):
        raise TypeError(f"loader is a {full_name(loader)}; accepted: batches that can be iterated over again")
    layer = last_layer(network, loader)
    features = Features(network, layer, loader)
    parts: list[Batch] = []
    size, free = 0, memory.free_memory()
    for x, labels in features:
        size += x.nbytes
        if 2 * size > free:
            return plain(layer), features
        parts.append((x, copy_of(labels)))
    return plain(layer), (torch.cat([x for x, _ in parts]), together([labels for _, labels in parts]))


def copy_of(labels: Any) -> Any:
    """Labels of a batch, whose memory a loader may use again."""
    return labels.detach().cpu().clone() if torch.is_tensor(labels) else np.array(labels)


def together(labels: Sequence[Any]) -> torch.Tensor | np.ndarray:
    """Labels of all batches, a tensor if they are tensors."""
    return torch.cat(list(labels)) if torch.is_tensor(labels[0]) else np.concatenate(labels)


def plain(layer: nn.Linear) -> nn.Linear:
    """A layer, or an nn.Linear that gives what it gives by its weight and bias, where these are computed."""
    if type(layer) is nn.Linear and "weight" in layer._parameters:
        return layer
    copy = nn.Linear(layer.in_features, layer.out_features, layer.bias is not None)
    copy = copy.to(layer.weight)
    with torch.no_grad():
        copy.weight.copy_(layer.weight)
        if layer.bias is not None:
            copy.bias.copy_(layer.bias)
    return copy


def last_layer(network: nn.Module, loader: Iterable[Any]) -> nn.Linear:
    """The nn.Linear of which the output for the first batch is made."""
    batch = next(iter(loader), None)
    if batch is None:
        raise ValueError("loader has no batches; accepted: at least one")
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    returned, calls = run(network, pair_of(batch)[0], layers)
    if not calls:
        raise ValueError(f"network is a {full_name(network)} without an nn.Linear; accepted: one that ends with one")
    output = tensor_of(returned)
    if output is None:
        raise ValueError(
            f"network returns a {full_name(returned)}; accepted: a tensor, or what has one as `logits`; of several a "
            "module around the network can return one"
        )
    if not torch.isfinite(output).all():
        raise ValueError("network gives NaN or infinite values for the first batch; accepted: finite ones")
    for layer, given in reversed(calls):
        if given is None:
            continue
        with torch.no_grad():
            logits = logits_of(layer, given).reshape(-1, layer.out_features)
        if is_made_of(output, logits) and answers(network, pair_of(batch)[0], layer):
            if sum(layer is other for other, _ in calls) > 1:
                raise ValueError("network calls its last layer more than once; accepted: once for each sample")
            return layer
    if calls[-1][0].out_features > 2:
        outputs = calls[-1][0].out_features
        raise ValueError(f"network's last layer has {outputs} outputs; accepted: one or two, of two classes")
    raise ValueError(
        "network returns something else than its last nn.Linear gives by weight and bias, or its sigmoid or softmax; "
        "accepted: a network that ends with it"
    )


def run(network: nn.Module, inputs: Any, layers: Sequence[nn.Linear]) -> tuple[Any, list[Call]]:
    """What a network returns for the inputs of a batch, moved to where it is, and the calls of some of its layers, in
    order, with copies of what they were given."""
    place = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    calls: list[Call] = []

    def note(layer: Any, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        features = given[0] if given else named["input"]
        calls.append((layer, features.detach().clone() if layer.out_features <= 2 else None))

    with RUNNING:
        handles = [layer.register_forward_pre_hook(note, with_kwargs=True) for layer in layers]
        try:
            with evaluating(network):
                return call(network, inputs, place), calls
        finally:
            for handle in handles:
                handle.remove()


def answers(network: nn.Module, inputs: Any, layer: nn.Linear) -> bool:
    """Whether a network's output is made of what a layer gives, whatever that is: it is given other numbers."""
    with RUNNING, evaluating(network), replaced(layer) as numbers:
        place = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
        output = tensor_of(call(network, inputs, place))
        return (
            output is not None and len(numbers) > 0 and is_made_of(output, numbers[-1].reshape(-1, layer.out_features))
        )


def call(network: nn.Module, inputs: Any, place: torch.device) -> Any:
    if isinstance(inputs, dict):
        return network(**{name: moved(value, place) for name, value in inputs.items()})
    if isinstance(inputs, (tuple, list)):
        return network(*(moved(value, place) for value in inputs))
    return network(moved(inputs, place))


def moved(value: Any, place: torch.device) -> Any:
    return value.to(place) if torch.is_tensor(value) else value


def on_host(features: torch.Tensor) -> torch.Tensor:
    """Features on the CPU: float64, or float32 from anything narrower."""
    return (features if features.dtype == torch.float64 else features.float()).cpu()


def pair_of(batch: Any) -> tuple[Any, Any]:
    if not (isinstance(batch, (tuple, list)) and len(batch) == 2):
        raise TypeError(f"loader gives {full_name(batch)}; accepted: pairs (inputs, labels)")
    return batch[0], batch[1]
