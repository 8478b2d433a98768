"""`linear_bce` as a torch operator: value and gradient, torch's own checks, training, and wrong arguments."""

import pytest
import torch
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


def eager(X, weight, bias, y):
    return binary_cross_entropy_with_logits(X @ weight.reshape(-1) + bias, y.reshape(-1))


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
    from kernels.autograd import loss_and_gradient

    torch.library.opcheck(loss_and_gradient, problem_of())


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


def test_no_second_derivative():
    X, weight, bias, y = problem_of()
    with pytest.raises(NotImplementedError, match="linear_bce has no second derivative; accepted: "):
        torch.autograd.grad(kernels.linear_bce(X, weight, bias, y), weight, create_graph=True)


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
