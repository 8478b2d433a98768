"""Independent truth for the kernels, in mpmath and NumPy alone, and the tolerances that the contracts promise.

A plane is any (p, q, r) of arrays (n,) with logits z = p + s q + t r; one-feature data x has the plane (0, x, 1).
Arrays are taken as passed: float32 and float64 values are exact numbers here.
"""

import functools
import math

import mpmath
import numpy as np

BITS = 128  # of mpmath
MPMATH_SAMPLES = 100  # above it, `value_at` sums float64 terms
UNIT_ROUNDOFF = 2.0**-53

QUANTITIES = ("loss", "mse", "accuracy", "balanced_accuracy", "gradient", "hessian")
COUNTED = ("accuracy", "balanced_accuracy")
LEADING_SHAPE = {"gradient": (2,), "hessian": (3,)}


def one_feature_plane(x):
    """The plane of z = s x + t."""
    return np.zeros_like(x), x, np.ones_like(x)


def value_at(plane, y, s, t, quantity="loss", weights=None, loss="bce"):
    """The quantity at (s, t), of the loss: a float, or an array (2,), (3,) for gradient, hessian.

    Its error is below 1e-15 mean(|terms|): relative 1e-15 for loss, mse and the diagonal of the hessian.
    """
    if quantity in COUNTED:
        of_classes = accuracy_at if quantity == "accuracy" else balanced_accuracy_at
        return of_classes(plane, y, s, t, weights)
    by = by_mpmath if len(y) <= MPMATH_SAMPLES else by_fsum
    values = by(plane, y, s, t, quantity, weights, loss)
    return values if quantity in LEADING_SHAPE else float(values[0])


def loss_at(plane, y, s, t, weights=None):
    """Mean cross-entropy at (s, t)."""
    return value_at(plane, y, s, t, "loss", weights)


def accuracy_at(plane, y, s, t, weights=None):
    """Share classified correctly by the contract: (p + s q) + t r > 0 in float64, in this order, equals y > 0.5."""
    correct = correct_at(plane, y, s, t)
    if weights is None:
        return int(correct.sum()) / len(correct)
    weights = np.asarray(weights, np.float64)
    return math.fsum(weights[correct]) / math.fsum(weights)


def balanced_accuracy_at(plane, y, s, t, weights=None):
    """Mean of the shares of each class classified correctly, of the classes that have any weight."""
    correct, in_class_1 = correct_at(plane, y, s, t), np.asarray(y) > 0.5
    weights = np.ones(len(y)) if weights is None else np.asarray(weights, np.float64)
    sums = [(math.fsum(weights[own & correct]), math.fsum(weights[own])) for own in (in_class_1, ~in_class_1)]
    shares = [right / total for right, total in sums if total > 0]
    return math.fsum(shares) / len(shares)


def correct_at(plane, y, s, t):
    p, q, r = (np.asarray(v, np.float64) for v in plane)
    return ((p + s * q) + t * r > 0) == (np.asarray(y) > 0.5)


# The losses of a sample, from its label and p = sigma(z), q = 1 - p and their logarithms, arrays or mpmath's numbers


def derivatives(loss, y, p, q, log_p, log_q):
    """[L, dL/dz, d^2 L/dz^2, d^3 L/dz^3]"""
    pq = p * q
    if loss == "bce":
        return [-y * log_p - (1 - y) * log_q, (1 - y) * p - y * q, pq, pq * (q - p)]
    if loss == "mse":
        error = (1 - y) * p - y * q  # p - y
        second = 2 * pq * (pq + error * (q - p))
        third = 6 * pq**2 * (q - p) + 2 * error * pq * ((q - p) ** 2 - 2 * pq)
        return [error**2, 2 * error * pq, second, third]
    assert loss == "focal", loss
    of_classes = zip(focal_of_class_1(q, p, log_q), focal_of_class_1(p, q, log_p), (1, -1, 1, -1), strict=True)
    return [sign * (1 - y) * of_0 + y * of_1 for of_0, of_1, sign in of_classes]


def focal_of_class_1(p, q, log_p):
    """-(1 - p)^2 log p and its derivatives: Lin et al., eq. 4 and appendix B."""
    second = (2 - 6 * p) * log_p + 5 * q
    return [
        -(q**2) * log_p,
        q**2 * (2 * p * log_p - q),
        p * q**2 * second,
        p * q**2 * ((q - 2 * p) * second + q * (2 - 11 * p - 6 * p * log_p)),
    ]


def exponent(loss):
    """k where a loss, and its derivatives, fall as e^-km in the margin m: an error of m counts so many times."""
    return {"bce": 1, "mse": 2, "focal": 3}[loss]


# Truth for few samples: every operation in BITS bits


def by_mpmath(plane, y, s, t, quantity, weights=None, loss="bce"):
    """Components of the quantity as float64, each correct to its last digit or nearly."""
    weights = np.ones(len(y)) if weights is None else weights
    with mpmath.workprec(BITS):
        s, t = exact(float(s)), exact(float(t))
        sums, total = [mpmath.mpf(0)] * math.prod(LEADING_SHAPE.get(quantity, (1,))), mpmath.mpf(0)
        for sample in zip(*plane, y, weights, strict=True):
            p, q, r, label, weight = (exact(float(v)) for v in sample)
            terms = mpmath_terms(p + s * q + t * r, label, q, r, quantity, loss)
            sums = [a + weight * term for a, term in zip(sums, terms, strict=True)]
            total += weight
        return np.array([float(a / total) for a in sums])


@functools.lru_cache(2**12)  # samples come again at each point
def exact(value):
    return mpmath.mpf(value)


def mpmath_terms(z, y, q, r, quantity, loss="bce"):
    """One sample's share in each component of the quantity."""
    value, slope, curvature, _ = mpmath_derivatives("mse" if quantity == "mse" else loss, z, y)
    if quantity in ("loss", "mse"):
        return [value]
    return [slope * v for v in (q, r)] if quantity == "gradient" else [curvature * v for v in (q * q, q * r, r * r)]


@functools.lru_cache(2**14)  # the same for each quantity, method and tolerance; always in BITS bits
def mpmath_derivatives(loss, z, y):
    small = mpmath.exp(-abs(z))
    log1p = mpmath.log1p(small)
    of_p = 1 / (1 + small), small / (1 + small), -log1p, -abs(z) - log1p
    p, q, log_p, log_q = of_p if z >= 0 else (of_p[1], of_p[0], of_p[3], of_p[2])
    return derivatives(loss, y, p, q, log_p, log_q)


# Truth for many samples: float64 terms of logits with their rounding errors, summed without any


def by_fsum(plane, y, s, t, quantity, weights=None, loss="bce"):
    """Components of the quantity; error below 1e-15 of the mean of |terms|, from numpy's exp and log1p (few ulp)."""
    p, q, r = (np.asarray(v, np.float64) for v in plane)
    y = np.asarray(y, np.float64)
    weights = np.ones(len(y)) if weights is None else np.asarray(weights, np.float64)
    terms = float64_terms(*exact_logits(p, q, r, float(s), float(t)), y, q, r, quantity, loss)
    total = math.fsum(weights)
    return np.array([math.fsum(weights * term) / total for term in terms])


def float64_terms(z, dz, y, q, r, quantity, loss="bce"):
    """Each sample's share in each component at the logit z + dz, to first order in dz, the rounding error of z."""
    value, slope, curvature, third = float64_derivatives("mse" if quantity == "mse" else loss, z, y)
    if quantity in ("loss", "mse"):
        return [value + slope * dz]
    if quantity == "gradient":
        return [(slope + curvature * dz) * v for v in (q, r)]
    return [(curvature + third * dz) * v for v in (q * q, q * r, r * r)]


def float64_derivatives(loss, z, y):
    return derivatives(loss, y, sigmoid(z), sigmoid(-z), -softplus(-z), -softplus(z))


def size_of_curvature(loss, z, y):
    """What d^2 L/dz^2 is the sum of, each without its sign: where they cancel, errors are of their size."""
    p, q = sigmoid(z), sigmoid(-z)
    if loss == "bce":
        return p * q
    if loss == "mse":
        return 2 * p * q * (p * q + np.abs((1 - y) * p - y * q))
    assert loss == "focal", loss
    of_1, of_0 = p * q**2 * (6 * softplus(-z) + 5 * q), q * p**2 * (6 * softplus(z) + 5 * p)
    return y * of_1 + (1 - y) * of_0


def exact_logits(p, q, r, s, t):
    """z and dz with z + dz = p + s q + t r to about 100 bits: error-free transformations (Dekker 1971, Knuth)."""
    sq, sq_error = two_product(s, q)
    tr, tr_error = two_product(t, r)
    z, error1 = two_sum(p, sq)
    z, error2 = two_sum(z, tr)
    return z, error1 + error2 + sq_error + tr_error


def two_sum(a, b):
    """a + b rounded, and the rounding error."""
    total = a + b
    b_part = total - a
    return total, (a - (total - b_part)) + (b - b_part)


def two_product(a, b):
    """a * b rounded, and the rounding error; below 1e290."""
    product = a * b
    (a_high, a_low), (b_high, b_low) = split(a), split(b)
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def split(a):
    """Upper and lower half of the 53 bits."""
    scaled = a * (2.0**27 + 1)
    high = scaled - (scaled - a)
    return high, a - high


def softplus(z):
    """log(1 + e^z)."""
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def sigmoid(z):
    """1 / (1 + e^-z)."""
    small = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, small) / (1 + small)


# What the contracts promise


def logit_bound(plane, s, t):
    """|p| + |s q| + |t r| of each sample; its maximum is the C of the contracts."""
    p, q, r = (np.abs(np.asarray(v, np.float64)) for v in plane)
    return p + abs(s) * q + abs(t) * r


def direct_tolerance(plane, y, s, t, quantity="loss", weights=None, loss="bce"):
    """Absolute error that direct evaluation may have at (s, t), as a float or (2,), (3,).

    Labels 0 and 1: 1e-12 + 4 u C of mean(|terms|), times C the `exponent` of the loss. Soft labels or weights: a mean
    of 1e-14 (1 + |p| + |s q| + |t r|), times the derivatives of z for gradient and hessian. What is counted: its
    rounding.
    """
    p, q, r = (np.asarray(v, np.float64) for v in plane)
    y = np.asarray(y, np.float64)
    bound, loss = logit_bound(plane, s, t), "mse" if quantity == "mse" else loss
    factors = {"gradient": [q, r], "hessian": [q * q, q * r, r * r]}.get(quantity, [np.ones_like(q)])
    factors = [np.abs(factor) for factor in factors]
    if quantity in COUNTED:
        allowed = [2 * UNIT_ROUNDOFF if weights is None and quantity == "accuracy" else 1e-14]
    elif weights is None and np.isin(y, (0, 1)).all():
        relative = 1e-12 + 4 * UNIT_ROUNDOFF * bound.max() * exponent(loss)
        z, dz = exact_logits(p, q, r, s, t)
        if quantity == "hessian":
            terms = [size_of_curvature(loss, z, y) * factor for factor in factors]
        else:
            terms = float64_terms(z, dz, y, q, r, quantity, loss)
        allowed = [
            relative * np.abs(term).mean() + 1e-307 * max(1.0, factor.max())
            for term, factor in zip(terms, factors, strict=True)
        ]
    else:
        allowed = [1e-14 * np.average(factor * (1 + bound), weights=weights) + 1e-307 for factor in factors]
    return np.array(allowed) if quantity in LEADING_SHAPE else float(allowed[0])


def spectral_tolerance(got, plane, s, t, tol):
    """(tol + 4 u C) max(1, max|quantity|) with C over the window, for every point of the grid `got`."""
    corner = logit_bound(plane, np.abs(s).max(), np.abs(t).max()).max()
    return (tol + 4 * UNIT_ROUNDOFF * corner) * max(1.0, float(np.abs(got).max()))


def assert_surface_close(
    got, plane, y, s, t, quantity="loss", *, weights=None, loss="bce", cells=64, rng=0, method="direct", tol=1e-12
):
    """Hold random cells of the array `got` (..., nt, ns) to the contract; returns the worst error / tolerance.

    float32 may be off by half an ulp more. `rng` is a seed or a Generator.
    """
    shape = (*LEADING_SHAPE.get(quantity, ()), len(t), len(s))
    assert got.shape == shape, f"{quantity}: shape {got.shape}, expected {shape}"
    chosen = np.random.default_rng(rng).choice(len(t) * len(s), size=min(cells, len(t) * len(s)), replace=False)
    misses, worst = [], 0.0
    for j, i in zip(*np.unravel_index(chosen, (len(t), len(s))), strict=True):
        want = value_at(plane, y, s[i], t[j], quantity, weights, loss)
        if method == "direct" or quantity in COUNTED:
            allowed = direct_tolerance(plane, y, s[i], t[j], quantity, weights, loss)
        else:
            allowed = spectral_tolerance(got, plane, s, t, tol)
        found = got[..., j, i].astype(np.float64)
        if got.dtype == np.float32:
            allowed = allowed + 0.5 * np.spacing(np.abs(want).astype(np.float32)).astype(np.float64)
        ratio = float(np.max(np.abs(found - want) / allowed))
        worst = max(worst, ratio)
        if not ratio <= 1:
            misses.append((ratio, f"[{j}, {i}] s={s[i]!r} t={t[j]!r}: got {found!r}, want {want!r}, {ratio:.3g} times"))
    if misses:
        ratio, text = max(misses, key=lambda miss: (math.isnan(miss[0]), miss[0]))
        raise AssertionError(f"{quantity}: {len(misses)} of {len(chosen)} cells miss; worst {text} the tolerance")
    return worst


# Training


def sgd_path(
    X,
    y,
    w,
    b,
    *,
    lr,
    batch_size,
    epochs,
    loss="bce",
    sample_weight=None,
    pos_weight=None,
    shuffle_seed=None,
    momentum=0.0,
    weight_decay=0.0,
):
    """Minibatch SGD in float64: w (steps, d), b (steps,) after each step and the batch's loss (steps,) before it.

    Epoch e is in the order default_rng([shuffle_seed, e]).permutation(n); momentum and decay as torch.optim.SGD's;
    weights as those of binary_cross_entropy_with_logits.
    """
    X, y = np.asarray(X, np.float64), np.asarray(y, np.float64)
    weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, np.float64)
    theta = np.append(np.asarray(w, np.float64), float(np.squeeze(b)))
    X1 = np.column_stack([X, np.ones(len(X))])
    velocity = np.zeros_like(theta)
    path, losses = [], []
    for epoch in range(epochs):
        order = np.arange(len(y))
        if shuffle_seed is not None:
            order = np.random.default_rng([shuffle_seed, epoch]).permutation(len(y))
        for start in range(0, len(y), batch_size):
            rows = order[start : start + batch_size]
            value, gradient = cost_and_gradient(X1[rows], y[rows], theta, loss, weight[rows], pos_weight)
            velocity = momentum * velocity + gradient + weight_decay * theta
            theta = theta - lr * velocity
            path.append(theta)
            losses.append(value)
    path = np.array(path).reshape(-1, len(theta))
    return path[:, :-1], path[:, -1], np.array(losses)


def cost_and_gradient(X1, y, theta, loss="bce", weight=1.0, pos_weight=None):
    """Mean of weighted losses, and its gradient (d + 1,), at theta; X1 (n, d + 1) ends with a column of ones."""
    z = X1 @ theta
    if pos_weight is not None:  # (1 - y) L_0 + pos_weight y L_1
        of_0, of_1 = (float64_derivatives(loss, z, label)[:2] for label in (np.zeros(len(y)), np.ones(len(y))))
        values, slopes = ((1 - y) * zero + pos_weight * y * one for zero, one in zip(of_0, of_1, strict=True))
    else:
        values, slopes = float64_derivatives(loss, z, y)[:2]
    return (weight * values).mean(), (weight * slopes) @ X1 / len(y)


def first_all_correct(X, y, w_path, b_path):
    """Index of the first of w (m, d), b (m,) that classifies every sample correctly in float64; -1 if none."""
    z = np.asarray(X, np.float64) @ np.asarray(w_path, np.float64).T + np.asarray(b_path, np.float64)
    correct = ((z > 0) == (np.asarray(y) > 0.5)[:, None]).all(axis=0)
    return int(np.argmax(correct)) if correct.any() else -1


# One pass


def mean_loss_grad(X, y, w, b, weight=None):
    """Loss, gradient (d + 1,) by w and b, and for each the mean of the absolute values that it is the mean of: sums of
    float64 terms without rounding."""
    X1 = np.column_stack([X.astype(np.float64), np.ones(len(y))])
    terms = X1 * np.append(w, b).astype(np.float64)
    z = np.array([math.fsum(row) for row in terms])
    y = y.astype(np.float64)
    losses = y * softplus(-z) + (1 - y) * softplus(z)
    slopes = ((1 - y) * sigmoid(z) - y * sigmoid(-z))[:, None] * X1
    share = np.ones(len(y)) if weight is None else weight
    columns = [losses, *slopes.T]
    values = np.array([math.fsum(share * column) for column in columns]) / math.fsum(share)
    # an error of the logit moves the loss by |residual| times it, the residual by p (1 - p)
    size = np.abs(terms).sum(axis=1)
    curvature = sigmoid(z) * sigmoid(-z)
    sizes = [losses + np.abs(slopes[:, -1]) * size, *(np.abs(slopes) + (curvature * size)[:, None] * np.abs(X1)).T]
    return values, np.array([np.average(column, weights=share) for column in sizes])


def assert_pass_close(result, expected, dtype, ulps=4):
    """Every value within `ulps` units of the dtype of the size of what is summed."""
    values, sizes = expected
    got = np.concatenate([[result.loss], result.grad_w, [result.grad_b]])
    assert got.dtype == dtype
    allowed = ulps * np.finfo(dtype).eps * sizes + np.finfo(dtype).smallest_normal
    wrong = ~(np.abs(got - values) <= allowed)
    assert not wrong.any(), f"{np.flatnonzero(wrong)}: got {got[wrong]}, want {values[wrong]}, +- {allowed[wrong]}"
