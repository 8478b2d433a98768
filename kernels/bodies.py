"""What each backend must have: a function for each job that gives the module which does it.

That the modules of all backends have these functions is checked by type, and that their arguments have the same names
in the same order by `tests/kernels/test_house.py`.
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from kernels.arguments.samples import Samples, Summary
from kernels.mathematics.compression import Line
from kernels.mathematics.spectral import Tiling
from kernels.quantities import Asked
from kernels.results import Ensemble

Array = Any  # np.ndarray or torch.Tensor
Advance = Callable[[int], None]
Report = Callable[[int, int], None]


class SurfaceBody(Protocol):
    """Surfaces: what is written to `outputs`, {quantity: array}, and in how many passes over the samples."""

    def passes(self, names: Any, loss: str, weighted: bool) -> Any: ...

    def evaluate(
        self,
        samples: Samples,
        summary: Summary,
        s: np.ndarray,
        t: np.ndarray,
        outputs: dict[str, Array],
        loss: str,
        advance: Advance,
    ) -> None: ...


class InterpolationBody(Protocol):
    """Values at Chebyshev nodes, of samples that may be compressed, and surfaces filled from them."""

    def evaluate_compressed(
        self,
        samples: Samples,
        summary: Summary,
        s: np.ndarray,
        t: np.ndarray,
        outputs: dict[str, Array],
        loss: str,
        line: Line,
        advance: Advance,
    ) -> None: ...

    def compressed_samples(self, line: Line, asked: Asked) -> int: ...

    def axis_of(self, values: np.ndarray, tiling: Tiling, device: Any) -> Any: ...

    def empty_values(self, like: Array, s: Any, t: Any) -> Array: ...

    def fill(self, values: Array, s: Any, t: Any, out: Array, floor: float) -> None: ...


class GradientBody(Protocol):
    """Means over all samples: loss and its gradient by w (d,) and by b."""

    def loss_and_gradient(
        self, X: Array, y: Array, weight: Array | None, w: Array, b: Array, total: Array | float
    ) -> tuple[Array, Array, Array]: ...


class RunBody(Protocol):
    """A run of gradient descent from `state`, in place; its path."""

    def sgd_run_(
        self,
        X: Array,
        y: Array,
        weight: Array | None,
        state: Array,
        *,
        lr: float,
        batch_size: int,
        epochs: int,
        loss: str,
        shuffle_seed: int | None,
        first_epoch: int,
        momentum: float,
        weight_decay: float,
        trained: np.ndarray | None,
        history: int,
        progress: Report,
    ) -> tuple[Array, Array, Array]: ...


class EnsembleBody(Protocol):
    """Many runs at once."""

    def sgd_ensemble(
        self,
        X: Array,
        y: Array,
        weight: Array | None,
        w0: Array,
        b0: Array,
        *,
        lr: float,
        batch_size: int,
        epochs: int,
        loss: str,
        history_of: np.ndarray,
        progress: Report,
    ) -> Ensemble: ...


class Backend(Protocol):
    """TENSORS says whether the modules take tensors, else NumPy arrays. Without interpolation, surfaces are evaluated
    at every point."""

    TENSORS: bool

    def surfaces(self) -> SurfaceBody: ...

    def interpolation(self) -> InterpolationBody | None: ...

    def gradients(self) -> GradientBody: ...

    def runs(self) -> RunBody: ...

    def ensembles(self) -> EnsembleBody: ...
