"""Loss surfaces: the public functions, check, plan and run."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from kernels import backends, evaluation, keeping, numba_cpu
from kernels.arguments import arrays, dataset, grids, numbers
from kernels.arguments.samples import ArraySamples, Group, StreamedSamples, groups_of, summary_of
from kernels.bodies import Backend
from kernels.evaluation import Work
from kernels.kinds import Array, ArrayLike, Executor, Path, Progress, Tensor
from kernels.losses import LOSSES
from kernels.mathematics import planning
from kernels.mathematics.planning import Choice
from kernels.progress import in_parts, reporter
from kernels.quantities import QUANTITIES, Asked, Surface
from kernels.results import LogitPlane, Plan
from kernels.workers.runner import HERE, Runner, check_executor

Blocks: TypeAlias = Iterable[tuple[Any, ...] | Callable[[], Any]]  # (LogitPlane, y[, sample_weight])


def loss_surface(
    x: ArrayLike,
    y: ArrayLike,
    w: ArrayLike,
    b: ArrayLike,
    *,
    loss: str = "bce",
    sample_weight: ArrayLike | None = None,
    pos_weight: ArrayLike | None = None,
    method: str = "auto",
    tol: float = 1e-12,
    out: Array | None = None,
    backend: str | None = None,
    progress: Progress = None,
) -> Array:
    """Mean loss of the one-feature model z = w x + b at every point of a grid.

    The case of `surface_on_plane` with plane (0, x, 1), and the same is promised.

    Parameters
    ----------
    x : array_like (n,) or (n, 1), float32 or float64
        The feature.
    y : array_like (n,) or (n, 1)
        Labels in [0, 1]: floats, integers or booleans.
    w, b : array_like, 1-D
        Grid axes, of any order and spacing, used in float64.
    loss : {"bce", "mse", "focal"}
        Cross-entropy, squared error, or focal loss with gamma = 2.
    sample_weight : array_like (n,), optional
        At least 0: the mean becomes sum(weight * loss) / sum(weight).
    pos_weight : float, optional
        At least 0: by which the loss of class 1 counts. None with loss="mse".
    method : {"auto", "direct", "spectral"}
        The cheaper way, every sample at every point, or interpolation between Chebyshev nodes.
    tol : float
        Error allowed to interpolation, relative to max(1, largest loss); 0 for direct, or 1e-13 <= tol < 1.
    out : array or tensor (len(b), len(w)), optional
        Of the dtype of x, to be written to instead of a new one.
    backend : {None, "numba", "torch", "reference"}
        Compiled by Numba or torch, or eager PyTorch; None: "torch" for CUDA tensors, else "numba".
    progress : bool or callable, optional
        True for a tqdm bar, or a callable (done, total) that counts evaluations, points * samples.

    Returns
    -------
    array or tensor (len(b), len(w))
        The surface, row = b, in the dtype of x: what `matplotlib.contour(w, b, surface)` takes.

    Raises
    ------
    ValueError, TypeError
        They name a wrong argument; `out` is then untouched.
    MemoryError
        Before allocating what can't fit.

    See Also
    --------
    surface_on_plane : of any number of features, with more than the loss
    logreg.LossSurface.compute : the same as an object that pictures take

    Examples
    --------
    The mean cross-entropy of five points, with the weight across and the bias down:

    >>> import numpy as np
    >>> from kernels import loss_surface
    >>> x = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
    >>> loss_surface(x, x > 0.2, w=[0.0, 4.0, 8.0], b=[-2.0, 0.0]).round(3)
    array([[0.927, 0.194, 0.052],
           [0.693, 0.197, 0.146]])
    """
    usual = sample_weight is None and pos_weight is None and backend is None and progress is None
    if usual and type(loss) is str and loss == "bce" and numbers.is_way(method, tol) and method != "spectral":
        of_array, given = type(x) is np.ndarray, (x, y, w, b, out)
        surface = numba_cpu.small_surfaces().loss_surface(*(given if of_array else arrays.seen_by_numpy(*given)))
        if surface is not None:
            if out is not None:
                return out
            return surface if of_array else arrays.as_kind_of(x, surface)
    body = backends.chosen(backend, x=x, y=y, sample_weight=sample_weight, out=out)
    plane = grids.bias_plane(dataset.feature("x", x))
    n = len(plane[1])
    weight = None if sample_weight is None else dataset.weights(sample_weight, n)
    samples = ArraySamples(plane, dataset.labels(y, n), weight, like=x)
    axes = grids.axis("w", w), grids.axis("b", b)
    asked = Asked(("loss",), numbers.one_of("loss", loss, LOSSES))
    problem = Problem(samples, axes, asked, *numbers.way(method, tol), numbers.pos_weight_for(loss, pos_weight))
    surfaces, _ = evaluated(problem, body, out, progress)
    return arrays.as_kind_of(x, surfaces["loss"]) if out is None else out


def surface_on_plane(
    plane: LogitPlane | Blocks,
    y: ArrayLike | None,
    s: ArrayLike,
    t: ArrayLike,
    *,
    quantities: str | Iterable[str] = ("loss",),
    loss: str = "bce",
    sample_weight: ArrayLike | None = None,
    pos_weight: ArrayLike | None = None,
    method: str = "auto",
    tol: float = 1e-12,
    out: Array | dict[str, Array] | None = None,
    backend: str | None = None,
    executor: Executor | None = None,
    checkpoint: Path | None = None,
    progress: Progress = None,
) -> Surface:
    """Surface of a loss, and of what belongs to it, over points (s, t) of a plane of parameter space.

    Parameters
    ----------
    plane : LogitPlane, or iterable of blocks
        Its fields are (n,), float32 or float64; those that are np.memmap are read in blocks. Or, for more data than
        memory, blocks that can be iterated over again, with y=None: tuples (LogitPlane, y) or (LogitPlane, y,
        sample_weight), or callables that return one where it is evaluated; `logit_plane` makes them of batches.
    y : array_like (n,) or (n, 1), or None
        Labels in [0, 1]: floats, integers or booleans.
    s, t : array_like, 1-D
        Grid axes, of any order and spacing, used in float64.
    quantities : str or iterable of str
        Of "loss", the mean of the loss; "gradient" and "hessian" of it in s and t; "mse", mean of (sigmoid(z) - y)²;
        "accuracy", share of samples where z > 0 and y > 0.5 agree; "balanced_accuracy", mean over the classes that
        occur of the share of their samples where these agree.
    loss : {"bce", "mse", "focal"}
        Cross-entropy, squared error, or focal loss with gamma = 2.
    sample_weight : array_like (n,), optional
        At least 0: means become weighted means, sum(weight * value) / sum(weight).
    pos_weight : float, optional
        At least 0: by which the loss of class 1 counts, as torch.nn.BCEWithLogitsLoss has it: label times pos_weight
        times the loss of class 1; of loss, gradient and Hessian, divided by the same sum of sample weights. The other
        quantities stay what they are. None with loss="mse", which has no positive part.
    method : {"auto", "direct", "spectral"}
        "direct" evaluates every sample at every point; "spectral" interpolates between Chebyshev nodes; "auto" takes
        the cheaper one, by shapes and data alone.
    tol : float
        Error allowed to interpolation, relative to max(1, largest size of the quantity); 0 for direct, or 1e-13 <= tol
        < 1.
    out : array, tensor, or dict of them, optional
        To be written to instead of a new one; for several quantities a dict of them.
    backend : {None, "numba", "torch", "reference"}
        Compiled by Numba or torch, or eager PyTorch; None: "torch" for CUDA tensors, else "numba".
    executor : concurrent.futures.Executor, optional
        Whose workers evaluate the blocks: a process pool, `Client.get_executor()` of Dask, `MPIPoolExecutor`. Blocks
        are added up in their order, so that the surface has the same bits as without one.
    checkpoint : str, bytes or os.PathLike, optional
        A file in which sums are kept as they grow, every few seconds: the same call goes on from there after it was
        killed, to the same bits. It stays when the call ends.
    progress : bool or callable, optional
        True for a tqdm bar, or a callable (done, total) that counts evaluations, points * samples.

    Returns
    -------
    Surface
        In the dtype of the plane: fields (nt, ns), gradient (2, nt, ns), hessian (3, nt, ns) as ss, st, tt, None where
        not asked for; row = t. Data on one CUDA device gives tensors there; only the extremes of its logits' terms and,
        for balanced accuracy, the weights of both classes come to the host. Blocks that are callables give arrays.

    Raises
    ------
    ValueError, TypeError
        They name a wrong argument; `out` is then untouched.
    MemoryError
        Before allocating what can't fit; `out` is then untouched.
    concurrent.futures.BrokenExecutor
        The executor lost its workers; it says what is done and where it is kept.

    See Also
    --------
    logit_plane : makes the plane of a model's logits
    plan_surface : how it would be evaluated
    loss_surface : of one feature
    logreg.LossSurface.around : around a model of any kind

    Notes
    -----
    With u = 2⁻⁵³, z = p + s q + t r the logit of a sample and C the largest of its ``|p| + |s q| + |t r|``:

    - Direct, for labels 0 and 1 and no weights: the relative error of a loss is at most 1e-12 + 4 k u C, however small
      it is (plus 1e-307), k being 1 for the cross-entropy, 2 for the squared error and 3 for the focal loss, which
      falls as e^-3m. With other labels or with weights its absolute error is at most 1e-14 (1 + mean of ``|p| + |s q| +
      |t r|``).
    - Spectral: the absolute error is at most (tol + 4 u C) max(1, largest size of the quantity), by a bound computed
      beforehand [1]_; where no interpolation keeps it, evaluation is direct.

    A `pos_weight` above 1 multiplies 1e-14 and u, as it does the terms that are rounded. `plan` says which, and why;
    with `pos_weight` that of the loss and its derivatives, if these are asked for, as the others are evaluated apart.
    Accuracy is counted exactly, logits being (p + s q) + t r in float64.

    float32 data is evaluated in float64 and rounded once. Extra memory is about 200 MB at the most, however much data
    (more on axes of over 500,000 points), and a surface more where direct evaluation writes to an `out` that isn't
    C-contiguous; by "torch" also float64 sums of a quantity. A `checkpoint` keeps two float64 numbers for each sum, in
    memory and in its file; results of an `executor` that wait for an earlier one may be 1 GB.

    References
    ----------
    .. [1] L. N. Trefethen, *Approximation Theory and Approximation Practice*, SIAM, 2013, theorem 8.2.

    Examples
    --------
    Loss and accuracy of four samples of two features, as both weights change:

    >>> import numpy as np
    >>> from kernels import logit_plane, surface_on_plane
    >>> X = np.array([[0.0, 1.0], [1.0, 0.0], [-1.0, 0.5], [-0.5, -1.0]])
    >>> y = [1, 1, 0, 0]
    >>> plane = logit_plane(X, center=[0, 0, 0], s_direction=[1, 0, 0], t_direction=[0, 1, 0])
    >>> surface = surface_on_plane(plane, y, s=[0.0, 2.0, 4.0], t=[0.0, 2.0], quantities=("loss", "accuracy"))
    >>> surface.loss.round(3)
    array([[0.693, 0.315, 0.214],
           [0.565, 0.154, 0.053]])
    >>> surface.accuracy
    array([[0.5 , 0.75, 0.75],
           [0.5 , 1.  , 1.  ]])
    >>> surface.plan.method
    'direct'
    """
    usual = sample_weight is None and pos_weight is None and out is None and backend is None and progress is None
    usual = (
        usual
        and executor is None
        and checkpoint is None
        and of_loss_alone(plane, quantities, loss)
        and numbers.is_way(method, tol)
    )
    if usual and isinstance(plane, LogitPlane):
        small = numba_cpu.small_planes().surface_on_plane(*seen_by_numpy(plane, y, s, t), method, tol)
        if small is not None:
            at_s, at_t, values = (arrays.as_kind_of(plane.offset, array) for array in small[:3])
            return Surface(at_s, at_t, loss=values, plan=small[3])
    samples = samples_of(plane, y, sample_weight)
    body = backends.chosen(backend, **samples.named, out=out)
    problem = problem_of(samples, s, t, quantities, loss, pos_weight, method, tol)
    runner = runner_of(executor, checkpoint, problem, backends.NAMES[body])
    surfaces, parts = evaluated(problem, body, out, progress, runner, backend)
    found: dict[str, Any] = {name: arrays.as_kind_of(samples.like, surfaces[name]) for name in problem.asked.names}
    at_s, at_t = (arrays.as_kind_of(samples.like, axis) for axis in problem.axes)
    return Surface(at_s, at_t, **found, plan=parts[0][1].plan)


def plan_surface(
    plane: LogitPlane | Blocks,
    y: ArrayLike | None,
    s: ArrayLike,
    t: ArrayLike,
    *,
    quantities: str | Iterable[str] = ("loss",),
    loss: str = "bce",
    sample_weight: ArrayLike | None = None,
    pos_weight: ArrayLike | None = None,
    method: str = "auto",
    tol: float = 1e-12,
    executor: Executor | None = None,
) -> Plan:
    """The Plan by which `surface_on_plane` would evaluate a surface, from the same arguments, without evaluating it.

    Parameters
    ----------
    plane, y, s, t : as in `surface_on_plane`
        The plane or its blocks, the labels, and the axes of the grid.
    quantities, loss, sample_weight, pos_weight, method, tol : as in `surface_on_plane`
        What is asked for, and how.
    executor : concurrent.futures.Executor, optional
        Whose workers read the ranges of blocks that are callables.

    Returns
    -------
    Plan
        The method, the nodes between which it interpolates, the bound on its error, and the reason.

    Raises
    ------
    ValueError, TypeError
        They name a wrong argument, as those of `surface_on_plane` do.

    See Also
    --------
    surface_on_plane : evaluates the surface

    Examples
    --------
    >>> import numpy as np
    >>> from kernels import LogitPlane, plan_surface
    >>> rng = np.random.default_rng(0)
    >>> plane = LogitPlane(*rng.normal(size=(3, 1000)))
    >>> y = rng.random(1000) < 0.5
    >>> s = t = np.linspace(-1, 1, 200)
    >>> plan = plan_surface(plane, y, s, t, tol=1e-10)
    >>> plan.method, plan.bound <= 1e-10
    ('spectral', True)
    >>> plan_surface(plane, y, s, t, tol=0).method
    'direct'
    """
    usual = sample_weight is None and pos_weight is None and executor is None and numbers.is_way(method, tol)
    if usual and of_loss_alone(plane, quantities, loss):
        plan = numba_cpu.small_planes().plan_surface(*seen_by_numpy(plane, y, s, t), method, tol)
        if plan is not None:
            return plan
    samples = samples_of(plane, y, sample_weight)
    backends.chosen(None, **samples.named)
    problem = problem_of(samples, s, t, quantities, loss, pos_weight, method, tol)
    runner = HERE if check_executor(executor) is None else Runner(executor)
    return planned(problem, runner=runner)[0][1].plan


def seen_by_numpy(plane: Any, *values: Any) -> tuple[Any, ...]:
    """The plane and the values, ordinary tensors as arrays of the same memory."""
    if type(plane.offset) is np.ndarray:
        return plane, *values
    offset, s_slope, t_slope, *others = arrays.seen_by_numpy(*plane, *values)
    return LogitPlane(offset, s_slope, t_slope), *others


def of_loss_alone(plane: Any, quantities: Any, loss: Any) -> bool:
    """Whether it is the cross-entropy alone that is asked for of a plane, in the usual words."""
    one = type(quantities) is tuple and len(quantities) == 1
    name = quantities[0] if one else quantities
    return type(plane) is LogitPlane and type(name) is type(loss) is str and name == "loss" and loss == "bce"


class Problem(NamedTuple):
    """What is to be evaluated, checked: samples, axes (s, t), quantities and their loss, the method and its tolerance,
    and the weight of the positive class, or None."""

    samples: ArraySamples | StreamedSamples
    axes: tuple[np.ndarray, np.ndarray]
    asked: Asked
    method: str
    tol: float
    pos_weight: float | None


def problem_of(
    samples: ArraySamples | StreamedSamples,
    s: ArrayLike,
    t: ArrayLike,
    quantities: str | Iterable[str],
    loss: str,
    pos_weight: ArrayLike | None,
    method: str,
    tol: float,
) -> Problem:
    asked = Asked(numbers.some_of("quantities", quantities, QUANTITIES), numbers.one_of("loss", loss, LOSSES))
    axes = grids.axis("s", s), grids.axis("t", t)
    return Problem(samples, axes, asked, *numbers.way(method, tol), numbers.pos_weight_for(loss, pos_weight))


def samples_of(
    plane: LogitPlane | Blocks, y: ArrayLike | None, sample_weight: ArrayLike | None
) -> ArraySamples | StreamedSamples:
    if isinstance(plane, LogitPlane):
        fields = grids.plane_of(plane)
        n = len(fields[0])
        return ArraySamples(fields, dataset.labels(y, n), dataset.weights(sample_weight, n), like=plane.offset)
    if not hasattr(plane, "__iter__"):
        accepted = "a LogitPlane, as logit_plane makes it, or blocks (LogitPlane, y)"
        raise TypeError(f"plane is a {type(plane).__name__}; accepted: {accepted}")
    samples = StreamedSamples(plane)
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None:
            raise ValueError(f"{name} is given beside blocks (LogitPlane, y); accepted: None")
    return samples


def runner_of(executor: Executor | None, checkpoint: Path | None, problem: Problem, backend: str) -> Runner:
    """Who evaluates a Problem by a backend of this name, and where what is done is kept."""
    if check_executor(executor) is None and checkpoint is None:
        return HERE
    if checkpoint is None:
        return Runner(executor)
    samples, axes, *arguments = problem
    values = {"arguments": tuple(arguments), "axes": axes, "samples": (samples.print(),)}
    return Runner(executor, keeping.kept_at(checkpoint, "surface_on_plane", backend, **values))


def planned(problem: Problem, interpolates: bool = True, runner: Runner = HERE) -> list[tuple[Group, Choice]]:
    """[(Group, Choice)]: samples with what is asked of them, and how it is evaluated; that of the loss first."""
    samples, (s, t), asked, method, tol, pos_weight = problem
    if samples.here:
        runner = runner.here()  # what is planned by is read where it is: values go to workers for their sums alone
    summary = summary_of(samples, runner)
    reach = grids.reach_of_logits(summary.low, summary.high, s, t)
    groups = groups_of(samples, summary, reach, asked, pos_weight, runner)
    found = []
    for group in groups:
        if interpolates:
            choice = planning.choose(group, s, t, method, tol, runner)
        else:
            choice = planning.direct("this backend evaluates every sample at every point")
        found.append((group, choice))
    return found


def evaluated(
    problem: Problem,
    backend: Backend[Any],
    out: Array | dict[str, Array] | None,
    progress: Progress,
    runner: Runner = HERE,
    of_blocks: str | None = None,
) -> tuple[dict[str, Array], list[tuple[Group, Choice]]]:
    """{quantity: array}, and what was evaluated together, and how; that of the loss first. Blocks that are callables
    are evaluated by the backend of this name; None is that which goes with what they return."""
    (s, t), samples = problem.axes, problem.samples
    with reporter(progress) as report:
        # before anything is evaluated, but for what only the blocks tell
        outputs = outputs_of(problem, out) if samples.here else {}
        parts = planned(problem, backend.interpolation() is not None, runner)
        outputs = outputs or outputs_of(problem, out)
        reports = [report] if len(parts) == 1 else in_parts(report, [size_of_part(group, s, t) for group, _ in parts])
        tensors = {name: arrays.tensor_of(out) for name, out in outputs.items()} if backend.TENSORS else {}
        if runner.kept is not None:
            runner.kept.bind(plan=str([choice for _, choice in parts]))
        name = backends.NAMES[backend] if samples.here else of_blocks
        for number, ((group, choice), of_part) in enumerate(zip(parts, reports, strict=True)):
            work = Work(backend, name, runner, f"part {number}", of_part)
            evaluation.evaluate(work, group, problem.axes, tensors or outputs, choice)
        if runner.kept is not None:
            runner.kept.write()
        if tensors:
            copy_back(tensors, outputs)
    return outputs, parts


def outputs_of(problem: Problem, out: Array | dict[str, Array] | None) -> dict[str, Array]:
    """{quantity: the array that it is written to}."""
    (s, t), samples = problem.axes, problem.samples
    assert samples.dtype is not None  # as the samples have been summed up, or are here
    return grids.outputs_of(out, problem.asked.names, (len(t), len(s)), samples.dtype, samples.arrays)


def size_of_part(group: Group, s: np.ndarray, t: np.ndarray) -> int:
    """Evaluations of a Group at every point."""
    return group.summary.n * len(s) * len(t) * len(group.asked.names)


def copy_back(tensors: dict[str, Tensor], outputs: dict[str, Array]) -> None:
    """Copies what was written to tensors that are no views of their outputs."""
    for name, tensor in tensors.items():
        out = outputs[name]
        if not arrays.is_tensor(out) and not arrays.is_viewable(out):
            out[:] = tensor.numpy()
