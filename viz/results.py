"""What can be drawn, as types: anything will do that has these attributes. `inputs` and `plane` check what is in them.

The quantities of a plane's surface and `steps_per_epoch` of a history are read where they are wanted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import ArrayLike


class Data(Protocol):
    """A data set or a tuple, of which data[:] is (x, y)."""

    def __getitem__(self, rows: slice, /) -> Iterable[ArrayLike]: ...


class LossSurface(Protocol):
    """A loss over (w, b): w (nw,), b (nb,), Z (nb, nw), and where it is lowest, (w, b, loss), by place or by name."""

    @property
    def w(self) -> ArrayLike: ...

    @property
    def b(self) -> ArrayLike: ...

    @property
    def Z(self) -> ArrayLike: ...

    @property
    def loss(self) -> str: ...

    @property
    def minimum(self) -> Any: ...


class Plane(Protocol):
    """A plane of parameter space: what its axes are in words, and the directions (d + 1,) that span it."""

    @property
    def labels(self) -> tuple[str, str]: ...

    @property
    def s_direction(self) -> np.ndarray: ...

    @property
    def t_direction(self) -> np.ndarray: ...


class PlaneSurface(Protocol):
    """Quantities over a plane, s (ns,), t (nt,), and where a history lies on it."""

    @property
    def s(self) -> ArrayLike: ...

    @property
    def t(self) -> ArrayLike: ...

    @property
    def plane(self) -> Plane: ...

    @property
    def l2(self) -> ArrayLike: ...

    def project(self, history: Any, /) -> Any: ...


class History(Protocol):
    """A run of training: w (steps, d), b (steps,), its start, and the loss on all the data there and along it."""

    @property
    def w(self) -> ArrayLike: ...

    @property
    def b(self) -> np.ndarray: ...

    @property
    def start_w(self) -> ArrayLike: ...

    @property
    def start_b(self) -> ArrayLike: ...

    @property
    def start_loss(self) -> ArrayLike: ...

    def full_loss(self) -> ArrayLike: ...


class ThinHistory(History, Protocol):
    """A run that holds a step of `every`, and not the last of its `steps`, which it has apart."""

    @property
    def every(self) -> int: ...

    @property
    def steps(self) -> int: ...

    @property
    def end_w(self) -> ArrayLike: ...

    @property
    def end_b(self) -> ArrayLike: ...

    @property
    def end_loss(self) -> ArrayLike: ...


class Line(Protocol):
    """Quantities along a line of parameter space, `alpha` (n,), and points on it, {name: alpha}.

    Those of loss, mse, accuracy, balanced_accuracy, gradient and hessian, derivatives along the line, that were asked
    for are (n,), others None. `l2` and `l2_bias` are 0 where they aren't there.
    """

    @property
    def alpha(self) -> ArrayLike: ...

    @property
    def label(self) -> str: ...

    @property
    def marks(self) -> Mapping[str, float]: ...

    @property
    def cost(self) -> str: ...


class Study(Protocol):
    """Starts w (k,), b (k,) in a window, and what each cost led to from them, accuracy and steps {cost: (k,)}."""

    @property
    def w(self) -> ArrayLike: ...

    @property
    def b(self) -> ArrayLike: ...

    @property
    def w_range(self) -> tuple[float, float]: ...

    @property
    def b_range(self) -> tuple[float, float]: ...

    @property
    def accuracy(self) -> Mapping[str, ArrayLike]: ...

    @property
    def steps(self) -> Mapping[str, ArrayLike]: ...

    @property
    def total_steps(self) -> int: ...


class RatesStudy(Protocol):
    """What each cost led to with learning rates (r,) and batch sizes (m,): loss, accuracy and steps {cost: (m, r)}, and
    behaviour, 0 where training converges, 1 where it oscillates, 2 where it diverges."""

    @property
    def rates(self) -> ArrayLike: ...

    @property
    def batch_sizes(self) -> ArrayLike: ...

    @property
    def loss(self) -> Mapping[str, ArrayLike]: ...

    @property
    def accuracy(self) -> Mapping[str, ArrayLike]: ...

    @property
    def steps(self) -> Mapping[str, ArrayLike]: ...

    @property
    def behaviour(self) -> Mapping[str, ArrayLike]: ...


if TYPE_CHECKING:
    Keywords: TypeAlias = Mapping[str, Any] | None  # of matplotlib's functions
    Runs: TypeAlias = History | Any | Mapping[str, Any] | Sequence[Any] | None
