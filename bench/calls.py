"""Public functions on 20 samples, where what a call costs beside its kernels shows, with the contenders for each, in
float64. A contender takes the workload and returns the call that is timed."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

import kernels
from bench import ensembles, gradients, options, planes, runs, surfaces, workloads
from bench.gradients import STEP, copied
from bench.launches import launches_of, one_after_another
from bench.timing import Contender
from logreg import LossSurface


class Call(NamedTuple):
    """A case as printed, what makes its workload, the error of a result, and contenders."""

    case: str
    workload: Callable[[], Any]
    error_of: Callable[[Any, Any], float]
    contenders: tuple[Contender, ...]


def surface_on_plane(problem):
    """The call as users write it, the plane being there."""
    plane = planes.plane_of(problem)
    return lambda: kernels.surface_on_plane(plane, problem.y, problem.s, problem.t).loss


def plan_surface(problem):
    """The call as users write it: no surface is computed."""
    plane = planes.plane_of(problem)
    return lambda: kernels.plan_surface(plane, problem.y, problem.s, problem.t)


def run(training):
    """The call as users write it; each goes on from the parameters that the last one left."""
    X, y, w, b, settings = copied(training)
    return lambda: kernels.sgd_run_(X, y, w, b, **settings)


def run_without_history(training):
    """The same without history."""
    X, y, w, b, settings = copied(training)
    return lambda: (w, b, *kernels.sgd_run_(X, y, w, b, **settings))


def compute(grid):
    """The lab's surface as users of `logreg` write it."""
    data = grid.x, grid.y
    return lambda: LossSurface.compute(data, (-15, 15), (-13, 13), resolution=len(grid.w)).Z


def around(problem):
    """The plane around a model along two vectors, as users of `logreg` write it."""
    model, data = torch.nn.Linear(problem.X.shape[1], 1).double(), (problem.X, problem.y)
    with torch.no_grad():
        model.weight[0], model.bias[0] = torch.from_numpy(problem.center[:-1]), problem.center[-1]
    along = {"directions": (problem.s_direction, problem.t_direction), "extent": (problem.s[0], problem.s[-1])}
    return lambda: LossSurface.around(model, data, **along, resolution=len(problem.s)).loss


def plan_error(got, problem):
    """0 where the surface takes the plan."""
    taken = kernels.surface_on_plane(planes.plane_of(problem), problem.y, problem.s, problem.t).plan
    return float(got != taken)


def step_error(got, problem):
    return workloads.step_error(got, problem, lr=STEP)


def contenders(name, ours, eager=None, compiled=None):
    """Ours, its kernels, and the peers that there are."""
    found = [Contender(name, ours, 1e-12), Contender("kernels alone", kernels_of(ours))]
    if eager is not None:
        found += [
            Contender("eager PyTorch", eager, 1e-12),
            Contender("torch.compile", compiled, 1e-12, compiles="process"),
        ]
    return tuple(found)


def kernels_of(ours):
    def kernels_alone(problem):
        """What the call launches, with the arguments that it gave, and nothing else."""
        return one_after_another(launches_of(ours(problem)))

    return kernels_alone


CALLS = (
    Call(
        "loss_surface, 30 x 30 points",
        workloads.small_surface,
        workloads.surface_error,
        contenders("kernels.loss_surface", surfaces.ours, surfaces.eager, surfaces.compiled_product),
    ),
    Call(
        "surface_on_plane, 30 x 30 points",
        workloads.small_plane,
        workloads.plane_error,
        contenders("kernels.surface_on_plane", surface_on_plane, planes.eager, planes.compiled),
    ),
    Call(
        "plan_surface, 30 x 30 points",
        workloads.small_plane,
        plan_error,
        contenders("kernels.plan_surface", plan_surface),
    ),
    Call(
        "bce_loss_grad, 10 features",
        workloads.small_pass,
        workloads.pass_error,
        contenders("kernels.bce_loss_grad", gradients.ours, gradients.by_hand, gradients.compiled),
    ),
    Call(
        "sgd_step_, 10 features",
        workloads.small_pass,
        step_error,
        contenders("kernels.sgd_step_", gradients.our_step, gradients.step_by_hand, gradients.compiled_step),
    ),
    Call(
        "sgd_run_, 7 steps",
        workloads.small_run,
        workloads.run_error,
        contenders("kernels.sgd_run_", run, runs.by_hand, runs.compiled_epoch),
    ),
    Call(
        "sgd_run_, 7 steps, no history",
        workloads.small_run_without_history,
        workloads.options_error,
        contenders("kernels.sgd_run_", run_without_history, options.by_hand, options.compiled),
    ),
    Call(
        "sgd_ensemble, 20 starts, 7 steps",
        workloads.small_starts,
        workloads.ends_error,
        contenders("kernels.sgd_ensemble", ensembles.ours, ensembles.eager, ensembles.compiled),
    ),
    Call(
        "LossSurface.compute, 30 x 30 points",
        workloads.small_surface,
        workloads.surface_error,
        contenders("logreg.LossSurface.compute", compute),
    ),
    Call(
        "LossSurface.around, 30 x 30 points",
        workloads.small_plane,
        workloads.plane_error,
        contenders("logreg.LossSurface.around", around),
    ),
)
