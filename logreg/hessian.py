"""How sharply the loss curves at a model: the largest eigenvalue of its Hessian, and their sum."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from logreg.curvature import top_eigenpairs, trace_of
from logreg.models import read_models
from logreg.objective import Objective, objective_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from logreg.classes import ClassWeight
    from logreg.models import Models


class Sharpness(NamedTuple):
    """The largest eigenvalue and the trace of the Hessian of a loss in all parameters.

    Attributes
    ----------
    largest : float, or array (k,)
        A number at a model, an array along a path.
    trace : float, or array (k,)
        The sum of all eigenvalues, likewise.

    See Also
    --------
    sharpness : returns it

    Examples
    --------
    >>> from logreg import lab_data, sharpness
    >>> largest, trace = sharpness([4.0, -1.0], lab_data())
    >>> bool(largest <= trace)  # no eigenvalue of the cross-entropy is negative
    True
    """

    largest: Any
    trace: Any


def sharpness(
    model: Models,
    data: Any,
    *,
    loss: str = "bce",
    l2: float | None = None,
    weight_decay: float | None = None,
    sample_weight: ArrayLike | None = None,
    class_weight: ClassWeight = None,
    pos_weight: ArrayLike | None = None,
    positive: Any = None,
) -> Sharpness:
    """The Sharpness of a linear model: of the Hessian of the loss on all its data, with its penalty, in all parameters.

    Parameters
    ----------
    model : classifier, module, array_like (d + 1,), or path of training
        As in `LossSurface.around`. Of a History, another path of training or a list of models there is a number for
        each of its points: the start, after each step that was kept, and the end if that isn't the last of them.
    data : tuple (x, y), data set, or iterable of batches
        As in `LossSurface.around`.
    loss, l2, weight_decay, sample_weight, class_weight, pos_weight, positive : as in `LossSurface.around`
        What the loss is, its penalty, and the weights and the meaning of labels.

    Returns
    -------
    Sharpness
        (largest, trace): numbers, or arrays (k,) along a path.

    Raises
    ------
    ValueError, TypeError
        They name a wrong argument; ValueError also for several runs, and where the Hessian leaves the range of float64.

    See Also
    --------
    LossSurface.around : surfaces that say it of their center

    Notes
    -----
    The trace is exact. So is the largest eigenvalue of up to 1500 parameters (256 of sparse features, 4000 of batches);
    of more it comes from products with vectors, some dozens of passes over the data without a matrix (d + 1)², within
    1e-6 of the largest in size, mostly 1e-9.

    Gradient descent with all the data in each step settles only where its learning rate is below 2 / largest.

    Examples
    --------
    >>> from logreg import lab_data, sharpness
    >>> round(sharpness([0.0, 0.0], lab_data()).largest, 4)  # every probability is 1/2
    0.2509
    """
    known = read_models(model)
    if len(known.paths) > 1:
        raise ValueError(f"model holds {len(known.paths)} paths; accepted: one model or one path")
    objective = objective_of(
        known,
        data,
        loss=loss,
        l2=l2,
        weight_decay=weight_decay,
        sample_weight=sample_weight,
        class_weight=class_weight,
        pos_weight=pos_weight,
        positive=positive,
    )
    if not known.paths:
        return sharpness_at(objective, known.theta, known.has_bias)
    points = [sharpness_at(objective, theta, known.has_bias) for theta in known.paths[0]]
    return Sharpness(*np.array(points).T)


def sharpness_at(objective: Objective, theta: np.ndarray, has_bias: bool = True) -> Sharpness:
    """The Sharpness at parameters theta (d + 1,), of the weights alone if there is no bias."""
    samples, mean, penalty = objective.samples, objective.mean, objective.penalty
    free = len(theta) if has_bias else len(theta) - 1
    trace = in_range(trace_of(samples, theta, penalty, mean, free))
    (largest,), _ = top_eigenpairs(samples, theta, penalty, mean, free, 1)
    return Sharpness(float(largest), trace)


def in_range(trace: float) -> float:
    if not math.isfinite(trace):
        raise ValueError(f"the Hessian's trace is {trace}; accepted: features whose squares are in range")
    return float(trace)
