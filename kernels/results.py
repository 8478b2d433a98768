"""What the kernels return: plain named tuples, with NumPy arrays for NumPy input and tensors for tensors; and where a
grid of values is lowest."""

from typing import NamedTuple

import numpy as np

from kernels.kinds import Array


class LogitPlane(NamedTuple):
    """Logits on a plane of parameter space, offset + s s_slope + t t_slope.

    Attributes
    ----------
    offset : array or tensor (n,)
        Logits at the center of the plane.
    s_slope, t_slope : array or tensor (n,)
        By how much the logits change with s and with t.

    See Also
    --------
    logit_plane : makes it of features and directions
    surface_on_plane : a loss on it

    Examples
    --------
    >>> import numpy as np
    >>> from kernels import LogitPlane, surface_on_plane
    >>> x = np.array([-1.0, 0.0, 2.0])
    >>> plane = LogitPlane(offset=np.zeros(3), s_slope=x, t_slope=np.ones(3))  # the model z = s x + t
    >>> surface_on_plane(plane, [0, 0, 1], s=[0.0, 1.0], t=[0.0]).loss.round(3)
    array([[0.693, 0.378]])
    """

    offset: Array
    s_slope: Array
    t_slope: Array


class Plan(NamedTuple):
    """How a surface is evaluated.

    Attributes
    ----------
    method : str
        "direct" or "spectral".
    nodes : tuple of int, or None
        (s nodes, t nodes) of the interpolation; None when direct.
    bound : float
        Bound on the absolute error of the interpolation, relative to max(1, largest size of the quantity); 0.0 when
        direct.
    reason : str
        One sentence: why this method.

    See Also
    --------
    plan_surface : the plan of a surface that isn't evaluated yet

    Examples
    --------
    >>> from kernels import LogitPlane, surface_on_plane
    >>> plane = LogitPlane([0.0, 0.0], [1.0, -1.0], [1.0, 1.0])
    >>> plan = surface_on_plane(plane, [0, 1], s=[0.0, 1.0], t=[0.0, 1.0]).plan
    >>> plan.method, plan.nodes, plan.bound
    ('direct', None, 0.0)
    """

    method: str
    nodes: tuple[int, int] | None
    bound: float
    reason: str


class LossGrad(NamedTuple):
    """Mean loss and its gradient.

    Attributes
    ----------
    loss : scalar, or tensor ()
        Mean of the loss.
    grad_w : array or tensor (d,)
        Its derivatives by the weights.
    grad_b : scalar, or tensor ()
        Its derivative by the bias.

    See Also
    --------
    bce_loss_grad : returns it

    Examples
    --------
    >>> from kernels import bce_loss_grad
    >>> loss, grad_w, grad_b = bce_loss_grad([[1.0], [3.0]], [0, 1], [0.0], 0.0)
    >>> round(float(loss), 4), grad_w.tolist(), float(grad_b)
    (0.6931, [-0.5], 0.0)
    """

    loss: Array
    grad_w: Array
    grad_b: Array


class Path(NamedTuple):
    """`w` (steps, d) and `b` (steps,) after each kept step, and `loss` (steps,), the minibatch's before it."""

    w: Array
    b: Array
    loss: Array


class Run(Path):
    """A path of training: a named tuple (w, b, loss), and beside it what another run goes on from.

    Attributes
    ----------
    w : array or tensor (steps, d)
        Weights after each step that was kept.
    b : array or tensor (steps,)
        Biases after each of them.
    loss : array or tensor (steps,)
        The minibatch's loss before each of them.
    velocity : array or tensor (d + 1,) or (2, d + 1), or None
        That of the last step, the bias last, float64; of float32 data (2, d + 1), with the parameters before they were
        rounded below it. None in the history of an ensemble. It isn't an element of the tuple.
    epoch : int or None
        Epochs trained so far, those before this run included: `first_epoch` of a run that goes on. None in the history
        of an ensemble. It isn't an element of the tuple.

    See Also
    --------
    sgd_run_ : returns it

    Examples
    --------
    >>> import numpy as np
    >>> from kernels import sgd_run_
    >>> run = sgd_run_([[1.0], [3.0]], [0, 1], np.zeros(1), np.zeros(1), lr=1, batch_size=2, epochs=2, momentum=0.5)
    >>> run.w.round(3).tolist(), run.b.round(3).tolist()
    ([[0.5], [0.712]], [0.0, -0.22])
    >>> run.velocity.round(3), run.epoch
    (array([-0.212,  0.22 ]), 2)
    """

    velocity: Array | None = None
    epoch: int | None = None

    def __new__(
        cls, w: Array, b: Array, loss: Array, velocity: Array | None = None, *, epoch: int | None = None
    ) -> "Run":
        run = tuple.__new__(cls, (w, b, loss))
        run.velocity, run.epoch = velocity, epoch
        return run


class Ensemble(NamedTuple):
    """The ends of k training runs; a run that diverged has NaN everywhere and -1 steps.

    Attributes
    ----------
    w : array or tensor (k, d)
        Final weights.
    b : array or tensor (k,)
        Final biases.
    loss : array or tensor (k,)
        Final loss on all the data, of the cost that was trained.
    accuracy : array or tensor (k,)
        Final share of samples classified correctly.
    steps : array or tensor (k,), int64
        First step at which every sample was correct, 0 being the start, -1 if never.
    history : Run
        Of the m members asked for: w (m, steps, d), b (m, steps), loss (m, steps).

    See Also
    --------
    sgd_ensemble : returns it

    Examples
    --------
    >>> import numpy as np
    >>> from kernels import sgd_ensemble
    >>> w0, b0 = np.array([[5.0], [-5.0]]), np.zeros(2)
    >>> ends = sgd_ensemble([[-1.0], [1.0]], [0, 1], w0, b0, lr=1, batch_size=2, epochs=10)
    >>> ends.steps.tolist(), ends.accuracy.tolist()
    ([0, 6], [1.0, 1.0])
    """

    w: Array
    b: Array
    loss: Array
    accuracy: Array
    steps: Array
    history: Run


def lowest_point(across: np.ndarray, up: np.ndarray, values: np.ndarray) -> tuple[float, float, float]:
    """The lowest of values (rows, columns) on a grid, the first of several: its two coordinates and itself."""
    row, column = np.unravel_index(values.argmin(), values.shape)
    return float(across[column]), float(up[row]), float(values[row, column])
