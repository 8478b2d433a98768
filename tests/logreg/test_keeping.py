"""Files of runs, of studies of starts and of lines: what is saved comes back to the bit, and nothing else is read."""

import io
import json
import os
import zipfile
from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest
import torch

from kernels.arguments import memory
from logreg import (
    History,
    LabData,
    LossLine,
    LossSurface,
    RatesStudy,
    StartsStudy,
    TrainingPath,
    files,
    keeping,
    line,
    rates,
    starts,
    study_rates,
    study_starts,
    train,
)
from logreg.model import seeded_model
from logreg.path import LAYOUT as PATH_LAYOUT
from tests import problems
from tests.oracle import QUANTITIES

LAB = {"lr": 2.0, "batch_size": 3, "epochs": 4}


def run_of(d, dtype=np.float64, *, order="C", labels=None, **settings):
    X, y, *_ = problems.sgd_problem(53, d, dtype)
    data = np.asarray(X, order=order), y if labels is None else y.astype(labels)
    model = seeded_model(d, 0).to(torch.from_numpy(X).dtype)
    return train(model, data, **{"lr": 0.3, "batch_size": 10, "epochs": 3} | settings)


WEIGHTS = np.random.default_rng(0).exponential(size=53)
RUNS = {
    "lab": lambda: train(seeded_model(1, 0), LabData(), **LAB),
    "float32": lambda: run_of(3, np.float32),
    "float64": lambda: run_of(3),
    "momentum, float32": lambda: run_of(3, np.float32, momentum=0.9),
    "momentum, float64": lambda: run_of(3, momentum=0.9),
    "mse": lambda: run_of(2, loss="mse"),
    "weight decay": lambda: run_of(2, weight_decay=0.1),
    "weights": lambda: run_of(3, loss="focal", sample_weight=WEIGHTS, pos_weight=2.5),
    "thinned": lambda: run_of(3, history=4),
    "nothing kept": lambda: run_of(3, history=0),
    "no steps": lambda: run_of(3, epochs=0),
    "a part": lambda: run_of(3, history=2).until(9),
    "no part": lambda: run_of(3).until(0),
    "labels are booleans": lambda: run_of(3, labels=bool),
    "labels are bytes": lambda: run_of(3, labels=np.uint8),
    "labels are integers": lambda: run_of(3, labels=np.int64),
    "columns": lambda: run_of(3, order="F"),
}


def study(dtype=torch.float32, **settings):
    x, y = LabData()[:]
    return study_starts((x.to(dtype), y.to(dtype)), 15, (-13, 2), 9, **LAB | {"seed": 0} | settings)


def diverged():
    """A study of which some runs left the range of float32."""
    found = study(costs=("bce", "focal"))
    loss, accuracy, steps = ({cost: values.copy() for cost, values in of.items()} for of in costs_of(found))
    loss["bce"][[2, 5]], accuracy["bce"][[2, 5]], steps["bce"][[2, 5]] = np.nan, np.nan, -1
    return replace(found, loss=loss, accuracy=accuracy, steps=steps)


def costs_of(found):
    return found.loss, found.accuracy, found.steps


STUDIES = {
    "float32": study,
    "float64": lambda: study(torch.float64),
    "one cost": lambda: study(costs=("focal",)),
    "other order": lambda: study(costs=("mse", "focal", "bce")),
    "no steps": lambda: study(epochs=0),
    "diverged": diverged,
}


def rates_study(data=None, **settings):
    arguments = LabData() if data is None else data, [0.1, 3.0, 40.0], [3, 20], 15, (-13, 2), 9
    return study_rates(*arguments, **{"epochs": 4, "seed": 0} | settings)


def out_of_range():
    """A study of which some cells have no run that stayed in the range of float32, and none that was ever right."""
    found = rates_study()
    cells = {name: {cost: values.copy() for cost, values in getattr(found, name).items()} for name in rates.OF_COSTS}
    for name in ("loss", "accuracy", "steps"):
        cells[name]["mse"][0, 1:] = np.nan
    return replace(found, **cells)


RATES = {
    "float32": rates_study,
    "features": lambda: rates_study(problems.sgd_problem(31, 3)[:2], momentum=0.5),
    "one cost": lambda: rates_study(costs=["focal"]),
    "no steps": lambda: rates_study(epochs=0),
    "out of range": out_of_range,
}


def line_between(*quantities, **settings):
    X, y, w, b = problems.sgd_problem(31, 3)
    ends = np.zeros(4), np.append(w, b)
    return LossLine.between(*ends, (X, y), quantities=quantities, resolution=11, **settings)


LINES = {
    "all": lambda: line_between(*QUANTITIES, weight_decay=0.1),
    "one": lambda: line_between("accuracy", loss="focal"),
    "derivatives": lambda: line_between("gradient", "hessian", loss="mse", l2=0.2),
    "a direction": lambda: LossLine.around(seeded_model(1, 0), LabData(), "random", seed=1),
    "other marks": lambda: replace(line_between("loss"), label="año", marks={"": -1.0, "a b": 0.5, "è": 7.0}),
}


def path_of_vectors(**settings):
    X, y, *_ = problems.sgd_problem(31, 3)
    return TrainingPath(np.random.default_rng(0).normal(size=(8, 4)), data=(X, y), **settings)


PATHS = {
    "all": path_of_vectors,
    "thinned": lambda: path_of_vectors(every=3, loss="focal"),
    "without data": lambda: TrainingPath([np.ones(3)]),
}
TABLES = {
    History: keeping.HISTORY,
    StartsStudy: starts.LAYOUT,
    RatesStudy: rates.LAYOUT,
    LossLine: line.LAYOUT,
    TrainingPath: PATH_LAYOUT,
}
MAKERS = {History: RUNS, StartsStudy: STUDIES, RatesStudy: RATES, LossLine: LINES, TrainingPath: PATHS}
KEPT = [
    pytest.param(kind, makers[name], id=f"{kind.__name__}, {name}")
    for kind, makers in MAKERS.items()
    for name in makers
]
EACH = pytest.mark.parametrize(("kind", "make"), KEPT)
ONE_OF_EACH = {
    History: RUNS["weights"],
    StartsStudy: study,
    RatesStudy: rates_study,
    LossLine: LINES["all"],
    TrainingPath: path_of_vectors,
}
KINDS = pytest.mark.parametrize(("kind", "make"), ONE_OF_EACH.items())


OF_A_PATH = ("thetas", "end", "steps", "every", "steps_per_epoch", "cost", "model", "data")


def assert_same(got, want):
    assert type(got) is type(want)
    own = [field.name for field in fields(want)] if is_dataclass(want) else OF_A_PATH
    for name in own:
        assert_same_value(getattr(got, name), getattr(want, name))


def assert_same_value(got, want):
    assert type(got) is type(want)
    if isinstance(want, dict):
        assert list(got) == list(want)
        for name in want:
            assert_same_value(got[name], want[name])
    elif isinstance(want, tuple):
        for one, other in zip(got, want, strict=True):
            assert_same_value(one, other)
    elif isinstance(want, np.ndarray):
        assert (got.dtype, got.shape, got.tobytes()) == (want.dtype, want.shape, want.tobytes())
    else:
        assert got == want


# What comes back


@EACH
def test_round_trip(kind, make, tmp_path):
    kept = make()
    kept.save(tmp_path / "kept")
    assert os.listdir(tmp_path) == ["kept"]
    assert_same(kind.load(tmp_path / "kept"), kept)


@pytest.mark.parametrize("name", RUNS)
def test_losses_of_what_was_loaded(name, tmp_path):
    run = RUNS[name]()
    run.save(tmp_path / "run")
    loaded = History.load(tmp_path / "run")
    np.testing.assert_array_equal(loaded.full_accuracy(), run.full_accuracy())
    rtol = 1e-14 if name == "columns" else 0  # products of matrices go by the order in memory
    np.testing.assert_allclose(loaded.full_loss(), run.full_loss(), rtol=rtol)
    assert (loaded.start_loss, loaded.end_loss) == pytest.approx((run.start_loss, run.end_loss), rel=rtol, abs=0)
    assert loaded.steps_to_accuracy_1() == run.steps_to_accuracy_1()


@pytest.mark.parametrize("dtype", problems.DTYPES)
def test_training_goes_on_from_a_file(dtype, tmp_path):
    settings = {"momentum": 0.9, "shuffle_seed": 3}
    run = run_of(3, dtype, **settings)
    run.save(tmp_path / "run")
    ends = []
    for start in (run, History.load(tmp_path / "run")):
        model = seeded_model(3, 0).to(torch.from_numpy(run.x).dtype)
        with torch.no_grad():
            model.linear.weight[0] = torch.from_numpy(start.end_w)
            model.linear.bias.fill_(start.end_b)
        options = settings | {"velocity": start.velocity, "first_epoch": start.epoch}
        ends.append(train(model, (start.x, start.y), lr=0.3, batch_size=10, epochs=2, **options))
    np.testing.assert_array_equal(ends[0].w, ends[1].w)
    assert ends[0].epoch == ends[1].epoch == 5


def test_a_run_that_was_saved_before_it_had_an_epoch_is_read(tmp_path):
    run = run_of(3)
    run.save(tmp_path / "run")
    files.write(tmp_path / "older", *without(tmp_path / "run", "epoch"))
    assert_same(History.load(tmp_path / "older"), replace(run, epoch=None))
    files.write(tmp_path / "other", *without(tmp_path / "run", "cost"))
    with pytest.raises(ValueError, match=r"it holds .*; accepted: .*cost"):
        History.load(tmp_path / "other")


def without(path, entry):
    """The description, without an entry, and the arrays of a file."""
    with np.load(path) as file:
        about = json.loads(str(file["about"]))
        return {name: about[name] for name in about if name != entry}, {n: file[n] for n in file.files if n != "about"}


def test_data_is_kept_as_it_is_when_it_is_saved(tmp_path):
    run = run_of(2)
    run.x[4] = 7
    run.save(tmp_path / "run")
    run.x[4] = 8
    np.testing.assert_array_equal(History.load(tmp_path / "run").x[4], 7)


def test_every_field_is_kept():
    """A field that a class gets is one of its table, too."""
    for kind in filter(is_dataclass, TABLES):
        table = TABLES[kind]
        assert {field.name for field in fields(kind)} == {*table.arrays, *table.entries} - {"costs"}


def test_numpy_reads_it(tmp_path):
    run = RUNS["lab"]()
    run.save(tmp_path / "run.npz")
    with np.load(tmp_path / "run.npz", allow_pickle=False) as file:
        np.testing.assert_array_equal(file["w"], run.w)
        assert json.loads(str(file["about"]))["cost"] == "bce"


# What neither is saved nor read


def with_last(array, value):
    array = array.copy()
    array.flat[-1] = value
    return array


SHAPES = r"its arrays have shapes \{.*; accepted: some that fit together"
# of a run or a study: {what is wrong: (changed fields, the message of saving and of loading)}
WRONG_RUNS = {
    "NaN": (lambda r: {"w": with_last(r.w, np.nan)}, r"w\[17, 2\] is nan; accepted: finite values"),
    "infinite": (lambda r: {"end_w": with_last(r.end_w, np.inf)}, r"end_w\[2\] is inf; accepted: finite values"),
    "NaN in the data": (lambda r: {"x": with_last(r.x, np.nan)}, r"x\[52, 2\] is nan"),
    "negative loss": (lambda r: {"loss": with_last(r.loss, -1)}, r"loss\[17\] is -1.0; accepted: finite values >= 0"),
    "label 2": (lambda r: {"y": with_last(r.y, 2)}, r"y\[52\] is 2.0; accepted: finite values in \[0, 1\]"),
    "negative weight": (lambda r: {"sample_weight": -r.sample_weight}, r"sample_weight\[\d+\] is -"),
    "velocity is NaN": (lambda r: {"velocity": r.velocity * np.nan}, r"velocity\[0\] is nan"),
    "half": (lambda r: {"w": r.w.astype("f2")}, "w is "),
    "big-endian": (lambda r: {"x": r.x.astype(">f8")}, "x is "),
    "complex": (lambda r: {"b": r.b.astype(complex)}, "b is "),
    "labels are words": (lambda r: {"y": r.y.astype(str)}, "y is "),
    "weights are float32": (lambda r: {"sample_weight": r.sample_weight.astype("f4")}, "sample_weight is "),
    "fewer biases": (lambda r: {"b": r.b[1:]}, SHAPES),
    "fewer labels": (lambda r: {"y": r.y[1:]}, SHAPES),
    "fewer features": (lambda r: {"x": r.x[:, 1:].copy()}, SHAPES),
    "a label a row": (lambda r: {"y": r.y[:, None]}, SHAPES),
    "long velocity": (lambda r: {"velocity": np.ones(5)}, SHAPES),
    "three velocities": (lambda r: {"velocity": np.ones((3, 4))}, SHAPES),
    "no data": (lambda r: {"x": r.x[:0], "y": r.y[:0], "sample_weight": r.sample_weight[:0]}, SHAPES),
    "more steps than are kept": (lambda r: {"steps": 19}, SHAPES),
    "fewer steps than are kept": (lambda r: {"every": 2}, SHAPES),
    "nothing should be kept": (lambda r: {"every": 0}, SHAPES),
    "negative penalty": (lambda r: {"l2_bias": -0.5}, "l2_bias is -0.5; accepted: a finite number >= 0"),
    "steps are a float": (lambda r: {"steps": 18.0}, "steps is 18.0; accepted: an integer >= 0"),
    "negative steps": (lambda r: {"steps": -18}, "steps is -18; accepted"),
    "negative epochs": (lambda r: {"epoch": -3}, "epoch is -3; accepted: an integer >= 0"),
    "epochs without steps": (lambda r: {"steps_per_epoch": 0}, "steps_per_epoch is 0; accepted: an integer >= 1"),
    "bias is NaN": (lambda r: {"end_b": float("nan")}, "end_b is nan; accepted: a finite number"),
    "bias is a word": (lambda r: {"start_b": "1"}, "start_b is '1'; accepted: a finite number"),
    "unknown cost": (lambda r: {"cost": "hinge"}, "cost is 'hinge'; accepted: 'bce', 'mse', 'focal'"),
    "cost is long": (lambda r: {"cost": "x" * 3000}, "cost is 'xxx|its description has"),
    "weight of a class that has none": (lambda r: {"cost": "mse"}, "pos_weight is 2.5; accepted: None"),
    "weight of a class is negative": (lambda r: {"pos_weight": -1}, "pos_weight is -1; accepted"),
}
WRONG_STUDIES = {
    "NaN start": (lambda s: {"w": with_last(s.w, np.nan)}, r"w\[8\] is nan; accepted: finite values"),
    "fewer starts": (lambda s: {"b": s.b[1:]}, SHAPES),
    "negative loss": (lambda s: {"loss": {k: -v - 1 for k, v in s.loss.items()}}, r"loss\[\d, \d\] is -.*values >= 0"),
    "infinite loss": (lambda s: {"loss": {k: v + np.inf for k, v in s.loss.items()}}, r"loss\[0, 0\] is inf"),
    "accuracy above 1": (
        lambda s: {"accuracy": {k: v + 1 for k, v in s.accuracy.items()}},
        r"accuracy\[.*\[0, 1\]",
    ),
    "steps are floats": (lambda s: {"steps": {k: v * 1.0 for k, v in s.steps.items()}}, "steps is "),
    "step -2": (lambda s: {"steps": {k: v * 0 - 2 for k, v in s.steps.items()}}, r"steps\[0, 0\] is -2; .* >= -1"),
    "window turned round": (lambda s: {"w_range": (15, -15)}, r"w_range is [\[(]15, -15.; accepted: \(low, high\)"),
    "window is a word": (lambda s: {"b_range": "wide"}, "b_range is 'wide'; accepted"),
    "part of a step": (lambda s: {"total_steps": 0.5}, "total_steps is 0.5; accepted: an integer >= 0"),
}
WRONG_RATES = {
    "rate 0": (lambda s: {"rates": s.rates * [0, 1, 1]}, r"rates\[0\] is 0.0; accepted: finite values >= "),
    "rates decrease": (lambda s: {"rates": s.rates[::-1].copy()}, r"rates\[1\] is 3.0 after 40.0; .*: increasing"),
    "no rates": (
        lambda s: {"rates": s.rates[:0]} | {k: {c: v[:, :0] for c, v in getattr(s, k).items()} for k in rates.OF_COSTS},
        SHAPES,
    ),
    "fewer rates": (lambda s: {"rates": s.rates[1:]}, SHAPES),
    "fewer batch sizes": (lambda s: {"batch_sizes": s.batch_sizes[1:]}, SHAPES),
    "batches of nothing": (lambda s: {"batch_sizes": s.batch_sizes - 3}, r"batch_sizes\[0\] is 0; accepted"),
    "parts of samples": (lambda s: {"batch_sizes": s.batch_sizes / 2}, "batch_sizes is "),
    "negative loss": (lambda s: {"loss": {k: -v - 1 for k, v in s.loss.items()}}, r"loss\[\d, \d, \d\] is -.*>= 0"),
    "share above 1": (
        lambda s: {"diverging": {k: v + 2 for k, v in s.diverging.items()}},
        r"diverging\[.* in \[0, 1\]",
    ),
    "share is NaN": (
        lambda s: {"correct": {k: v * np.nan for k, v in s.correct.items()}},
        r"correct\[0, 0, 0\] is nan",
    ),
    "negative steps": (lambda s: {"steps": {k: v * 0 - 1 for k, v in s.steps.items()}}, r"steps\[0, .*>= 0"),
    "no starts": (lambda s: {"starts": 0}, "starts is 0; accepted: an integer >= 1"),
    "window turned round": (lambda s: {"w_range": (15, -15)}, r"w_range is [\[(]15, -15.; accepted: \(low, high\)"),
    "part of an epoch": (lambda s: {"epochs": 0.5}, "epochs is 0.5; accepted: an integer >= 0"),
}
WRONG_LINES = {
    "NaN position": (lambda s: {"alpha": with_last(s.alpha, np.nan)}, r"alpha\[10\] is nan; accepted: finite values"),
    "a position before": (lambda s: {"alpha": s.alpha[::-1].copy()}, r"alpha\[1\] is 1.3.* after 1.5; .*: increasing"),
    "the same position": (lambda s: {"alpha": with_last(s.alpha, 1.3)}, r"alpha\[10\] is 1.3 after 1.3"),
    "no positions": (lambda s: {name: getattr(s, name)[:0] for name in ("alpha", *QUANTITIES)}, SHAPES),
    "fewer accuracies": (lambda s: {"accuracy": s.accuracy[1:]}, SHAPES),
    "short direction": (lambda s: {"direction": s.direction[1:]}, SHAPES),
    "no weights": (lambda s: {"direction": s.direction[:1], "origin": s.origin[:1]}, SHAPES),
    "origin is infinite": (lambda s: {"origin": s.origin + np.inf}, r"origin\[0\] is inf"),
    "float32 losses": (lambda s: {"loss": s.loss.astype("f4")}, "loss is "),
    "negative mse": (lambda s: {"mse": -s.mse}, r"mse\[\d+\] is -.*finite values >= 0"),
    "accuracy above 1": (lambda s: {"balanced_accuracy": s.accuracy + 1}, r"balanced_accuracy\[.* in \[0, 1\]"),
    "NaN slope": (lambda s: {"gradient": s.gradient * np.nan}, r"gradient\[0\] is nan"),
    "label is a number": (lambda s: {"label": 1}, "label is 1; accepted: a text"),
    "marks are a list": (lambda s: {"marks": [0, 1]}, r"marks is \[0, 1\]; accepted: \{name: position\}"),
    "a mark is nowhere": (lambda s: {"marks": {"a": np.nan}}, r"marks\['a'\] is nan; accepted: a finite number"),
    "a mark is a word": (lambda s: {"marks": {"a": "b"}}, r"marks\['a'\] is 'b'; accepted: a finite number"),
    "unknown cost": (lambda s: {"cost": "hinge"}, "cost is 'hinge'; accepted"),
    "negative penalty": (lambda s: {"l2": -1.0}, "l2 is -1.0; accepted: a finite number >= 0"),
}
WRONG = {History: WRONG_RUNS, StartsStudy: WRONG_STUDIES, RatesStudy: WRONG_RATES, LossLine: WRONG_LINES}
WRONG_CASES = [
    pytest.param(ONE_OF_EACH[kind], *case, id=f"{kind.__name__}, {name}")
    for kind, cases in WRONG.items()
    for name, case in cases.items()
]


@pytest.mark.parametrize(("make", "change", "message"), WRONG_CASES)
def test_what_is_not_loaded_is_not_saved(make, change, message, tmp_path):
    kept, path = make(), tmp_path / "kept"
    kept.save(path)
    wrong = replace(kept, **change(kept))
    with pytest.raises((TypeError, ValueError), match=message):
        wrong.save(path)
    assert_same(type(kept).load(path), kept)
    write_unchecked(path, wrong)
    with pytest.raises(ValueError, match=rf"kept is not a saved {type(kept).__name__}: .*({message})"):
        type(kept).load(path)


def write_unchecked(path, wrong):
    """The file that saving would write if it checked nothing."""
    values = {field.name: getattr(wrong, field.name) for field in fields(wrong)}
    if isinstance(wrong, (StartsStudy, RatesStudy)):
        of_costs = starts.OF_COSTS if isinstance(wrong, StartsStudy) else rates.OF_COSTS
        values |= {name: np.stack(list(values[name].values())) for name in of_costs} | {"costs": list(wrong.loss)}
    arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
    about = {"format": 1} | {name: values[name] for name in TABLES[type(wrong)].entries}
    with open(path, "wb") as file:
        np.savez(file, **arrays, about=np.array(json.dumps(about)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"w": None}, "w is a NoneType; accepted: a float32 or float64 array"),
        ({"b": [1.0]}, "b is a list; accepted: a float32 or float64 array"),
        ({"loss": np.ma.array(np.ones(18))}, "loss is a float64 array; accepted: a float32 or float64 array"),
        ({"x": torch.ones(53, 3)}, "x is a Tensor; accepted"),
    ],
)
def test_what_is_no_array_is_not_saved(changes, message, tmp_path):
    with pytest.raises(TypeError, match=message):
        replace(RUNS["weights"](), **changes).save(tmp_path / "run")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"accuracy": {"bce": np.ones(9, "f4")}},
        {"loss": {}},
        {"steps": {"bce": np.zeros(9, int), "mse": np.zeros(8, int)}},
        {"steps": {"mse": np.zeros(9, int), "bce": np.zeros(9, int)}},
    ],
)
def test_costs_that_disagree_are_not_saved(changes, tmp_path):
    with pytest.raises(ValueError, match=r"has shapes \{.*\}; accepted: one shape for each cost"):
        replace(study(), **changes).save(tmp_path / "study")
    assert os.listdir(tmp_path) == []


def rewritten(path, changes, **about):
    """Writes the file again with members and entries of its description changed, or left out where they are None."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files} | changes
    entries = json.loads(str(arrays["about"])) | about if arrays["about"] is not None else {}
    arrays["about"] = np.array(json.dumps({name: value for name, value in entries.items() if value != "left out"}))
    with open(path, "wb") as file:
        np.savez(file, **{name: array for name, array in arrays.items() if array is not None})


class Trap:
    """Leaves a mark where it is unpickled."""

    sprung = False

    def __reduce__(self):
        return setattr, (Trap, "sprung", True)


# of a file: (members by the name of the first array, entries of the description)
CHANGES = {
    "an array is missing": lambda first: ({first: None}, {}),
    "an array more": lambda first: ({"more": np.ones(3)}, {}),
    "objects": lambda first: ({first: np.array([Trap()], object)}, {}),
    "no description": lambda first: ({"about": None}, {}),
    "no format": lambda first: ({}, {"format": "left out"}),
    "later format": lambda first: ({}, {"format": 2}),
    "an entry more": lambda first: ({}, {"more": 1}),
    "long description": lambda first: ({}, {"format": "x" * 3000}),
}
ENTRIES = {
    History: [
        {"steps": "left out"},
        {"steps": True},
        {"steps": [18]},
        {"cost": ["bce"]},
        {"start_b": 10**400},
        {"start_b": None},
    ],
    StartsStudy: [
        {"costs": "left out"},
        {"costs": [["bce"], 2]},
        {"costs": ["bce", "bce"]},
        {"costs": ["bce", "mse", "focal"]},
        {"costs": []},
        {"w_range": [0, 10**400]},
        {"w_range": None},
        {"total_steps": True},
    ],
    RatesStudy: [
        {"costs": "left out"},
        {"costs": ["bce"]},
        {"costs": ["bce", "bce"]},
        {"starts": True},
        {"starts": -1},
        {"b_range": [0, 10**400]},
        {"epochs": None},
    ],
    LossLine: [
        {"marks": "left out"},
        {"marks": {"a": 10**400}},
        {"marks": {"a": {"a": 0}}},
        {"label": ["a", "b"]},
        {"l2": True},
        {"cost": None},
    ],
    TrainingPath: [
        {"steps": 8},
        {"every": 0},
        {"has_bias": 1},
        {"penalty": [0.1, 0.1]},
        {"penalty": [0.1, -0.1, True]},
        {"penalty": [0.1, 0.1, 1]},
        {"classes": ["a", 1]},
        {"classes": [["a"], ["b"]]},
        {"class_weight": "balanced"},
        {"classes": ["a", "b"], "class_weight": [1.0, -1.0]},
        {"classes": ["a", "b"], "class_weight": "even"},
    ],
}
WRONG_FILES = [
    pytest.param(kind, *change(next(iter(table.arrays))), id=f"{kind.__name__}, {name}")
    for kind, table in TABLES.items()
    for name, change in CHANGES.items()
]
WRONG_FILES += [
    pytest.param(kind, {}, about, id=f"{kind.__name__}, {about}"[:60])
    for kind, changes in ENTRIES.items()
    for about in changes
]
WRONG_FILES += [
    pytest.param(TrainingPath, members, {}, id=f"TrainingPath, {name}")
    for name, members in {
        "features without labels": {"y": None},
        "labels without features": {"x": None},
        "fewer labels": {"y": np.zeros(30)},
        "no samples": {"x": np.zeros((0, 3)), "y": np.zeros(0)},
        "more features": {"x": np.zeros((31, 4))},
        "label 2": {"y": np.full(31, 2.0)},
        "short end": {"end": np.zeros(3)},
        "fewer points": {"thetas": np.zeros((7, 4))},
        "points of another size": {"thetas": np.zeros((8, 5))},
        "no weights": {"thetas": np.zeros((8, 1)), "end": np.zeros(1), "x": None, "y": None},
        "NaN": {"end": np.full(4, np.nan)},
        "float32 points": {"thetas": np.zeros((8, 4), "f4")},
    }.items()
]


@pytest.mark.parametrize(("kind", "members", "about"), WRONG_FILES)
def test_wrong_files(kind, members, about, tmp_path):
    path, kept = tmp_path / "kept", ONE_OF_EACH[kind]()
    kept.save(path)
    rewritten(path, {})
    assert_same(kind.load(path), kept)
    rewritten(path, members, **about)
    with pytest.raises(ValueError, match=f"kept is not a saved {kind.__name__}: "):
        kind.load(path)
    assert not Trap.sprung


def test_one_is_not_the_other(tmp_path):
    for kind, make in ONE_OF_EACH.items():
        make().save(tmp_path / "kept")
        for other in (LossSurface, *set(ONE_OF_EACH) - {kind}):
            with pytest.raises(ValueError, match=f"is not a saved {other.__name__}: it holds .*; accepted: "):
                other.load(tmp_path / "kept")


def test_booleans_of_other_bytes(tmp_path):
    """Such a label would be equal to True and count five times."""
    run, path = RUNS["labels are booleans"](), tmp_path / "run"
    run.save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["y.npy"] = members["y.npy"][:-1] + b"\5"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(ValueError, match=r"is not a saved History: y\[52\] is 5; accepted: finite values in \[0, 1\]"):
        History.load(path)


def cut_or_changed(content, rng):
    """Bytes changed, cut out, doubled or filled with others."""
    damaged, (low, high) = bytearray(content), sorted(rng.integers(len(content) + 1, size=2))
    match rng.integers(4):
        case 0:
            for place in rng.integers(len(content), size=rng.integers(1, 4)):
                damaged[place] = rng.integers(256)
        case 1:
            del damaged[low:high]
        case 2:
            damaged[low:low] = damaged[low:high]
        case 3:
            damaged[low:high] = bytes([rng.integers(256)]) * (high - low)
    return bytes(damaged)


@KINDS
def test_damaged_files_are_refused_or_read_as_they_were(kind, make, tmp_path):
    path, kept, rng = tmp_path / "kept", make(), np.random.default_rng(0)
    kept.save(path)
    good = path.read_bytes()
    cuts = [good[:length] for length in range(0, len(good), 211)]
    for damaged in cuts + [cut_or_changed(good, rng) for _ in range(300)]:
        path.write_bytes(damaged)
        try:
            found = kind.load(path)
        except ValueError as error:
            found = str(error)
        if isinstance(found, str):
            assert found.startswith(f"{path} is not a saved {kind.__name__}: ")
        else:
            assert_same(found, kept)


@KINDS
def test_sizes_are_checked_before_arrays_are_read(kind, make, tmp_path, monkeypatch):
    def unread(*arguments):
        raise AssertionError("an array was read")

    path = tmp_path / "kept"
    make().save(path)
    monkeypatch.setattr(files, "read_array", unread)
    monkeypatch.setattr(memory, "SURELY_FREE", 0)
    monkeypatch.setattr(memory, "free_memory", lambda: 100)
    with pytest.raises(MemoryError, match="GB"):
        kind.load(path)
    rewritten(path, {next(iter(TABLES[kind].arrays)): np.ones((1, 1, 1))})
    with pytest.raises(ValueError, match=SHAPES):
        kind.load(path)
    with np.load(path) as file:
        np.savez_compressed(path.with_suffix(".npz"), **{name: file[name] for name in file.files})
    with pytest.raises(ValueError, match="is compressed; accepted: stored as it is"):
        kind.load(path.with_suffix(".npz"))


@KINDS
def test_failure_while_writing_leaves_the_old_file(kind, make, tmp_path, monkeypatch):
    def savez(file, **arrays):
        file.write(b"half of it")
        raise OSError("disk full")

    path, kept = tmp_path / "kept", make()
    kept.save(path)
    monkeypatch.setattr(np, "savez", savez)
    with pytest.raises(OSError, match="disk full"):
        kept.save(path)
    assert_same(kind.load(path), kept)
    assert os.listdir(tmp_path) == ["kept"]


@KINDS
@pytest.mark.parametrize(("name", "error"), [("missing", FileNotFoundError), (".", IsADirectoryError)])
def test_nothing_to_load(kind, make, name, error, tmp_path):
    with pytest.raises(error):
        kind.load(tmp_path / name)


def test_headers_of_other_dtypes_are_never_made_arrays():
    with zipfile.ZipFile(io.BytesIO(), "w") as archive:
        for dtype in ("|O8", "<M8", "|V9", "<U3", ">f8", "<c8"):
            text = b"{'descr': '%s', 'fortran_order': False, 'shape': (1,), }\n" % dtype.encode()
            archive.writestr("w.npy", files.MAGIC + len(text).to_bytes(2, "little") + text + bytes(8))
            with pytest.raises((ValueError, TypeError)):
                files.stored(archive, "w", keeping.LABELS)
            archive.filelist.clear()
            archive.NameToInfo.clear()


@KINDS
@pytest.mark.parametrize("suffix", [".vtk", ".csv", ".PKL"])
def test_names_of_other_formats_are_refused(suffix, kind, make, tmp_path):
    with pytest.raises(ValueError, match=f"path ends with {suffix.lower()}; accepted: a name of another ending"):
        make().save(tmp_path / f"kept{suffix}")
    assert os.listdir(tmp_path) == []


@EACH
def test_results_say_what_they_are_in_a_line(kind, make):
    text = repr(make())
    assert text.startswith(f"{kind.__name__}(")
    assert len(text) < 200
    assert "\n" not in text
