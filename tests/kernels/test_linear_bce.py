"""`linear_bce` as a torch operator: value and derivatives in every way that torch takes them, torch's own checks,
training, and wrong arguments."""

import numpy as np
import pytest
import torch
import torch.utils.checkpoint
from torch import func
from torch.autograd import forward_ad, functional
from torch.nn.functional import binary_cross_entropy_with_logits

import kernels
from tests import problems

SHAPES = [((3,), (), (40,)), ((1, 3), (1,), (40, 1)), ((3,), (1,), (40, 1)), ((1, 3), (), (40,))]
DTYPES = (torch.float32, torch.float64)


def problem_of(weight_shape=(3,), bias_shape=(), y_shape=(40,), dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(40, 3, dtype=dtype, generator=generator)
    weight = torch.randn(weight_shape, dtype=dtype, generator=generator, requires_grad=True)
    bias = torch.randn(bias_shape, dtype=dtype, generator=generator, requires_grad=True)
    return X, weight, bias, torch.rand(y_shape, dtype=dtype, generator=generator)


def eager(X, weight, bias, y, *, sample_weight=None, pos_weight=None):
    sample_weight = None if sample_weight is None else sample_weight.reshape(-1)
    pos_weight = None if pos_weight is None else torch.as_tensor(pos_weight, dtype=X.dtype)
    logits = X @ weight.reshape(-1) + bias
    return binary_cross_entropy_with_logits(logits, y.reshape(-1).to(X.dtype), sample_weight, pos_weight=pos_weight)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_value_and_gradient_are_those_of_torch(shapes, dtype):
    X, weight, bias, y = problem_of(*shapes, dtype=dtype)
    loss, want = (3 * function(X, weight, bias, y) for function in (kernels.linear_bce, eager))
    assert loss.shape == ()
    assert loss.dtype == dtype
    tolerance = {"rtol": 1e-5, "atol": 1e-6} if dtype == torch.float32 else {"rtol": 1e-14, "atol": 1e-15}
    torch.testing.assert_close(loss, want, **tolerance)
    gradients = (torch.autograd.grad(value, (weight, bias)) for value in (loss, want))
    for got, expected in zip(*gradients, strict=True):
        torch.testing.assert_close(got, expected, **tolerance)


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_gradcheck(shapes):
    X, weight, bias, y = problem_of(*shapes)
    assert torch.autograd.gradcheck(lambda weight, bias: kernels.linear_bce(X, weight, bias, y), (weight, bias))


def test_frozen_parameters_get_no_gradient():
    X, weight, bias, y = problem_of()
    kernels.linear_bce(X, weight.requires_grad_(False), bias, y).backward()
    assert weight.grad is None
    assert bias.grad is not None
    with torch.no_grad():
        assert not kernels.linear_bce(X, weight, bias, y).requires_grad


def test_operator_keeps_torchs_rules():
    from kernels.autograd import operator

    X, weight, bias, y = problem_of()
    arguments = X, weight.detach(), bias.detach(), y, y + 1, torch.tensor(2.5)
    torch.library.opcheck(operator, arguments)
    torch.library.opcheck(operator, (*arguments[:4], None, None))


def test_results_of_the_operator_share_no_memory(monkeypatch):
    """Whatever the kernels return: on a card parts of one tensor."""
    import kernels.autograd as ours

    X, weight, bias, y = problem_of()
    parts = torch.arange(5, dtype=torch.float64)
    monkeypatch.setattr(ours, "mean_loss_grad", lambda *arguments: (parts[0], parts[1:4], parts[4]))
    results = ours.loss_and_gradient(X, weight, bias, y, None, None)
    assert [value.untyped_storage().nbytes() for value in results] == [8, 24, 8]
    assert [value.tolist() for value in results] == [0, [1, 2, 3], 4]


@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.long)])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch deprecates parts of itself
def test_compiled_in_one_graph(backend):
    X, weight, bias, y = problem_of((1, 3), (1,))
    step = torch.compile(
        lambda weight, bias: 2 * kernels.linear_bce(X, weight, bias, y), fullgraph=True, backend=backend
    )
    got = torch.autograd.grad(step(weight, bias), (weight, bias))
    want = torch.autograd.grad(2 * eager(X, weight, bias, y), (weight, bias))
    torch.testing.assert_close(got, want)


def test_training_loop():
    problem = problems.sgd_problem(200, 5)
    X, y = torch.from_numpy(problem.X), torch.from_numpy(problem.y)
    ends = []
    for cost in (kernels.linear_bce, eager):
        torch.manual_seed(0)
        layer = torch.nn.Linear(5, 1, dtype=torch.float64)
        optimiser = torch.optim.SGD(layer.parameters(), lr=0.5, momentum=0.9)
        for _ in range(30):
            optimiser.zero_grad()
            cost(X, layer.weight, layer.bias, y).backward()
            optimiser.step()
        ends.append(torch.cat([layer.weight.flatten(), layer.bias]))
    torch.testing.assert_close(*ends, rtol=1e-12, atol=1e-12)


WEIGHTS = {
    "plain": {},
    "weighted": {"sample_weight": torch.linspace(0, 3, 40, dtype=torch.float64)[:, None], "pos_weight": 2.5},
}
weights = pytest.mark.parametrize("weights", WEIGHTS.values(), ids=WEIGHTS)
# Of torch itself, which deprecates parts that it uses, and traces what linear_bce shares with the eager form
of_torch = pytest.mark.filterwarnings(
    "ignore:.torch.jit.script. is deprecated:DeprecationWarning", "ignore:Attempted to insert a get_attr:UserWarning"
)


def dual(loss, *arguments):
    with forward_ad.dual_level():
        tangents = [torch.ones_like(argument) for argument in arguments]
        return forward_ad.unpack_dual(loss(*map(forward_ad.make_dual, arguments, tangents))).tangent


def tangent_of_gradient(loss, weight, bias):
    with forward_ad.dual_level():
        weight = forward_ad.make_dual(weight.clone().requires_grad_(), torch.ones_like(weight))
        gradients = torch.autograd.grad(loss(weight, bias.clone().requires_grad_()), weight)
        return [forward_ad.unpack_dual(gradient).tangent for gradient in gradients]


def product_with_hessian(loss, weight, bias):
    leaves = weight.clone().requires_grad_(), bias.clone().requires_grad_()
    gradients = torch.autograd.grad(loss(*leaves), leaves, create_graph=True)
    return torch.autograd.grad(sum((gradient**2).sum() for gradient in gradients), leaves)


BOTH = (0, 1)
ONE = torch.tensor(2.0, dtype=torch.float64)
DERIVATIVES = {
    "grad": lambda f, *at: func.grad(f, BOTH)(*at),
    "grad_and_value": lambda f, *at: func.grad_and_value(f, BOTH)(*at),
    "vjp": lambda f, *at: func.vjp(f, *at)[1](ONE),
    "jvp": lambda f, *at: func.jvp(f, at, tuple(map(torch.ones_like, at))),
    "jvp by bias": lambda f, weight, bias: func.jvp(lambda bias: f(weight, bias), (bias,), (torch.ones_like(bias),)),
    "linearize": lambda f, *at: func.linearize(f, *at)[1](*map(torch.ones_like, at)),
    "dual": dual,
    "jacrev": lambda f, *at: func.jacrev(f, BOTH)(*at),
    "jacfwd": lambda f, *at: func.jacfwd(f, BOTH)(*at),
    "functional.jacobian": lambda f, *at: functional.jacobian(f, at, strategy="forward-mode", vectorize=True),
    "hessian": lambda f, *at: func.hessian(f, BOTH)(*at),
    "reverse over forward": lambda f, *at: func.jacrev(func.jacfwd(f, BOTH), BOTH)(*at),
    "reverse over reverse": lambda f, *at: func.jacrev(func.jacrev(f, BOTH), BOTH)(*at),
    "forward over forward": lambda f, *at: func.jacfwd(func.jacfwd(f, BOTH), BOTH)(*at),
    "functional.hessian": lambda f, *at: functional.hessian(f, at),
    "functional.hessian, forward": lambda f, *at: functional.hessian(
        f, at, vectorize=True, outer_jacobian_strategy="forward-mode"
    ),
    "product with the Hessian": product_with_hessian,
    "tangent of the gradient": tangent_of_gradient,
    "third": lambda f, *at: func.jacfwd(func.jacrev(func.jacfwd(f)))(*at),
}


@of_torch
@weights
@pytest.mark.parametrize("name", DERIVATIVES)
def test_derivatives_are_those_of_the_eager_form(name, weights):
    X, weight, bias, y = problem_of((1, 3), (1,), (40, 1))
    at = weight.detach(), bias.detach()
    got, want = (
        DERIVATIVES[name](lambda weight, bias: function(X, weight, bias, y, **weights), *at)  # noqa: B023
        for function in (kernels.linear_bce, eager)
    )
    torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-13)


def members(function, **weights):
    """Losses and derivatives of members that differ by some arguments."""
    X, weight, bias, y = (value.detach() for value in problem_of((1, 3), (1,)))
    many = torch.linspace(-1, 2, 5, dtype=torch.float64)

    def loss(weight, bias, X=X, y=y):
        return function(X, weight, bias, y, **weights)

    def of_sample(x, label):
        return func.grad(lambda *at: function(x[None], *at, label[None]), BOTH)(weight, bias)

    W, B = many[:, None, None] * weight, many[:, None] + bias
    yield func.vmap(loss)(W, B)
    yield func.vmap(loss, (1, None))(W.movedim(0, 1), bias)
    yield func.vmap(loss, (None, 0))(weight, B)
    yield func.vmap(func.grad(loss, BOTH))(W, B)
    yield func.grad(lambda W: func.vmap(loss)(W, B).square().sum())(W)
    yield func.vmap(func.hessian(loss, BOTH))(W, B)
    yield func.jvp(lambda W: func.vmap(loss)(W, B).square().sum(), (W,), (W + 1,))
    yield func.jvp(lambda B: func.vmap(func.grad(loss), (None, 0))(weight, B), (B,), (B + 1,))
    yield func.hessian(lambda W: func.vmap(loss)(W, B).square().sum())(W)
    yield func.vmap(func.vmap(loss, (0, None)), (None, 0))(W, B)
    yield func.vmap(of_sample)(X, y)
    yield func.vmap(lambda y: func.grad(loss)(weight, bias, y=y))(torch.stack([y, 1 - y, y * 0]))
    yield func.vmap(lambda X: func.jvp(lambda *at: loss(*at, X=X), (weight, bias), (weight, bias))[1])(
        torch.stack([X, -X])
    )


@of_torch
@weights
def test_members_of_vmap_are_those_of_the_eager_form(weights):
    """Without a warning of a slow fallback, as warnings are errors here."""
    for got, want in zip(members(kernels.linear_bce, **weights), members(eager, **weights), strict=True):
        torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-13)


def test_weights_of_the_members_of_vmap():
    X, weight, bias, y = (value.detach() for value in problem_of((1, 3), (1,)))
    sample_weight, pos_weight = torch.rand(4, 40, dtype=torch.float64), torch.linspace(0, 3, 4, dtype=torch.float64)

    def of(function):
        return func.vmap(lambda v, g: function(X, weight, bias, y, sample_weight=v, pos_weight=g))

    got, want = (of(function)(sample_weight, pos_weight) for function in (kernels.linear_bce, eager))
    torch.testing.assert_close(got, want)
    labels = y.index_fill(0, torch.tensor([3]), 1.5).expand(2, 40)
    gradient = func.vmap(func.grad(lambda weight, y: kernels.linear_bce(X, weight, bias, y)), (None, 0))(weight, labels)
    assert gradient.isnan().all()


class Classifier(torch.nn.Module):
    def __init__(self, cost):
        super().__init__()
        self.layer, self.cost = torch.nn.Linear(3, 1, dtype=torch.float64), cost
        torch.nn.init.constant_(self.layer.weight, 0.5)
        torch.nn.init.constant_(self.layer.bias, -0.25)

    def forward(self, X, y):
        return self.cost(X, self.layer.weight, self.layer.bias, y)


def test_functional_call_and_checkpoint():
    X, _, _, y = problem_of()
    found = []
    for cost in (kernels.linear_bce, eager):
        model = Classifier(cost)
        parameters = {name: value.detach() for name, value in model.named_parameters()}
        found.append([func.grad(lambda p, model=model: func.functional_call(model, p, (X, y)))(parameters)])
        for reentrant in (False, True):
            leaf = X.new_ones((), requires_grad=True)
            again = torch.utils.checkpoint.checkpoint(
                lambda leaf, model=model: leaf * model(X, y), leaf, use_reentrant=reentrant
            )
            again.backward()
            found[-1] += [leaf.grad, *(value.grad for value in model.parameters())]
    torch.testing.assert_close(*found)


@of_torch
@weights
def test_gradcheck_in_both_modes(weights):
    X, weight, bias, y = problem_of((1, 3), (1,))

    def loss(weight, bias):
        return kernels.linear_bce(X, weight, bias, y, **weights)

    batched = {"check_batched_grad": True, "check_batched_forward_grad": True}
    assert torch.autograd.gradcheck(loss, (weight, bias), check_forward_ad=True, **batched)
    assert torch.autograd.gradgradcheck(loss, (weight, bias), check_fwd_over_rev=True, check_batched_grad=True)


def test_autocast_changes_nothing():
    X, weight, bias, y = problem_of(dtype=torch.float32)
    many = torch.stack([weight.detach(), -weight.detach()])

    def results():
        loss = kernels.linear_bce(X, weight, bias, y)
        (gradient,) = torch.autograd.grad(loss, weight, create_graph=True)
        of_members = func.vmap(lambda weight: kernels.linear_bce(X, weight, bias.detach(), y))(many)
        return loss, gradient, *torch.autograd.grad(gradient.sum(), weight), of_members

    want = results()
    with torch.autocast("cpu", torch.bfloat16):
        got = results()
    torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-6)


# Weights


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("pos_weight", [None, 0, 2.5, np.float32(0.5), torch.tensor([3.0]), torch.tensor(1e-3)])
@pytest.mark.parametrize("sample_weight", [None, "varied", "mostly zero", "zero", "huge"])
def test_weights_are_those_of_torch(sample_weight, pos_weight, dtype):
    X, weight, bias, y = problem_of((1, 3), (1,), (40, 1), dtype=dtype)
    sample_weight = {
        None: None,
        "varied": torch.linspace(0, 3, 40, dtype=dtype),
        "mostly zero": torch.eye(40, dtype=dtype)[:, 7:8],
        "zero": torch.zeros(40, dtype=dtype),
        "huge": torch.linspace(0.5, 1, 40, dtype=dtype) * torch.finfo(dtype).max / 8,
    }[sample_weight]
    weights = {"sample_weight": sample_weight, "pos_weight": pos_weight}
    pos = None if pos_weight is None else torch.as_tensor(pos_weight, dtype=torch.float64)
    scale = 1 if sample_weight is None else max(1.0, sample_weight.max().item())
    doubles = [value.detach().double().requires_grad_() for value in (weight, bias)]
    exact = eager(
        X.double(),
        *doubles,
        y.double(),
        sample_weight=None if sample_weight is None else sample_weight.double() / scale,
        pos_weight=pos,
    )
    loss = kernels.linear_bce(X, weight, bias, y, **weights)
    got = (loss, *torch.autograd.grad(loss, (weight, bias)))
    tolerance = {"rtol": 1e-5, "atol": 1e-6} if dtype == torch.float32 else {"rtol": 1e-13, "atol": 1e-14}
    for one, other in zip(got, (exact, *torch.autograd.grad(exact, doubles)), strict=True):
        torch.testing.assert_close(one.double() / scale, other, **tolerance)


def test_a_mean_in_range_of_a_sum_that_is_not():
    X, weight = torch.full((20, 1), 1e307, dtype=torch.float64), torch.ones(1, dtype=torch.float64, requires_grad=True)
    loss = kernels.linear_bce(X, weight, weight.new_zeros(()), X.new_zeros(20))
    loss.backward()
    assert loss.item() == pytest.approx(1e307, rel=1e-14)
    assert weight.grad.item() == pytest.approx(1e307, rel=1e-14)


def test_a_sample_of_weight_0_is_as_if_it_were_not_there():
    X, weight, bias, y = problem_of()
    with_it = torch.cat([torch.full((1, 3), 1e308, dtype=X.dtype), X]), weight, bias, torch.cat([y[:1], y])
    share = torch.ones(41, dtype=X.dtype)
    share[0] = 0
    loss = kernels.linear_bce(*with_it, sample_weight=share)
    got = (loss, *torch.autograd.grad(loss, (weight, bias)))
    want = kernels.linear_bce(X, weight, bias, y)
    for one, other in zip(got, (want, *torch.autograd.grad(want, (weight, bias))), strict=True):
        torch.testing.assert_close(one, other * 40 / 41)


# Derivatives that there are not


def by(position, arguments, transform):
    def loss(value):
        X, weight, bias, y, sample_weight, pos_weight = (*arguments[:position], value, *arguments[position + 1 :])
        return kernels.linear_bce(X, weight, bias, y, sample_weight=sample_weight, pos_weight=pos_weight)

    return transform(loss, arguments[position])


@of_torch
@pytest.mark.parametrize("name", ["X", "y", "sample_weight", "pos_weight"])
def test_derivatives_by_data_are_refused(name):
    arguments = *(value.detach() for value in problem_of()), torch.ones(40).double(), torch.tensor(2.0).double()
    position = {"X": 0, "y": 3, "sample_weight": 4, "pos_weight": 5}[name]
    for transform in (
        lambda f, at: f(at.clone().requires_grad_()),
        lambda f, at: func.grad(f)(at),
        lambda f, at: func.vmap(func.grad(f))(at[None]),
        lambda f, at: func.grad(lambda at: func.vmap(f)(at[None]).sum())(at),
        lambda f, at: func.jvp(f, (at,), (at,)),
        lambda f, at: func.jacfwd(f)(at),
        dual,
    ):
        with pytest.raises(ValueError, match=f"^{name} (requires a gradient|has a tangent); accepted: data without"):
            by(position, arguments, transform)


@of_torch
def test_mixed_derivatives_by_data_are_refused():
    """Also where the data belongs to an outer transform, as only the inner one sees the weight."""
    X, weight, bias, y = (value.detach() for value in problem_of())

    def gradient(X):
        return func.grad(kernels.linear_bce, 1)(X, weight, bias, y).sum()

    for transform in (func.grad, func.jacfwd):
        with pytest.raises(ValueError, match=r"^X (requires a gradient|has a tangent)"):
            transform(gradient)(X)


WRONG = {
    "X requires a gradient": (0, lambda X: X.requires_grad_(), ValueError),
    "y requires a gradient": (3, lambda y: y.requires_grad_(), ValueError),
    r"weight has shape \(2, 3\)": (1, lambda weight: weight.expand(2, 3), ValueError),
    "weight has dtype torch.float32; accepted: torch.float64": (1, lambda weight: weight.float(), TypeError),
    r"bias has shape \(2,\)": (2, lambda bias: bias.expand(2), ValueError),
    r"y has shape \(39,\)": (3, lambda y: y[1:], ValueError),
    r"y\[0\] is 2": (3, lambda y: y.index_fill(0, torch.tensor([0]), 2.0), ValueError),
    r"X\[1, 0\] is nan": (0, lambda X: X.index_fill(0, torch.tensor([1]), torch.nan), ValueError),
    "X has dtype torch.float16": (0, lambda X: X.half(), TypeError),
    "X is a ndarray; accepted: a tensor": (0, lambda X: X.numpy(), TypeError),
}


@pytest.mark.parametrize("message", WRONG)
def test_wrong_arguments(message):
    arguments = list(problem_of())
    position, change, error = WRONG[message]
    arguments[position] = change(arguments[position])
    with pytest.raises(error, match=message):
        kernels.linear_bce(*arguments)
