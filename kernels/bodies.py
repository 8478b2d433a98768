"""What each backend must have: a function for each job that gives the module which does it.

That the modules of all backends have these functions is checked by type, and that their arguments have the same names
in the same order by `tests/kernels/test_house.py`. `Kind` is what their arrays are, np.ndarray or torch.Tensor.
"""

from collections.abc import Collection
from typing import Any, Protocol, TypedDict, TypeVar, Unpack

import numpy as np

from kernels.arguments.blocks import Block
from kernels.arguments.ranges import Summary
from kernels.kinds import Advance, Report
from kernels.mathematics.compression import Line
from kernels.mathematics.spectral import Tiling
from kernels.quantities import Asked
from kernels.results import Ensemble

Kind = TypeVar("Kind")
Taken = TypeVar("Taken", contravariant=True)  # the same where nothing of it is returned


class SurfaceBody(Protocol[Kind]):
    """Surfaces: sums over a block of samples, divided by the weight of a summary, written to `outputs`, {quantity:
    array}; and in how many passes over the samples."""

    def passes(self, names: Collection[str], loss: str, weighted: bool) -> Collection[str]: ...

    def evaluate(
        self,
        block: Block,
        summary: Summary,
        s: np.ndarray,
        t: np.ndarray,
        outputs: dict[str, Kind],
        loss: str,
        advance: Advance,
    ) -> None: ...


class InterpolationBody(Protocol[Kind]):
    """Values at Chebyshev nodes, of samples that may be compressed to their moments, which can be added up, and
    surfaces filled from them. What an axis is made of is the backend's own, but for its `nodes`."""

    def moments(self, block: Block, line: Line, asked: Asked, advance: Advance) -> np.ndarray: ...

    def evaluate_compressed(
        self,
        moments: np.ndarray,
        summary: Summary,
        s: np.ndarray,
        t: np.ndarray,
        outputs: dict[str, Kind],
        loss: str,
        line: Line,
        advance: Advance,
    ) -> None: ...

    def compressed_samples(self, line: Line, asked: Asked) -> int: ...

    def axis_of(self, values: np.ndarray, tiling: Tiling, device: Any) -> Any: ...

    def empty_values(self, like: Kind, s: Any, t: Any) -> Kind: ...

    def fill(self, values: Kind, s: Any, t: Any, out: Kind, floor: float) -> None: ...


class GradientBody(Protocol[Kind]):
    """Means over all samples: loss, a number or an array (), and its gradient by w (d,) and by b, likewise."""

    def loss_and_gradient(
        self, X: Kind, y: Kind, weight: Kind | None, w: Kind, b: Kind, total: Kind | float
    ) -> tuple[Any, Kind, Any]: ...


class RunSettings(TypedDict):
    """What `kernels.sgd_run_` is asked to do, checked; `trained` (d + 1,) is 1 for the parameters that are, else 0."""

    lr: float
    batch_size: int
    epochs: int
    loss: str
    shuffle_seed: int | None
    first_epoch: int
    momentum: float
    weight_decay: float
    trained: np.ndarray | None
    history: int


class RunBody(Protocol[Kind]):
    """A run of gradient descent from `state`, in place; its path."""

    def sgd_run_(
        self,
        X: Kind,
        y: Kind,
        weight: Kind | None,
        state: Kind,
        *,
        progress: Report,
        **settings: Unpack[RunSettings],
    ) -> tuple[Kind, Kind, Kind]: ...


class EnsembleSettings(TypedDict):
    """What `kernels.sgd_ensemble` is asked to do, checked."""

    batch_size: int
    epochs: int
    loss: str
    history_of: np.ndarray


class EnsembleBody(Protocol[Taken]):
    """Many runs at once. `rates`, float64, are learning rates (1, 1) or, of each, (1, k), or with momentum and weight
    decay below them (3, 1) or (3, k)."""

    def sgd_ensemble(
        self,
        X: Taken,
        y: Taken,
        weight: Taken | None,
        rates: Taken,
        w0: Taken,
        b0: Taken,
        *,
        progress: Report,
        **settings: Unpack[EnsembleSettings],
    ) -> Ensemble: ...


class Backend(Protocol[Kind]):
    """TENSORS says whether the modules take tensors, else NumPy arrays. Without interpolation, surfaces are evaluated
    at every point."""

    TENSORS: bool

    def surfaces(self) -> SurfaceBody[Kind]: ...

    def interpolation(self) -> InterpolationBody[Kind] | None: ...

    def gradients(self) -> GradientBody[Kind]: ...

    def runs(self) -> RunBody[Kind]: ...

    def ensembles(self) -> EnsembleBody[Kind]: ...
