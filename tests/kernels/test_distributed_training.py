"""Training over two processes, by gloo on the CPU and by NCCL on two cards: the whole batch's gradient, the run of one
process, and the scripts of docs."""

import runpy

import numpy as np
import pytest
import torch

from tests import distributed, oracle
from tests.processes import ROOT, run_torchrun

SCRIPTS = ROOT / "docs" / "howto" / "scripts"
TWO_CARDS = (
    pytest.mark.cuda,
    pytest.mark.skipif(torch.cuda.device_count() < 2, reason="not two CUDA devices"),
)
on_both = pytest.mark.parametrize("cards", [False, pytest.param(True, marks=TWO_CARDS)], ids=["gloo", "nccl"])


def whole_gradient(problem, weights):
    """The gradient (d + 1,) of the first batch's loss by weights and bias, and the sizes of what it is the mean of."""
    X, y, w, b = problem
    rows, (sample_weight, pos_weight) = slice(distributed.BATCH), weights
    weight = None if sample_weight is None else (sample_weight * np.where(y > 0, pos_weight, 1))[rows]
    values, sizes = oracle.mean_loss_grad(X[rows], y[rows], w, b, weight)
    share = 1.0 if weight is None else weight.mean()
    return values[1:] * share, sizes[1:] * share


def assert_of_all(found, dtype, weighted):
    gradient, losses, path = (values.numpy() for values in found)
    problem, weights = distributed.problem(dtype), distributed.weights(weighted)
    want, sizes = whole_gradient(problem, weights)
    assert gradient.dtype == losses.dtype == path.dtype == dtype
    # of each part 4 units, as of one pass; 2 each of its share in the batch and of the mean of both
    np.testing.assert_array_less(np.abs(gradient - want), 8 * np.finfo(dtype).eps * sizes)
    options = {"lr": distributed.LR, "momentum": distributed.MOMENTUM, "batch_size": distributed.BATCH}
    options |= {"epochs": distributed.EPOCHS, "sample_weight": weights[0], "pos_weight": weights[1]}
    w, b, loss = oracle.sgd_path(*problem, **options)
    tolerance = 1e-5 if dtype == np.float32 else 1e-13
    np.testing.assert_allclose(path, np.column_stack([w, b]), rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(losses, loss, rtol=tolerance, atol=tolerance)


@on_both
@pytest.mark.parametrize(
    "ways", [distributed.EAGER, pytest.param(distributed.COMPILED, marks=pytest.mark.long)], ids=["eager", "compiled"]
)
def test_modules_under_ddp_and_fsdp2_are_trained_as_by_one_process(ways, cards, tmp_path):
    run_torchrun("-m", "tests.distributed", tmp_path, *ways, cards=cards)
    found, other = (dict(torch.load(tmp_path / str(rank))) for rank in range(2))
    for case in distributed.cases(ways):
        print(case)
        assert_of_all(found[str(case)], case[1], case[3])
        assert all(map(torch.equal, found[str(case)], other[str(case)]))
    for name, *said in zip(("weight", "bias", "X"), found["refused"], other["refused"], strict=True):
        assert all(text.startswith(f"{name} is a DTensor, in parts over processes; accepted: a ") for text in said)


def whole_data(script):
    """The samples of both processes of a script."""
    return [torch.cat(parts) for parts in zip(*(script["part"](rank, "cpu") for rank in range(2)), strict=True)]


def printed_loss(script, **options):
    """The loss that a script prints, after its name and the number of processes."""
    return float(run_torchrun(script, **options).split("2 processes, loss ")[1])


@on_both
def test_the_recipe_that_adds_up_sums_trains_on_all_samples(cards):
    path = SCRIPTS / "gradient_over_processes.py"
    X, y = whole_data(runpy.run_path(str(path)))
    start = np.zeros(20), np.zeros(1)
    *_, losses = oracle.sgd_path(X, y, *start, lr=1, batch_size=len(y), epochs=50)
    assert printed_loss(path, cards=cards) == pytest.approx(losses[-1], rel=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sums_of_the_recipe_are_weighted(dtype, monkeypatch):
    """Each process by the sum of its weights; here both are in one, which adds up as all_reduce does."""
    script = runpy.run_path(str(SCRIPTS / "gradient_over_processes.py"))
    X, y = (values.to(dtype) for values in whole_data(script))
    weight, w, b = torch.linspace(0, 3, len(y)) ** 2, torch.linspace(-1, 1, 20, dtype=dtype), X.new_ones(1)
    parts, sums = [slice(0, 1000), slice(1000, None)], []
    monkeypatch.setattr(torch.distributed, "all_reduce", sums.append)
    for part in parts:
        script["whole_loss_grad"](X[part], y[part], w, b, weight[part])
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda values: values.copy_(sum(sums)))
    found = torch.cat(script["whole_loss_grad"](X[parts[0]], y[parts[0]], w, b, weight[parts[0]]))
    want, sizes = oracle.mean_loss_grad(*(values.numpy() for values in (X, y, w, b, weight)))
    np.testing.assert_array_less(np.abs(found.numpy() - want), 8 * torch.finfo(dtype).eps * sizes)


FULLY_SHARD = {
    "from torch.nn.parallel import DistributedDataParallel": "from torch.distributed.fsdp import fully_shard",
    "DistributedDataParallel(": "fully_shard(",
}


@pytest.mark.long
@on_both
@pytest.mark.parametrize("changes", [{}, FULLY_SHARD], ids=["as it is", "fully_shard"])
def test_the_script_of_a_module_trains_on_all_samples(changes, cards, tmp_path):
    text = (SCRIPTS / "module_over_processes.py").read_text(encoding="utf-8")
    for old, new in changes.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    path = tmp_path / "module_over_processes.py"
    path.write_text(text, encoding="utf-8")
    script = runpy.run_path(str(path))
    X, y = whole_data(script)
    torch.manual_seed(0)
    start = (values.detach().numpy().reshape(-1) for values in script["Classifier"](20).parameters())
    *_, losses = oracle.sgd_path(X, y, *start, lr=1, momentum=0.5, batch_size=len(y), epochs=50)
    assert printed_loss(path, cards=cards) == pytest.approx(losses[-1], rel=1e-6)
