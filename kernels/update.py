"""Training: the public functions, their checks, and the choice of backend."""

import math

import numpy as np

from kernels.arguments import arrays, dataset, devices, memory, models, numbers, weighting
from kernels.arguments.weighting import in_units, weigh_positive
from kernels.backends import numba_module, on_tensors, torch_module
from kernels.progress import reporter
from kernels.results import LossGrad, Run


def bce_loss_grad(X, y, w, b, *, sample_weight=None, pos_weight=None, backend=None):
    """Mean cross-entropy and its gradient at one point, in one pass over `X`.

    X              features (n, d), float32 or float64; one in which neither rows nor columns are contiguous is copied,
                   a piece at a time
    y              labels in [0, 1], (n,) or (n, 1): floats, integers or booleans; quickest in the dtype of X
    w, b           weights (d,) and bias, a number, () or (1,)
    sample_weight  (n,) >= 0, not all 0: the mean is sum(weight * loss) / sum(weight); a sample of weight 0 counts for
                   nothing, even where its logit overflows
    pos_weight     a number >= 0, or an array of one, by which the part of the loss that y stands for is multiplied, as
                   torch.nn.BCEWithLogitsLoss does; the mean is divided by sum(sample_weight), or n, all the same
    backend        "numba" or "torch": compiled by either; "reference": eager PyTorch; None: "torch" for CUDA tensors,
                   else "numba"

    Returns LossGrad(loss, grad_w (d,), grad_b) in the dtype of X: scalars, or tensors () where X is a tensor. The
    compiled pass computes in that dtype and sums in float64, with the same bits for any number of threads. A mean
    within the dtype's range is returned though the sum is beyond it, but of CUDA tensors, whose values nothing waits
    for. What logits overflow comes back as infinities or NaN.

    Raises ValueError or TypeError that name a wrong argument; values of `X` and `y` are looked at only after a result
    that isn't finite, and of CUDA tensors never: the result says it.
    """
    backend = devices.chosen_backend(backend, X=X, y=y, w=w, b=b, sample_weight=sample_weight)
    X_array, y_array, *weights = data_of(X, y, sample_weight, pos_weight)
    dtype, d = arrays.dtype_of(X_array), X_array.shape[1]
    w_array = models.coefficients("w", w, [(d,)], dtype)
    b_array = beside(X_array, models.coefficients("b", b, [(), (1,)], dtype))
    result = mean_loss_grad(X_array, y_array, w_array, b_array, *weights, backend)
    if arrays.is_tensor(X_array):
        return LossGrad(*(arrays.cast(value, dtype) for value in result))
    if dtype == np.float32:
        with np.errstate(over="ignore"):
            result = [np.asarray(value, dtype) for value in result]
    loss, grad_w, grad_b = result
    if arrays.is_tensor(X):
        return LossGrad(*(arrays.as_kind_of(X, np.asarray(value)) for value in (loss, grad_w, grad_b)))
    return LossGrad(loss[()], grad_w, grad_b[()])


def sgd_step_(X, y, w, b, *, lr, sample_weight=None, pos_weight=None, backend=None):
    """One step of gradient descent on `w` and `b`, in place, in one pass over `X`: w -= lr * grad_w, b -= lr * grad_b.

    w (d,), b (1,)  parameters of the dtype of X
    lr              learning rate, finite, >= 0

    The other arguments are those of `bce_loss_grad`. Returns the mean loss before the step: a scalar, or a tensor ()
    where X is a tensor.

    Raises ValueError or TypeError that name a wrong argument, and FloatingPointError where the loss or the new
    parameters would leave the range of the dtype; `w` and `b` are untouched then. Of CUDA tensors the loss is returned
    all the same, as nothing waits for the card.
    """
    backend = devices.chosen_backend(backend, X=X, y=y, w=w, b=b, sample_weight=sample_weight)
    X_array, y_array, *weights = data_of(X, y, sample_weight, pos_weight)
    dtype, d = arrays.dtype_of(X_array), X_array.shape[1]
    w_array, b_array = models.parameter("w", w, (d,), dtype), models.parameter("b", b, (1,), dtype)
    models.check_no_aliasing(w_array, b_array, X_array, y_array)
    lr = numbers.nonnegative("lr", lr)
    loss, grad_w, grad_b = mean_loss_grad(X_array, y_array, w_array, b_array, *weights, backend)
    if arrays.is_tensor(X_array):
        return torch_module("graphs.update").sgd_step_(w_array, b_array, loss, grad_w, grad_b, lr)
    with np.errstate(over="ignore", invalid="ignore"):
        moved = w_array - lr * grad_w, b_array - lr * grad_b
        loss, new_w, new_b = (np.asarray(value, dtype) for value in (loss, *moved))
    if not all(map(arrays.is_finite, (loss, new_w, new_b))):
        raise FloatingPointError(f"sgd_step_: the loss or the step leaves the range of {dtype} (lr = {lr})")
    tell = models.version_bumper(w, b)
    w_array[:], b_array[:] = new_w, new_b
    tell()
    return arrays.as_kind_of(X, loss) if arrays.is_tensor(X) else loss[()]


def linear_bce(X, weight, bias, y, *, sample_weight=None, pos_weight=None):
    """Mean cross-entropy of the logits X weight + bias: a torch scalar, differentiable by weight and bias.

    The same as binary_cross_entropy_with_logits after a linear layer, but forward and backward together read X once and
    allocate nothing of size n, without pos_weight. So does a derivative in forward mode; each further derivative is
    a pass of eager PyTorch, and so is all of torch.func.vmap. Works in torch.compile(fullgraph=True).

    X              features (n, d), float32 or float64, tensor on the CPU or one CUDA device
    weight, bias   (d,) or (1, d) and () or (1,), of the dtype of X
    y              labels in [0, 1], (n,) or (n, 1): float32, float64, integers or booleans
    sample_weight  tensor (n,) or (n, 1), >= 0: the mean is sum(weight * loss) / n, as torch has it, where
                   `bce_loss_grad` divides by sum(weight): the same for weights whose mean is 1
    pos_weight     a number >= 0, or a tensor of one: of torch.nn.BCEWithLogitsLoss

    Raises ValueError or TypeError that name a wrong argument; within torch.func.vmap labels out of range make NaN.
    There are no derivatives by anything but weight and bias: what requires a gradient, or has a tangent, is refused.
    """
    from kernels import autograd

    return autograd.linear_bce(X, weight, bias, y, sample_weight, pos_weight)


def data_of(X, y, sample_weight=None, pos_weight=None, by_samples=False):
    """Features, labels and weights or None, as arrays of one dtype, and what weighted sums are divided by: the sum of
    `sample_weight` or, if `by_samples`, their number. Values of X, and of y in its dtype, may not yet be checked."""
    X_array = dataset.matrix("X", X)
    n = len(X_array)
    dtype = arrays.dtype_of(X_array)
    y_array = dataset.unchecked_labels(y, n, dtype)
    weight, total = dataset.weights(sample_weight, n, zeros=by_samples), n
    pos_weight = numbers.pos_weight(pos_weight)
    if weight is None and pos_weight is None:
        return X_array, y_array, weight, total
    if weight is not None:
        weight, unit = in_units(weight)
        total = n / unit if by_samples else arrays.cast(weight, dtype).sum(dtype=weight.dtype)
    if pos_weight is not None:
        dataset.check_labels(y_array)
        y_array, grown = weigh_positive(y_array, None, pos_weight)
        grown, unit = in_units(grown)  # or the product might overflow
        weight, unit_of_product = in_units(grown if weight is None else weight * grown)
        total = total / unit / unit_of_product
    return X_array, arrays.cast(y_array, dtype), arrays.cast(weight, dtype), total


def beside(X, b):
    """A bias (1,) where X is. A number is filled in there: no CUDA graph could capture a copy of it."""
    return X.new_full((1,), b.item()) if arrays.is_tensor(X) and not arrays.is_tensor(b) else b


def mean_loss_grad(X, y, w, b, weight, total, backend):
    """Sums over the samples, divided by `total`: loss, gradient by w (d,) and by b. Raises what is wrong with X or y if
    they are not finite. Of CUDA tensors the means are tensors too."""
    means = MEANS[backend]
    result = means(X, y, w, b, weight, total)
    if arrays.is_tensor(X) or all_finite(*result):
        return result
    check_data(X, y)
    share = 0.5 ** len(y).bit_length()  # of it the sums are below the means, which may be in range where they aren't
    weight = np.full_like(y, share) if weight is None else weight * y.dtype.type(share)
    with np.errstate(over="ignore", invalid="ignore"):
        return means(X, y, w, b, weight, total * share)


def all_finite(loss, grad_w, grad_b):
    return math.isfinite(loss) and math.isfinite(grad_b) and arrays.is_finite(grad_w)


def means_of_reference(X, y, w, b, weight, total):
    from kernels import reference

    check_data(X, y)
    share = None if weight is None else on_tensors(weight)[0]
    result = reference.loss_grad(*on_tensors(X, y, w, b), "bce", share, total)
    return [value.numpy() for value in result]


def means_of_torch(X, y, w, b, weight, total):
    share = None if weight is None else on_tensors(weight)[0]
    result = torch_module("graphs.gradient").loss_and_gradient(*on_tensors(X, y, w, b), share, total)
    return result if arrays.is_tensor(X) else [value.numpy() for value in result]


def means_of_numba(X, y, w, b, weight, total):
    theta = np.concatenate((w, b.reshape(1)))
    loss, gradient = numba_module("training.gradient").loss_and_gradient(X, y, weight, theta)
    return loss / total, gradient[:-1] / total, gradient[-1] / total


MEANS = {"numba": means_of_numba, "torch": means_of_torch, "reference": means_of_reference}


def sgd_run_(
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
    first_epoch=0,
    momentum=0.0,
    weight_decay=0.0,
    velocity=None,
    frozen=None,
    history=1,
    backend=None,
    progress=None,
):
    """A whole run of minibatch gradient descent on `w` and `b`, in place, with its history.

    X              features (n, d), float32 or float64
    y              labels in [0, 1], (n,) or (n, 1): floats, integers or booleans
    w, b           start, (d,) and (1,), of the dtype of X; they end as the trained parameters
    lr             learning rate, finite, >= 0
    batch_size     samples a step, at most all; the last batch of an epoch is averaged over its own length
    epochs         passes over the data
    loss           "bce": mean cross-entropy; "mse": mean squared error of the sigmoid
    sample_weight  (n,) >= 0, not all 0: a batch's loss is sum(weight * loss) / len(batch), as
                   torch.nn.functional.binary_cross_entropy_with_logits(weight=) has it: the weighted mean of
                   `bce_loss_grad` where the batch's weights have the mean 1
    pos_weight     that of torch.nn.BCEWithLogitsLoss, a number >= 0: multiplies the loss of the positive class, for
                   loss="bce" alone
    shuffle_seed   None: samples in order; an integer >= 0: epoch e takes them in the order of
                   numpy.random.default_rng([shuffle_seed, e]).permutation(n)
    first_epoch    number of the first epoch, e = first_epoch, first_epoch + 1, ...: how many there were before
    momentum       of torch.optim.SGD, without dampening: velocity = momentum * velocity + gradient; >= 0
    weight_decay   of torch.optim.SGD, of the bias too: weight_decay * (w, b) is added to the gradient, not to the loss;
                   >= 0
    velocity       to start with: Run.velocity of the run to go on with, or (d + 1,), the bias last; None: 0
    frozen         "w" or "b", which then stays as it is; None: both are trained
    history        keeps every so many steps, 0 none
    backend        "numba" or "torch": compiled by either; "reference": eager PyTorch; None: "torch" for CUDA tensors,
                   else "numba"
    progress       True for a tqdm bar, or a callable (done, total) that counts steps

    Returns Run(w (k, d), b (k,), loss (k,)), with a `velocity`; k = steps // history or 0 of steps = epochs * ceil(n /
    batch_size): the parameters after each kept step and the minibatch's loss before it. The compiled run computes in
    float64 whatever the dtype and rounds what it returns; large batches are shared by all threads, with the same bits
    for any number.

    `velocity` is float64, in torch's units, (d + 1,); that of float32 data is (2, d + 1), with the parameters before
    they were rounded below it. A second run from where `w` and `b` ended, with that velocity and, if shuffled, with
    first_epoch the epochs so far, is one with the first, by the compiled CPU backend to the bit. Parameters that were
    changed in between start as they are.

    Raises ValueError or TypeError that name a wrong argument, with `w` and `b` untouched, and FloatingPointError naming
    the step whose loss, or the parameters after it, leave the range of the dtype. After that, or after Ctrl-C, `w` and
    `b` hold the last parameters reached.
    """
    backend = devices.chosen_backend(backend, X=X, y=y, w=w, b=b, sample_weight=sample_weight)
    X_array = dataset.matrix("X", X)
    n, d = X_array.shape
    dtype = arrays.dtype_of(X_array)
    y_array = dataset.unchecked_labels(y, n, dtype)
    parameters = models.parameter("w", w, (d,), dtype), models.parameter("b", b, (1,), dtype)
    models.check_no_aliasing(*parameters, X_array, y_array)
    settings = {
        "lr": numbers.nonnegative("lr", lr),
        "batch_size": min(numbers.integer("batch_size", batch_size, 1), n),
        "epochs": numbers.integer("epochs", epochs, 0),
        "loss": numbers.one_of("loss", loss, numbers.COSTS),
        "shuffle_seed": None if shuffle_seed is None else numbers.integer("shuffle_seed", shuffle_seed, 0),
        "first_epoch": numbers.integer("first_epoch", first_epoch, 0),
        "momentum": numbers.nonnegative("momentum", momentum),
        "weight_decay": numbers.nonnegative("weight_decay", weight_decay),
        "trained": trained_beside(frozen, d),
        "history": numbers.integer("history", history, 0),
    }
    steps = numbers.number_of_steps(settings["epochs"], n, settings["batch_size"])
    settings["history"] = min(settings["history"], steps + 1)
    if settings["history"]:
        memory.check_fits((steps // settings["history"], d + 2), dtype, [X_array])
    y_array, weight = weighting.of_training(y_array, sample_weight, pos_weight, loss)
    state = state_of(velocity, *parameters, settings["trained"])
    body = {"reference": reference_run, "torch": torch_run}.get(backend, numba_run)
    tell = models.version_bumper(w, b)
    with reporter(progress) as report:
        try:
            path = body(X_array, y_array, weight, state, **settings, progress=report)
        finally:
            parameters[0][:], parameters[1][:] = state[1, :d], state[1, d:]
            tell()
    run = *path, state if dtype == np.float32 else state[0]
    return Run(*(arrays.as_kind_of(X, array) for array in run)) if arrays.is_tensor(X) else Run(*run)


def trained_beside(frozen, d):
    """1 for each parameter, the bias last, that is trained where "w" or "b" is frozen, else 0 (d + 1,); or None."""
    if frozen is None:
        return None
    if not (isinstance(frozen, str) and frozen in ("w", "b")):
        raise ValueError(f"frozen is {frozen!r}; accepted: 'w', 'b' or None")
    of_w, of_b = (0.0, 1.0) if frozen == "w" else (1.0, 0.0)
    return np.append(np.full(d, of_w), of_b)


def state_of(velocity, w, b, trained):
    """Velocity and parameters (2, d + 1), float64, of a run from w (d,) and b (1,), where these are. What isn't trained
    has the velocity 0. Parameters that come with the velocity are taken as those that w and b are rounded from."""
    d, state = len(w), np.zeros((2, len(w) + 1))
    state[1, :d], state[1, d:] = (values.cpu() if arrays.is_cuda(values) else values for values in (w, b))
    if velocity is not None:
        moving, *exact = models.velocity(velocity, d)
        state[0] = moving if trained is None else moving * trained
        for values in exact:
            with np.errstate(over="ignore"):
                rounded = values.astype(arrays.dtype_of(w))
            state[1] = np.where(rounded == state[1], values, state[1])
    return arrays.as_kind_of(w, state) if arrays.is_cuda(w) else state


def numba_run(X, y, weight, state, **settings):
    """Looks at the values of X and y only if the run fails, as it does where one of them isn't finite, or if they are
    not read."""
    start = state.copy()
    if settings["epochs"] == 0:
        check_data(X, y)
    try:
        return numba_module("training.update").sgd_run_(X, y, weight, state, **settings)
    except FloatingPointError:
        end = state.copy()
        state[:] = start
        check_data(X, y)
        state[:] = end
        raise


def check_data(X, y):
    dataset.check_labels(y)
    arrays.check_finite("X", X)


def reference_run(X, y, weight, state, *, progress, **settings):
    from kernels import reference

    check_data(X, y)
    velocity, start = on_tensors(*state.astype(X.dtype))
    w, b = start[:-1], start[-1:]
    y, weight = weighting.in_dtype(y, weight, X.dtype)
    weights = None if weight is None else on_tensors(weight)[0]
    try:
        path = reference.sgd_run_(*on_tensors(X, y), w, b, sample_weight=weights, velocity=velocity, **settings)
    finally:
        state[1] = start.numpy()
    state[0] = path.velocity.numpy()
    steps = settings["epochs"] * -(-len(X) // settings["batch_size"])
    progress(steps, steps)
    return [field.numpy() for field in path]


def torch_run(X, y, weight, state, **settings):
    check_data(X, y)
    weights = None if weight is None else on_tensors(weight)[0]
    path = torch_module("graphs.update").sgd_run_(*on_tensors(X, y), weights, *on_tensors(state), **settings)
    return path if arrays.is_tensor(X) else [field.numpy() for field in path]
