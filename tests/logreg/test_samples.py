"""Data of any kind: read as a whole or in batches, the same surface."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from kernels.arguments import memory
from logreg import LossSurface, accuracy, record, study_starts, train
from logreg.classes import Meaning
from logreg.samples import as_arrays, read_samples
from tests import problems

PROBLEM = problems.sgd_problem(97, 5)
X, Y = PROBLEM.X, (PROBLEM.y > 0.5) * 1.0
THETA = np.append(PROBLEM.w, PROBLEM.b)
NAMES = [f"size {k}" for k in range(5)]
XT, YT = torch.from_numpy(X), torch.from_numpy(Y)


class OneByOne(Dataset):
    """A data set that can't be sliced."""

    def __len__(self):
        return len(X)

    def __getitem__(self, index):
        return XT[int(index)], YT[int(index)]


class Stream(IterableDataset):
    def __len__(self):
        return len(X)

    def __iter__(self):
        return zip(XT, YT, strict=True)


def memory_map(folder):
    np.save(folder / "x.npy", X)
    return np.load(folder / "x.npy", mmap_mode="r"), Y


def frame(**dtypes):
    return pd.DataFrame(X, columns=NAMES).astype(dtypes.get("dtype", float))


# {name: function of a folder that gives data}
WHOLE = {
    "arrays": lambda folder: (X, Y),
    "lists": lambda folder: (X.tolist(), Y.tolist()),
    "fortran": lambda folder: (np.asfortranarray(X), Y),
    "tensors": lambda folder: (XT, YT[:, None]),
    "tensor data set": lambda folder: TensorDataset(XT, YT),
    "memory map": memory_map,
    "pandas": lambda folder: (frame(), pd.Series(Y)),
    "nullable": lambda folder: (frame(dtype="Float64"), pd.Series(Y, dtype="Int64")),
    "Arrow": lambda folder: (frame(dtype="double[pyarrow]"), pd.Series(Y, dtype="double[pyarrow]")),
    "polars": lambda folder: (pl.DataFrame(X, schema=NAMES), pl.Series(Y)),
    "polars, a column of labels": lambda folder: (pl.DataFrame(X, schema=NAMES), pl.DataFrame({"y": Y})),
    "rows of scipy.sparse": lambda folder: (scipy.sparse.csr_array(X), Y),
    "columns of scipy.sparse": lambda folder: (scipy.sparse.csc_matrix(X), Y),
}
BATCHES = {
    "loader": lambda folder: DataLoader(TensorDataset(XT, YT), batch_size=10),
    "shuffled": lambda folder: DataLoader(TensorDataset(XT, YT), batch_size=10, shuffle=True),
    "list": lambda folder: [(X[:50], Y[:50]), (X[50:], Y[50:])],
    "list of tables": lambda folder: [(frame()[:50], Y[:50]), (frame()[50:], Y[50:])],
    "sparse": lambda folder: [(scipy.sparse.csr_array(X[:50]), Y[:50]), (scipy.sparse.csr_array(X[50:]), Y[50:])],
    "one by one": lambda folder: OneByOne(),
    "iterable": lambda folder: Stream(),
}
DATA = WHOLE | BATCHES


@pytest.mark.parametrize("directions", ["axes", "hessian", "random", "filter"])
@pytest.mark.parametrize("kind", DATA)
def test_any_data_has_the_same_surface(kind, directions, tmp_path):
    settings = {"directions": directions, "seed": 0, "resolution": 4, "quantities": ("loss", "accuracy", "hessian")}
    settings |= {"class_weight": {1: 2.0}, "l2": 0.1}
    got = LossSurface.around(THETA, DATA[kind](tmp_path), **settings)
    want = LossSurface.around(THETA, (X, Y), **settings)
    np.testing.assert_allclose(got.plane[1:3], want.plane[1:3], atol=1e-12)
    np.testing.assert_allclose(got.loss, want.loss, rtol=1e-11)
    np.testing.assert_allclose(got.accuracy, want.accuracy, rtol=1e-12)
    np.testing.assert_allclose(got.hessian, want.hessian, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("kind", DATA)
def test_any_data_has_the_same_accuracy(kind, tmp_path):
    assert accuracy(THETA, DATA[kind](tmp_path)) == accuracy(THETA, (X, Y))


@pytest.mark.parametrize("kind", [kind for kind in DATA if "sparse" not in kind and kind != "shuffled"])
def test_any_dense_data_trains_alike(kind, tmp_path):
    got, want = (train(layer(), data, lr=0.5, batch_size=10, epochs=2) for data in (DATA[kind](tmp_path), (X, Y)))
    np.testing.assert_allclose(got.w, want.w, rtol=1e-12)
    np.testing.assert_allclose(got.full_loss(), want.full_loss(), rtol=1e-12)


def layer():
    made = torch.nn.Linear(5, 1).double()
    for parameter, value in zip(made.parameters(), (THETA[None, :-1], THETA[-1:]), strict=True):
        parameter.data.copy_(torch.from_numpy(value))
    return made


@pytest.mark.parametrize("kind", ["int64", "uint8", "bool"])
def test_numbers_of_other_kinds_are_features(kind):
    whole = (3 * X).astype(kind)
    for x in (whole, torch.from_numpy(whole), scipy.sparse.csr_array(whole), pd.DataFrame(whole), pl.DataFrame(whole)):
        got = LossSurface.around(THETA, (x, Y), resolution=3)
        np.testing.assert_allclose(got.loss, LossSurface.around(THETA, (whole * 1.0, Y), resolution=3).loss, rtol=1e-12)


def test_one_feature_may_be_flat():
    x = X[:, 0]
    for data in ((x, Y), [(x[:50, None], Y[:50]), (x[50:, None], Y[50:])]):
        assert accuracy([1.0, 0.1], data) == np.mean((x + 0.1 > 0) == Y)


class Counted:
    """Batches that count how often they are read."""

    def __init__(self):
        self.passes = 0

    def __iter__(self):
        self.passes += 1
        yield X[:60], Y[:60]
        yield X[60:], Y[60:]


@pytest.mark.parametrize(("directions", "passes"), [("random", 1), ("filter", 1), ("axes", 2), ("hessian", 2)])
def test_batches_are_read_as_seldom_as_can_be(directions, passes):
    data = Counted()
    LossSurface.around(THETA, data, directions=directions, resolution=3)
    assert data.passes == passes


def test_labels_of_batches():
    texts = np.where(Y, "yes", "no")
    batches = [(X[:60], texts[:60]), (X[60:], texts[60:])]
    for chosen, want in (("yes", Y), ("no", 1 - Y)):
        np.testing.assert_array_equal(read_samples(batches, Meaning(chosen)).labels.y, want)
        assert as_arrays(batches, Meaning(chosen))[1].classes[1] == chosen
    ordered = np.argsort(Y, kind="stable")  # a batch of one class alone
    parts = [(X[ordered][:40], texts[ordered][:40]), (X[ordered][40:], texts[ordered][40:])]
    np.testing.assert_array_equal(read_samples(parts, Meaning("yes")).labels.y, Y[ordered])
    assert read_samples(parts, Meaning("yes")).labels.classes == ("no", "yes")


class Shrinking:
    """Other samples in each pass."""

    def __init__(self):
        self.n = 97

    def __iter__(self):
        self.n -= 1
        yield X[: self.n], Y[: self.n]


NULLS = pl.DataFrame({name: [*X[:-1, k], None] for k, name in enumerate(NAMES)})

WRONG = {
    "generator": (lambda: (batch for batch in [(X, Y)]), "data is a generator, which can be read only once; accepted"),
    "no batches": (lambda: Batchless(), "data has no batches; accepted"),
    "triples": (lambda: DataLoader(TensorDataset(XT, YT, YT)), "data is a stream of list; accepted: batches"),
    "other width": (lambda: [(X, Y), (X[:, :3], Y)], "data x has 3 features; accepted: 5, as the model has weights"),
    "other labels": (lambda: [(X, Y), (X, 3 * Y)], r"data y has the labels .*, or with `positive`; in batches also"),
    "other texts": (lambda: [(X, np.where(Y, "a", "b")), (X, np.where(Y, "a", "c"))], r"data y has .*\['b', 'c'\]"),
    "other texts for 0": (
        lambda: [(X, np.where(Y, "a", "c")), (X, np.where(Y, "b", "c"))],
        r"data y has .*\['a', 'b'\]",
    ),
    "other numbers": (Shrinking, "data gave 96 samples in one pass and 95 in another; accepted: always the same"),
    "not finite": (lambda: [(X, Y), (X / 0 * 0, Y)], r"data x\[0, 0\] is nan; accepted: finite values"),
    "missing": (lambda: (NULLS, Y), r"data x\[96, 0\] is nan; accepted: finite values"),
    "texts as features": (lambda: (X.astype(str), Y), "data x has dtype <U32; accepted"),
    "table of texts": (lambda: (pl.DataFrame(X.astype(str)), Y), "data x has dtype .*; accepted"),
    "empty": (lambda: (X[:0], Y[:0]), r"data x has shape \(0, 5\); accepted"),
    "sparse and not finite": (lambda: (scipy.sparse.csr_array(X * np.inf), Y), r"data x\[0, 0\] is -?inf; accepted"),
}


class Batchless:
    def __iter__(self):
        return iter(())


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning", "ignore:divide by zero:RuntimeWarning")
@pytest.mark.parametrize("kind", WRONG)
def test_other_data_is_refused(kind):
    make, message = WRONG[kind]
    with pytest.raises((TypeError, ValueError), match=message):
        LossSurface.around(THETA, make(), resolution=3)


def test_shuffled_samples_have_no_weights_of_their_own():
    loader = DataLoader(TensorDataset(XT, YT), batch_size=10, shuffle=True)
    with pytest.raises(ValueError, match="sample_weight is of samples in an order, and data is shuffled; accepted"):
        LossSurface.around(THETA, loader, sample_weight=np.ones(97))


def test_samples_in_another_order_in_another_pass_are_seen():
    sampler = torch.utils.data.SubsetRandomSampler(range(97), generator=torch.Generator().manual_seed(0))
    loader = DataLoader(TensorDataset(XT, YT), batch_size=10, sampler=sampler)
    with pytest.raises(ValueError, match="sample_weight is of samples in an order, and data is shuffled; accepted"):
        LossSurface.around(THETA, loader, sample_weight=np.ones(97), resolution=3)


def test_texts_of_batches_ask_for_the_positive_class():
    texts = np.where(Y, "yes", "no")
    ordered = np.argsort(Y, kind="stable")
    parts = [(X[ordered][:40], texts[ordered][:40]), (X[ordered][40:], texts[ordered][40:])]
    with pytest.raises(
        ValueError, match=r"data y has only 'no'; .* in batches also labels of two classes with `positive`"
    ):
        accuracy(THETA, parts)


# Loaders that shuffle, and those that use their memory again


def loader_of(shuffle):
    generator = torch.Generator().manual_seed(0)
    return DataLoader(TensorDataset(XT, YT), batch_size=10, shuffle=shuffle, generator=generator)


class Reusing:
    """Gives each batch in the same memory."""

    def __init__(self):
        self.memory = torch.empty(10, 5).double(), torch.empty(10).double()

    def __iter__(self):
        for start in range(0, 90, 10):
            for part, whole in zip(self.memory, (XT, YT), strict=True):
                part.copy_(whole[start : start + 10])
            yield self.memory


def test_shuffled_batches_train_on_their_own_labels():
    history = train(layer(), loader_of(True), lr=0.5, batch_size=97, epochs=3)
    want = train(layer(), (X, Y), lr=0.5, batch_size=97, epochs=3)
    np.testing.assert_allclose(history.w, want.w, rtol=1e-10)
    order = np.lexsort(history.x.T)
    np.testing.assert_array_equal(history.x[order], X[np.lexsort(X.T)])
    np.testing.assert_array_equal(history.y[order], Y[np.lexsort(X.T)])


def test_shuffled_batches_elsewhere():
    one = TensorDataset(XT[:, :1], YT)
    shuffled, plain = (DataLoader(one, batch_size=10, shuffle=shuffle) for shuffle in (True, False))
    got, want = (LossSurface.compute(data, 5, 5, resolution=4).Z for data in (shuffled, plain))
    np.testing.assert_allclose(got, want, rtol=1e-12)
    model = layer()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = [record(optimizer, model, data=data).start_loss for data in (loader_of(True), (X, Y))]
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)


@pytest.mark.parametrize("call", ["train", "compute", "starts"])
def test_weights_of_shuffled_samples_are_refused_everywhere(call):
    one = DataLoader(TensorDataset(XT[:, :1], YT), batch_size=10, shuffle=True)
    steps, weight = {"lr": 0.1, "batch_size": 10, "epochs": 1}, np.ones(97)
    calls = {
        "train": lambda: train(layer(), loader_of(True), **steps, sample_weight=weight),
        "compute": lambda: LossSurface.compute(one, 5, 5, resolution=4, sample_weight=weight),
        "starts": lambda: study_starts(one, 5, 5, 3, **steps, seed=0, sample_weight=weight),
    }
    with pytest.raises(ValueError, match="sample_weight is of samples in an order, and data is shuffled; accepted"):
        calls[call]()


def test_memory_that_is_used_again():
    want = X[:90], Y[:90]
    for directions in ("axes", "random"):
        got, expected = (
            LossSurface.around(THETA, data, directions=directions, seed=0, resolution=3) for data in (Reusing(), want)
        )
        np.testing.assert_allclose(got.loss, expected.loss, rtol=1e-12)
    features, labels = as_arrays(Reusing())
    np.testing.assert_array_equal(features, want[0])
    np.testing.assert_array_equal(labels.y, want[1])


def test_a_surface_keeps_labels_of_its_own():
    y = Y.copy()
    surface = LossSurface.around(THETA, (X, y), extent=1, resolution=3)
    y[:] = 1 - y
    np.testing.assert_array_equal(surface.at(1, 1, 3).loss, surface.loss)


def test_the_order_is_seen_by_features_too():
    """Of one class alone labels look the same in any order."""
    rng = np.random.default_rng(0)

    class Permuting:
        def __iter__(self):
            yield X[rng.permutation(97)], np.ones(97)

    with pytest.raises(ValueError, match="sample_weight is of samples in an order"):
        LossSurface.around(THETA, Permuting(), sample_weight=np.arange(97.0), resolution=3)


def test_gathering_looks_at_memory(monkeypatch):
    monkeypatch.setattr(memory, "SURELY_FREE", 0)
    monkeypatch.setattr(memory, "free_memory", lambda: 3000)
    with pytest.raises(MemoryError, match="GB"):
        train(layer(), loader_of(False), lr=0.1, batch_size=10, epochs=1)


def test_missing_labels_of_batches():
    with pytest.raises(ValueError, match=r"data y\[0\] is nan; accepted"):
        accuracy(THETA, [(X[:2], [np.nan, 1.0])], positive=1)


class Listing(Dataset):
    """Slices are lists of samples, and not samples."""

    def __init__(self):
        self.items = list(zip(XT, YT, strict=True))

    def __len__(self):
        return 97

    def __getitem__(self, index):
        return self.items[index]


def test_data_sets_whose_slices_are_lists():
    assert accuracy(THETA, Listing()) == accuracy(THETA, (X, Y))


def test_batches_of_texts_go_through_a_pipeline():
    texts = np.array(["good film", "bad film", "good", "bad plot", "plot good", "bad"])
    y = np.array([1, 0, 1, 0, 1, 0])
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, y)
    batches = [(texts[:3].tolist(), y[:3]), (texts[3:].tolist(), y[3:])]
    got, want = (LossSurface.around(model, data, directions="random", seed=0) for data in (batches, (texts, y)))
    np.testing.assert_allclose(got.loss, want.loss, rtol=1e-12)


def test_many_sparse_features_are_read_many_rows_at_a_time():
    wide = scipy.sparse.random_array((5000, 40_000), density=1e-4, rng=np.random.default_rng(0), format="csr")
    parts = list(read_samples((wide, np.arange(5000) % 2)))
    assert len(parts) == 1
    theta = np.append(np.arange(40_000) / 1e4, 0.1)
    y = np.arange(5000) % 2 * 1.0
    z = wide @ theta[:-1] + 0.1
    surface = LossSurface.around(theta, (wide, y), directions="random", seed=0, resolution=1)
    assert surface.loss.item() == pytest.approx(np.mean(np.logaddexp(0, np.where(y, -z, z))), rel=1e-12)


class Records(Dataset):
    """Takes indices alone, and raises what it likes for slices."""

    def __len__(self):
        return 97

    def __getitem__(self, index):
        assert isinstance(index, int), "an index"
        return XT[index], YT[index]


def test_data_sets_that_take_indices_alone():
    assert accuracy(THETA, Records()) == accuracy(THETA, (X, Y))


def test_other_last_digits_are_the_same_order():
    rng = np.random.default_rng(0)

    class Rounding:
        def __iter__(self):
            yield X * (1 + 1e-15 * rng.normal(size=X.shape)), Y

    weight = np.arange(97.0)
    got, want = (LossSurface.around(THETA, data, sample_weight=weight, resolution=3) for data in (Rounding(), (X, Y)))
    np.testing.assert_allclose(got.loss, want.loss, rtol=1e-10)
