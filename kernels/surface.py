"""Loss surfaces: the public functions, their checks, and the choice of backend."""

import numpy as np

from kernels import checks, planning
from kernels.backends import numba_module, on_tensors
from kernels.progress import reporter
from kernels.results import LogitPlane, Plan, Surface


def loss_surface(x, y, w, b, *, method="auto", tol=1e-12, out=None, backend=None, progress=None):
    """Mean binary cross-entropy of the one-feature model z = w x + b at every point of a grid.

    x     feature, (n,) or (n, 1), float32 or float64
    y     labels in [0, 1], (n,) or (n, 1): floats, integers or booleans
    w, b  grid axes, 1-D, any order and spacing, used in float64
    out   array or tensor (len(b), len(w)) of the dtype of x, to be written to instead of a new one

    The other arguments, what is promised and what is raised are those of `surface_on_plane`, of which this is the case
    with plane (0, x, 1). Returns the surface (len(b), len(w)), row = b, in the dtype of x: what
    `matplotlib.contour(w, b, surface)` takes.
    """
    feature = checks.feature("x", x)
    plane = np.zeros_like(feature), feature, np.ones_like(feature)
    axes = checks.axis("w", w), checks.axis("b", b)
    surfaces, _ = evaluate_surface(plane, y, *axes, ("loss",), None, method, tol, out, backend, progress)
    return checks.like(x, surfaces["loss"]) if out is None else out


def logit_plane(X, center, s_direction, t_direction, *, backend=None):
    """Logits of a d-dimensional model on a plane of its parameters, theta = center + s s_direction + t t_direction.

    X  features (n, d), float32 or float64
    center, s_direction, t_direction  (d + 1,), the weights and then the bias

    Returns LogitPlane(offset, s_slope, t_slope), each (n,) in the dtype of X, computed in float64 and rounded once:
    logits are offset + s s_slope + t t_slope, so from here on the cost doesn't depend on d. Every backend makes the
    same matrix product. Raises ValueError or TypeError that name a wrong argument.
    """
    checks.backend(backend)
    features = checks.features("X", X)
    given = {"center": center, "s_direction": s_direction, "t_direction": t_direction}
    thetas = np.stack([checks.theta(name, value, features.shape[1]) for name, value in given.items()], axis=1)
    logits = (features @ thetas[:-1] + thetas[-1]).astype(features.dtype)
    return LogitPlane(*(checks.like(X, np.ascontiguousarray(column)) for column in logits.T))


def surface_on_plane(
    plane,
    y,
    s,
    t,
    *,
    quantities=("loss",),
    sample_weight=None,
    method="auto",
    tol=1e-12,
    out=None,
    backend=None,
    progress=None,
):
    """Loss and what belongs to it at every point (s, t) of a plane of parameter space.

    plane          LogitPlane: offset, s_slope, t_slope (n,), float32 or float64
    y              labels in [0, 1], (n,) or (n, 1): floats, integers or booleans
    s, t           grid axes, 1-D, any order and spacing, used in float64
    quantities     of "loss", mean cross-entropy; "mse", mean of (sigmoid(z) - y)^2; "accuracy", share of samples where
                   z > 0 and y > 0.5 agree; "gradient" and "hessian" of the loss in s and t
    sample_weight  (n,), >= 0: means become weighted means
    method         "direct" evaluates every sample at every point; "spectral" interpolates between Chebyshev nodes;
                   "auto" takes the cheaper one, by shapes and data alone
    tol            error allowed to interpolation, relative to max(1, max|quantity|); 0 for direct, or 1e-13 <= tol < 1
    out            array or tensor to be written to instead of a new one; for several quantities a dict of them
    backend        None or "numba": compiled; "reference": eager PyTorch
    progress       True for a tqdm bar, or a callable (done, total) that counts evaluations, points * samples

    Returns a Surface in the dtype of the plane: loss, mse, accuracy (nt, ns), gradient (2, nt, ns), hessian (3, nt, ns)
    as ss, st, tt, None where not asked for; row = t.

    With u = 2^-53 and C = max_n(|p| + |s q| + |t r|), direct: for labels 0 and 1 and no weights the relative error of a
    loss is at most 1e-12 + 4 u C, however small it is (plus 1e-307); with other labels or with weights its absolute
    error is at most 1e-14 (1 + mean_n(|p| + |s q| + |t r|)). Spectral: the absolute error is at most (tol + 4 u C)
    max(1, max|quantity|), by a bound computed beforehand; where no interpolation keeps it, evaluation is direct.
    `plan` says which, and why. Accuracy is counted exactly, logits being (p + s q) + t r in float64.
    float32 data is evaluated in float64 and rounded once. Extra memory is a few MB and six copies of y.

    Raises ValueError or TypeError that name a wrong argument, and MemoryError before allocating what can't fit; `out`
    is then untouched.
    """
    fields = checks.plane_of(plane)
    names = checks.quantities_of(quantities)
    axes = checks.axis("s", s), checks.axis("t", t)
    surfaces, plan = evaluate_surface(fields, y, *axes, names, sample_weight, method, tol, out, backend, progress)
    found = {name: checks.like(plane.offset, surfaces[name]) for name in names}
    grid = (checks.like(plane.offset, axis) for axis in axes)
    return Surface(*grid, **found, plan=plan)


def plan_surface(plane, y, s, t, *, quantities=("loss",), sample_weight=None, method="auto", tol=1e-12):
    """The Plan by which `surface_on_plane` would evaluate a surface, from the same arguments, without evaluating it."""
    fields = [field.astype(np.float64, copy=False) for field in checks.plane_of(plane)]
    n = len(fields[0])
    samples = checks.labels(y, n, np.float64), checks.weights(sample_weight, n)
    axes = checks.axis("s", s), checks.axis("t", t)
    names = checks.quantities_of(quantities)
    checks.one_of("method", method, checks.METHODS)
    checks.tolerance(tol)
    return planning.plan(fields, *samples, *axes, names, method, tol)[0]


def evaluate_surface(plane, y, s, t, quantities, sample_weight, method, tol, out, backend, progress):
    """{quantity: array} and the Plan of a checked plane and checked axes; checks the rest."""
    n, dtype = len(plane[0]), plane[0].dtype
    labels, weights = checks.labels(y, n, np.float64), checks.weights(sample_weight, n)
    checks.one_of("method", method, checks.METHODS)
    checks.tolerance(tol)
    backend = checks.backend(backend)
    wide = [field.astype(np.float64, copy=False) for field in plane]
    with reporter(progress) as report:
        outputs = checks.outputs_of(out, quantities, (len(t), len(s)), dtype, (*plane, labels))
        if backend == "reference":
            plan = Plan("direct", None, 0.0, "the reference evaluates every sample at every point")
            for name, values in reference_surface(plane, labels, s, t, quantities, weights).items():
                outputs[name][:] = values
            report(n * len(s) * len(t), n * len(s) * len(t))
        else:
            plan, interpolation = planning.plan(wide, labels, weights, s, t, quantities, method, tol)
            body = numba_module("surface").surface_on_plane
            body(wide, labels, s, t, weights, outputs, interpolation, report)
    return outputs, plan


def reference_surface(plane, labels, s, t, quantities, weights):
    from kernels import reference

    p, q, r, y, s, t = on_tensors(*plane, labels, s, t)
    sample_weight = None if weights is None else on_tensors(weights)[0]
    return reference.surface_on_plane(LogitPlane(p, q, r), y, s, t, quantities=quantities, sample_weight=sample_weight)
