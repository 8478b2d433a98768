"""Loss surfaces: the public functions, their checks, and the choice of backend."""

import numpy as np

from kernels.arguments import arrays, dataset, devices, grids, models, numbers
from kernels.arguments.samples import ArraySamples, StreamedSamples, groups_of, read_twice, summary_of, whole
from kernels.backends import numba_module, on_tensors, torch_module, viewable
from kernels.mathematics import planning
from kernels.progress import in_parts, reporter
from kernels.results import LogitPlane, Plan, Surface

FEATURES_AT_ONCE = 2**22  # values of X that are widened


def loss_surface(
    x,
    y,
    w,
    b,
    *,
    sample_weight=None,
    pos_weight=None,
    method="auto",
    tol=1e-12,
    out=None,
    backend=None,
    progress=None,
):
    """Mean binary cross-entropy of the one-feature model z = w x + b at every point of a grid.

    x     feature, (n,) or (n, 1), float32 or float64
    y     labels in [0, 1], (n,) or (n, 1): floats, integers or booleans
    w, b  grid axes, 1-D, any order and spacing, used in float64
    out   array or tensor (len(b), len(w)) of the dtype of x, to be written to instead of a new one

    The other arguments, what is promised and what is raised are those of `surface_on_plane`, of which this is the case
    with plane (0, x, 1). Returns the surface (len(b), len(w)), row = b, in the dtype of x: what
    `matplotlib.contour(w, b, surface)` takes.
    """
    backend = devices.chosen_backend(backend, x=x, y=y, sample_weight=sample_weight, out=out)
    feature = dataset.feature("x", x)
    fixed = np.array([0, 1], arrays.dtype_of(feature))
    zero, one = (arrays.as_kind_of(feature, value) for value in (fixed[:1], fixed[1:]))
    plane = zero, feature, one
    n = len(feature)
    samples = ArraySamples(plane, dataset.labels(y, n), dataset.weights(sample_weight, n), like=x)
    axes = grids.axis("w", w), grids.axis("b", b)
    options = {"method": method, "tol": tol, "pos_weight": numbers.pos_weight(pos_weight)}
    surfaces, _ = evaluated(samples, *axes, ("loss",), out, backend, progress, **options)
    return arrays.as_kind_of(x, surfaces["loss"]) if out is None else out


def logit_plane(X, center, s_direction, t_direction, *, backend=None):
    """Logits of a d-dimensional model on a plane of its parameters, theta = center + s s_direction + t t_direction.

    X  features (n, d), float32 or float64, a scipy.sparse matrix or array among them; or batches (X, y) that can be
       iterated over again, such as a DataLoader
    center, s_direction, t_direction  (d + 1,), the weights and then the bias

    Returns LogitPlane(offset, s_slope, t_slope), each (n,) in the dtype of X, computed in float64 and rounded once:
    logits are offset + s s_slope + t t_slope, so from here on the cost doesn't depend on d. Of batches it returns the
    blocks (LogitPlane, y) that `surface_on_plane` takes with y=None; they are computed anew in each pass, and nothing
    is kept. Every backend makes the same matrix product; a few MB of X are widened at a time, so X may be a np.memmap.
    Raises ValueError or TypeError that name a wrong argument.
    """
    if is_batches(X):
        devices.chosen_backend(backend)
        return PlaneBlocks(X, (center, s_direction, t_direction))
    devices.chosen_backend(backend, X=X)
    sparse = arrays.is_sparse(X)
    features = dataset.sparse_features("X", X) if sparse else dataset.features("X", X)
    given = {"center": center, "s_direction": s_direction, "t_direction": t_direction}
    thetas = np.stack([models.theta(name, value, features.shape[1]) for name, value in given.items()], axis=1)
    if arrays.is_tensor(features):
        return LogitPlane(*torch_module("graphs.surface").logit_plane(features, thetas))
    n, d = features.shape
    logits = np.empty((3, n), features.dtype)
    rows = n if sparse else max(1, FEATURES_AT_ONCE // d)
    for start in range(0, n, rows):
        logits[:, start : start + rows] = (features[start : start + rows] @ thetas[:-1] + thetas[-1]).T
    return LogitPlane(*(arrays.as_kind_of(X, field) for field in logits))


def is_batches(X):
    """Whether X is batches (X, y) and not features: no array of any kind, no nested list of numbers."""
    if arrays.is_tensor(X) or arrays.is_sparse(X) or hasattr(X, "__array__") or not hasattr(X, "__iter__"):
        return False
    if not isinstance(X, (list, tuple)):
        return True
    first = X[0] if len(X) else None  # a list, if a DataLoader made it
    return isinstance(first, tuple) or (isinstance(first, list) and len(first) > 0 and np.ndim(first[0]) == 2)


class PlaneBlocks:
    """The blocks (LogitPlane, y) of batches (X, y), made as they are iterated over."""

    def __init__(self, batches, thetas):
        read_twice("X", batches)
        self.batches, self.thetas = batches, thetas

    def __iter__(self):
        for batch in self.batches:
            if not (isinstance(batch, (tuple, list)) and len(batch) == 2):
                accepted = "features (n, d), or batches (X, y)"
                raise TypeError(f"X is a stream of {type(batch).__name__}; accepted: {accepted}")
            yield logit_plane(batch[0], *self.thetas), batch[1]


def surface_on_plane(
    plane,
    y,
    s,
    t,
    *,
    quantities=("loss",),
    sample_weight=None,
    pos_weight=None,
    method="auto",
    tol=1e-12,
    out=None,
    backend=None,
    progress=None,
):
    """Loss and what belongs to it at every point (s, t) of a plane of parameter space.

    plane          LogitPlane: offset, s_slope, t_slope (n,), float32 or float64; np.memmap fields are read in blocks.
                   Or, for more data than memory, blocks (LogitPlane, y) that can be iterated over again, with y=None
    y              labels in [0, 1], (n,) or (n, 1): floats, integers or booleans
    s, t           grid axes, 1-D, any order and spacing, used in float64
    quantities     of "loss", mean cross-entropy; "mse", mean of (sigmoid(z) - y)^2; "accuracy", share of samples where
                   z > 0 and y > 0.5 agree; "gradient" and "hessian" of the loss in s and t
    sample_weight  (n,), >= 0: means become weighted means, sum(weight * value) / sum(weight)
    pos_weight     a number >= 0 by which the loss of class 1 counts, as torch.nn.BCEWithLogitsLoss has it: label times
                   pos_weight times -log p; of loss, gradient and Hessian, divided by the same sum of sample weights.
                   Squared error and accuracy stay what they are
    method         "direct" evaluates every sample at every point; "spectral" interpolates between Chebyshev nodes;
                   "auto" takes the cheaper one, by shapes and data alone
    tol            error allowed to interpolation, relative to max(1, max|quantity|); 0 for direct, or 1e-13 <= tol < 1
    out            array or tensor to be written to instead of a new one; for several quantities a dict of them
    backend        "numba" or "torch": compiled by either; "reference": eager PyTorch; None: "torch" for CUDA tensors,
                   else "numba"
    progress       True for a tqdm bar, or a callable (done, total) that counts evaluations, points * samples

    Returns a Surface in the dtype of the plane: loss, mse, accuracy (nt, ns), gradient (2, nt, ns), hessian (3, nt, ns)
    as ss, st, tt, None where not asked for; row = t. Data on one CUDA device gives tensors there; only the extremes of
    its logits' terms come to the host.

    With u = 2^-53 and C = max_n(|p| + |s q| + |t r|), direct: for labels 0 and 1 and no weights the relative error of a
    loss is at most 1e-12 + 4 u C, however small it is (plus 1e-307); with other labels or with weights its absolute
    error is at most 1e-14 (1 + mean_n(|p| + |s q| + |t r|)). Spectral: the absolute error is at most (tol + 4 u C)
    max(1, max|quantity|), by a bound computed beforehand; where no interpolation keeps it, evaluation is direct.
    A `pos_weight` above 1 multiplies 1e-14 and u, as it does the terms that are rounded. `plan` says which, and why;
    with `pos_weight` that of the loss and its derivatives, if these are asked for, as the others are evaluated apart.
    Accuracy is counted exactly, logits being (p + s q) + t r in float64.
    float32 data is evaluated in float64 and rounded once. Extra memory is about 200 MB at the most, however much data
    (more on axes of over 500,000 points), and a surface more where direct evaluation writes to an `out` that isn't
    C-contiguous; by "torch" also float64 sums of a quantity.

    Raises ValueError or TypeError that name a wrong argument, and MemoryError before allocating what can't fit; `out`
    is then untouched.
    """
    names = grids.quantities_of(quantities)
    axes = grids.axis("s", s), grids.axis("t", t)
    samples = samples_of(plane, y, sample_weight)
    backend = devices.chosen_backend(backend, **samples.named, out=out)
    options = {"method": method, "tol": tol, "pos_weight": numbers.pos_weight(pos_weight)}
    surfaces, plan = evaluated(samples, *axes, names, out, backend, progress, **options)
    found = {name: arrays.as_kind_of(samples.like, surfaces[name]) for name in names}
    grid = (arrays.as_kind_of(samples.like, axis) for axis in axes)
    return Surface(*grid, **found, plan=plan)


def plan_surface(
    plane, y, s, t, *, quantities=("loss",), sample_weight=None, pos_weight=None, method="auto", tol=1e-12
):
    """The Plan by which `surface_on_plane` would evaluate a surface, from the same arguments, without evaluating it."""
    names = grids.quantities_of(quantities)
    axes = grids.axis("s", s), grids.axis("t", t)
    numbers.one_of("method", method, numbers.METHODS)
    numbers.tolerance(tol)
    pos_weight = numbers.pos_weight(pos_weight)
    samples = samples_of(plane, y, sample_weight)
    devices.chosen_backend(None, **samples.named)
    summary = summary_of(samples)
    reach = grids.reach_of_logits(summary.low, summary.high, *axes)
    group, *_ = groups_of(samples, summary, reach, names, pos_weight)
    return planning.choose(group, *axes, method, tol).plan


def samples_of(plane, y, sample_weight):
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


def evaluated(samples, s, t, names, out, backend, progress, *, method, tol, pos_weight):
    """{quantity: array} and the Plan, of samples, axes and quantities that are checked; checks the rest."""
    numbers.one_of("method", method, numbers.METHODS)
    numbers.tolerance(tol)
    with reporter(progress) as report:
        outputs = grids.outputs_of(out, names, (len(t), len(s)), samples.dtype, samples.arrays)
        summary = summary_of(samples)
        reach = grids.reach_of_logits(summary.low, summary.high, s, t)
        if backend == "reference":
            plan = Plan("direct", None, 0.0, "the reference evaluates every sample at every point")
            evaluate_by_reference(samples, s, t, outputs, pos_weight, report)
            return outputs, plan
        groups = groups_of(samples, summary, reach, names, pos_weight)
        chosen = [planning.choose(group, s, t, method, tol) for group in groups]
        parts = in_parts(report, [summary.n * len(s) * len(t) * len(group.names) for group in groups])
        evaluate = evaluate_by_torch if backend == "torch" else numba_module("grid.surface").surface_on_plane
        for group, (_, *way), part in zip(groups, chosen, parts, strict=True):
            evaluate(group.samples, group.summary, s, t, {name: outputs[name] for name in group.names}, *way, part)
    return outputs, chosen[0].plan


def evaluate_by_torch(samples, summary, s, t, outputs, interpolation, line, report):
    tensors = dict(zip(outputs, on_tensors(*outputs.values()), strict=True))
    torch_module("graphs.surface").surface_on_plane(samples, summary, s, t, tensors, interpolation, line, report)
    for name, out in outputs.items():
        if not arrays.is_tensor(out) and viewable(out) is not out:
            out[:] = tensors[name].numpy()


def evaluate_by_reference(samples, s, t, outputs, pos_weight, report):
    from kernels import reference

    p, q, r, y, weight = whole(samples)
    plane = LogitPlane(*on_tensors(p, q, r))
    sample_weight = None if weight is None else on_tensors(weight)[0]
    weights = {"sample_weight": sample_weight, "pos_weight": 1.0 if pos_weight is None else pos_weight}
    surfaces = reference.surface_on_plane(plane, *on_tensors(y, s, t), quantities=tuple(outputs), **weights)
    for name, values in surfaces.items():
        with np.errstate(over="ignore"):
            outputs[name][:] = values
    report(len(y) * len(s) * len(t), len(y) * len(s) * len(t))
