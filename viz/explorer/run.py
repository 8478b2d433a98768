"""What is trained: settings, and the run that they lead to, with as many points as can be drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import gcd
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from viz.inputs import finite_array

if TYPE_CHECKING:
    from viz.explorer.problem import Problem

COSTS = "bce", "mse"
MOST_EVALUATIONS = 2**20  # of the loss of a sample along a path: milliseconds
FEWEST_POINTS = 50  # of a path, however many the samples
MOST_STEPS = 100_000  # of a run: milliseconds, so that a drag stays alive
FARTHEST = 1e100  # a parameter of a point that can be drawn
MOST_VALUES = 2**25  # of features that a run reads, for the same reason


@dataclass(frozen=True)
class Settings:
    """A start (s, t) on the plane and the training from there, as `kernels.sgd_run_` takes it."""

    start: tuple[float, float]
    lr: float = 2.0
    batch_size: int = 3
    momentum: float = 0.0
    epochs: int = 100
    shuffle_seed: int | None = None
    loss: str = "bce"


class Run(NamedTuple):
    """Points of a run, from its start to its end: the numbers of their steps (k,), parameters theta (k, d + 1), places
    s (k,), t (k,) on the plane, loss and accuracy (k,) on all the data. `epochs` were trained, `per_epoch` steps each,
    and all their ends are points if any point is between them; `broken` is the step that left the range of numbers, if
    one did, and `beyond` one that is too far away to be drawn: what can be drawn of what is before them is held."""

    steps: np.ndarray
    theta: np.ndarray
    s: np.ndarray
    t: np.ndarray
    loss: np.ndarray
    accuracy: np.ndarray
    epochs: int
    per_epoch: int
    broken: int | None
    beyond: int | None


def train(problem: Problem, settings: Settings) -> Run:
    """The `Run` of settings; ValueError or TypeError names one that can't be."""
    settings = checked(settings)
    batch_size = min(settings.batch_size, len(problem.y))
    per_epoch = -(-len(problem.y) // batch_size)
    epochs = min(settings.epochs, most_epochs(problem, per_epoch))
    options: dict[str, Any] = {"batch_size": batch_size, "lr": settings.lr, "momentum": settings.momentum}
    options |= {"shuffle_seed": settings.shuffle_seed, "loss": settings.loss}
    every = steps_between(epochs * per_epoch, per_epoch, most_points(problem))
    steps, theta, broken = path_of(problem, settings.start, epochs, every, options)
    steps, theta, beyond = drawable(steps, theta)
    loss, accuracy = scores(problem, theta, settings.loss)
    s, t = problem.project(theta)
    s[0], t[0] = settings.start  # without rounding
    return Run(steps, theta, s, t, loss, accuracy, epochs, per_epoch, broken, beyond)


def steps_between(steps: int, per_epoch: int, most: int) -> int:
    """Steps from one point of a path to the next, so that there are so many at most; beyond an epoch whole ones."""
    every = -(-max(steps, 1) // most)
    return every if every <= per_epoch else -(-every // per_epoch) * per_epoch


def path_of(
    problem: Problem, start: tuple[float, float], epochs: int, every: int, options: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray, int | None]:
    """Numbers of steps (k,), parameters after them (k, d + 1), the start and, of a whole run, the end among them, and
    the step that broke it."""
    from kernels.mathematics.divergence import LeftRange

    theta, broken = problem.theta_at(*start), None
    try:
        steps, points = points_of(problem, theta, epochs, every, options)
    except LeftRange as error:
        broken = error.step
        whole = (broken - 1) // -(-len(problem.y) // options["batch_size"])
        steps, points = points_of(problem, theta, whole, every, options)
    return steps, points, broken


def drawable(steps: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, int | None]:
    """Those before the first that is too far away to be drawn, and its step; ValueError where that is the start."""
    far = np.abs(points).max(axis=1) >= FARTHEST
    if not far.any():
        return steps, points, None
    first = int(far.argmax())
    if first == 0:
        raise ValueError(f"start leads to parameters up to {np.abs(points[0]).max():g}; accepted: below {FARTHEST:g}")
    return steps[:first], points[:first], int(steps[first])


def points_of(
    problem: Problem, theta: np.ndarray, epochs: int, every: int, options: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the steps (k,) that are kept of a run and parameters after them (k, d + 1): every so many, and the
    ends of epochs that are further apart."""
    from kernels import sgd_run_

    w, b = theta[:-1].copy(), theta[-1:].copy()
    per_epoch = -(-len(problem.y) // options["batch_size"])
    history = gcd(every, per_epoch)
    run = sgd_run_(problem.X, problem.y, w, b, epochs=epochs, history=history, **options)
    steps = np.arange(1, len(run.b) + 1) * history
    kept = (steps % every == 0) | (steps % max(every, per_epoch) == 0) | (steps == epochs * per_epoch)
    return np.append(0, steps[kept]), np.vstack([theta, np.column_stack([run.w[kept], run.b[kept]])])


def scores(problem: Problem, theta: np.ndarray, loss: str) -> tuple[np.ndarray, np.ndarray]:
    """Loss and accuracy (k,) on all the data of parameters theta (k, d + 1): members of an ensemble that
    isn't trained."""
    from kernels import sgd_ensemble

    members = np.ascontiguousarray(theta[:, :-1]), np.ascontiguousarray(theta[:, -1])
    found = sgd_ensemble(problem.X, problem.y, *members, lr=0.0, batch_size=1, epochs=0, loss=loss)
    return np.asarray(found.loss), np.asarray(found.accuracy)


def most_points(problem: Problem) -> int:
    """How many points of a path are kept beside its start, so that their losses take milliseconds: of the lab's all."""
    return max(MOST_EVALUATIONS // len(problem.y), FEWEST_POINTS)


def most_epochs(problem: Problem, per_epoch: int) -> int:
    """How many epochs are trained at most, at least one."""
    n, d = problem.X.shape
    return max(1, min(MOST_STEPS // per_epoch, MOST_VALUES // (n * (d + 1))))


def checked(settings: Settings) -> Settings:
    """Settings with a pair of finite floats as the start; ValueError or TypeError for a start, a batch, epochs or a
    cost that can't be. Rates and seeds are checked where they are used."""
    from kernels.arguments import numbers

    return replace(
        settings,
        start=pair_of_numbers("start", settings.start),
        batch_size=numbers.integer("batch_size", settings.batch_size, 1),
        epochs=numbers.integer("epochs", settings.epochs, 0),
        loss=numbers.one_of("loss", settings.loss, COSTS),
    )


def pair_of_numbers(name: str, point: Any) -> tuple[float, float]:
    pair = finite_array(name, point)
    if pair.shape != (2,):
        raise ValueError(f"{name} is {point!r}; accepted: two numbers, (w, b) or (s, t)")
    return float(pair[0]), float(pair[1])
