"""The backends: a folder each, of a name. A line here imports another one, and a line names it.

Packages of backends import nothing heavy by themselves.
"""

from typing import Any

import numpy as np

from kernels import eager, numba_cpu, torch_cuda
from kernels.arguments import arrays, devices, numbers
from kernels.bodies import Backend

BACKENDS: dict[str, Backend[Any]] = {
    "numba": numba_cpu,
    "torch": torch_cuda,
    "reference": eager,
}
NAMES = {backend: name for name, backend in BACKENDS.items()}


def chosen(value: Any, **values: Any) -> Backend[Any]:
    """The backend asked for by its name, or the one for where arrays are: all on one card or none."""
    cards = {}
    for name, array in values.items():
        if not (array is None or type(array) is np.ndarray) and arrays.is_cuda(array):
            cards[name] = array.device
    default = "torch" if cards else "numba"
    chosen_name = default if value is None else numbers.one_of("backend", value, BACKENDS)
    if cards:
        devices.check_on_card(chosen_name, cards, values)
    return BACKENDS[chosen_name]


def arguments_of(body: Backend[Any], *values: Any) -> list[Any]:
    """Arrays or None as the backend takes them: as tensors, if it does."""
    return [arrays.tensor_of(value) for value in values] if body.TENSORS else list(values)
