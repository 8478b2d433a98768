"""Whether what a network returns is the logits of a layer, or their probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Iterator

AGREEMENT = {torch.float64: 1e-9, torch.float32: 1e-4}  # relative to the largest; of layers as they are summed
COARSE = 3e-2  # of half precision


def logits_of(layer: nn.Linear, features: torch.Tensor) -> torch.Tensor:
    """What a layer gives for features by its weight and bias alone, whatever is hooked to it."""
    return nn.functional.linear(features, layer.weight, layer.bias)


def tensor_of(output: Any) -> torch.Tensor | None:
    """The one tensor that an output is, or that it has as `logits`; None if it can't be told which."""
    if isinstance(output, Mapping) and "logits" in output:
        output = output["logits"]
    output = getattr(output, "logits", output)
    parts = list(output.values()) if isinstance(output, Mapping) else output
    if isinstance(parts, (tuple, list)) and len(parts) == 1:
        (output,) = parts
    return output if torch.is_tensor(output) else None


def is_made_of(output: torch.Tensor, logits: torch.Tensor) -> bool:
    """Whether an output is the logits (rows, 1 or 2), or their sigmoid, softmax or its logarithm, in any shape."""
    if output.numel() != logits.numel():
        return False
    close = AGREEMENT.get(output.dtype, COARSE)
    found, wide = output.reshape(logits.shape).double(), logits.double()
    forms = (wide, wide.softmax(-1), wide.log_softmax(-1)) if wide.shape[-1] == 2 else (wide, wide.sigmoid())
    return any(bool((found - form).abs().max() <= close * form.abs().max()) for form in forms)


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


@contextmanager
def replaced(layer: nn.Linear) -> Iterator[list[torch.Tensor]]:
    """A layer that gives random numbers in this context, those of each call."""
    numbers: list[torch.Tensor] = []
    generator = torch.Generator().manual_seed(0)

    def give(layer: nn.Module, given: Any, output: torch.Tensor) -> torch.Tensor:
        numbers.append(3 * torch.randn(output.shape, generator=generator).to(output))
        return numbers[-1]

    handle = layer.register_forward_hook(give)
    try:
        yield numbers
    finally:
        handle.remove()
