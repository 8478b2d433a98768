"""The lab's data set, and what else counts as data."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset

from logreg import LabData, accuracy, lab_data, train
from logreg.samples import as_arrays, read_samples
from tests import problems


@pytest.fixture(params=[LabData, lab_data])
def data(request):
    return request.param()


def test_values(data):
    x, y = problems.lab_data()
    for got, want in ((data.x, x), (data.y, y)):
        assert got.dtype == torch.float32
        assert got.shape == (20, 1)
        np.testing.assert_array_equal(got[:, 0], want)
    assert torch.equal(data.x[:, 0], torch.arange(-1, 1, 0.1))
    assert data.y.sum() == 7
    assert data.y[12:14, 0].tolist() == [0, 1]
    assert len(data) == data.len == 20
    assert isinstance(data, Dataset)


@pytest.mark.parametrize("rows", [slice(None), slice(2, 9, 3), 0, 7, -1, [3, 1], torch.tensor([4, 0])], ids=str)
def test_indexing(data, rows):
    x, y = data[rows]
    assert torch.equal(x, data.x[rows])
    assert torch.equal(y, data.y[rows])
    assert torch.equal(data[rows, 0], x)
    assert torch.equal(data[rows, 1], y)


def test_the_columns_of_the_notebook(data):
    assert torch.equal(data[:, 0], data[:][0])
    assert torch.equal(data[:, 1], data[:][1])
    assert data[3][0].shape == data[3][1].shape == (1,)


@pytest.mark.parametrize("index", [20, -21, (slice(None), 2)], ids=str)
def test_outside(data, index):
    with pytest.raises(IndexError):
        data[index]


def test_iteration_ends(data):
    pairs = list(data)
    assert len(pairs) == 20
    assert torch.equal(torch.stack([x for x, _ in pairs]), data.x)


def test_loader(data):
    batches = list(DataLoader(data, batch_size=3))
    assert [len(x) for x, _ in batches] == [3] * 6 + [2]
    assert torch.equal(torch.cat([x for x, _ in batches]), data.x)
    assert torch.equal(torch.cat([y for _, y in batches]), data.y)
    assert batches[0][1].shape == (3, 1)


DATA_SETS = {
    "tuple": lambda x, y: (x, y),
    "list": lambda x, y: [x, y],
    "flat labels": lambda x, y: (x, y[:, 0]),
    "flat feature": lambda x, y: (x[:, 0], y),
    "boolean labels": lambda x, y: (x, y > 0.5),
    "integer labels": lambda x, y: (x, y.long()),
    "arrays": lambda x, y: (x.numpy(), y.numpy()),
    "tensor data set": TensorDataset,
    "subset": lambda x, y: Subset(TensorDataset(x, y), range(len(x))),
    "grad": lambda x, y: (x.clone().requires_grad_(), y.clone().requires_grad_()),
}


@pytest.mark.parametrize("kind", DATA_SETS)
def test_any_data_set_trains_alike(kind, model_at):
    want, got = model_at(5, 10), model_at(5, 10)
    data = DATA_SETS[kind](*LabData()[:])
    history = train(want, LabData(), lr=2, batch_size=3, epochs=2)
    again = train(got, data, lr=2, batch_size=3, epochs=2)
    assert torch.equal(want.linear.weight, got.linear.weight)
    np.testing.assert_array_equal(again.full_loss(), history.full_loss())
    assert accuracy(got, data) == accuracy(want, LabData())


@pytest.mark.parametrize("layout", ["contiguous", "strided", "negative", "read-only", "fortran"])
def test_any_layout_of_arrays(layout, model_at):
    data = [problems.layouts(column)[layout] for column in problems.lab_data()]
    model = model_at(5, 10)
    train(model, LabData(), lr=2, batch_size=3, epochs=1)
    again = model_at(5, 10)
    train(again, data, lr=2, batch_size=3, epochs=1)
    assert torch.equal(again.linear.weight, model.linear.weight)


def test_shapes_of_samples():
    x, labels = as_arrays(([0.5, 1.5, 2.5], [[0], [1], [1]]))
    assert x.shape == (3, 1)
    assert labels.y.shape == (3,)


class OneByOne(Dataset):
    """A data set that can't be sliced."""

    def __len__(self):
        return 20

    def __getitem__(self, index):
        return LabData()[int(index)]


class Endless(torch.utils.data.IterableDataset):
    def __iter__(self):
        return iter(LabData())


NOT_DATA = {
    "number": 5,
    "none": None,
    "dict": {"x": [0.0], "y": [0.0]},
    "three": (torch.zeros(3), torch.zeros(3), torch.zeros(3)),
    "x alone": torch.zeros(20, 1),
    "iterable without a length": Endless(),
    "generator": (batch for batch in DataLoader(LabData())),
    "stream of x alone": DataLoader(LabData().x),
    "text": ("ab", "cd"),
    "nested text": (["a"], ["b"]),
}


@pytest.mark.parametrize("kind", NOT_DATA)
def test_what_is_not_data(kind):
    with pytest.raises((TypeError, ValueError), match="data"):
        as_arrays(NOT_DATA[kind])
    with pytest.raises((TypeError, ValueError), match="data"):
        list(read_samples(NOT_DATA[kind]))
