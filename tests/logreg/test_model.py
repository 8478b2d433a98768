"""The lab's model."""

import numpy as np
import pytest
import torch
from sklearn import discriminant_analysis, linear_model, svm
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from logreg import LabData, LogisticRegression, LossSurface, accuracy, train
from logreg.models import read_model


def test_seeded_start():
    torch.manual_seed(0)
    linear = LogisticRegression(1).linear
    assert linear.weight.item() == pytest.approx(-0.00749, abs=5e-6)
    assert linear.bias.item() == pytest.approx(0.53644, abs=5e-6)


@pytest.mark.parametrize("d", [1, 2, 30])
def test_layer(d):
    model = LogisticRegression(d)
    assert isinstance(model.linear, nn.Linear)
    assert [tuple(p.shape) for p in model.parameters()] == [(1, d), (1,)]
    assert list(model.state_dict()) == ["linear.weight", "linear.bias"]


@pytest.mark.parametrize("d", [1, 3])
def test_probabilities(d):
    model, x = LogisticRegression(d).double(), torch.randn(5, d, dtype=torch.float64)
    with torch.no_grad():
        z = (x * model.linear.weight).sum(1) + model.linear.bias
    p = model(x)
    assert p.shape == (5, 1)
    torch.testing.assert_close(p[:, 0], 1 / (1 + torch.exp(-z)))
    assert p.requires_grad


def test_by_hand(model_at):
    p = model_at(5, 10)(LabData().x)
    assert p[0].item() == pytest.approx(0.9933071)
    assert ((p > 0.5).float() == LabData().y).double().mean() == pytest.approx(0.35)


# Models of scikit-learn

CLASSIFIERS = [
    linear_model.LogisticRegression(C=0.5),
    linear_model.LogisticRegression(fit_intercept=False),
    linear_model.SGDClassifier(loss="log_loss", random_state=0),
    discriminant_analysis.LinearDiscriminantAnalysis(),
]


@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=str)
@pytest.mark.parametrize("classes", [(0, 1), (-1, 1), ("no", "yes")], ids=str)
def test_linear_classifiers_of_scikit_learn(classifier, classes, wide):
    """Their parameters are the center, and they are as accurate here as they say."""
    X, y = wide.X, wide.y > 0.5
    classifier.fit(X, np.where(y, classes[1], classes[0]))
    quantities = ("loss", "accuracy")
    surface = LossSurface.around(classifier, (X, y), extent=1, resolution=3, quantities=quantities, l2=0)
    theta = np.append(classifier.coef_, classifier.intercept_)
    np.testing.assert_array_equal(surface.plane.center, theta)
    want = classifier.score(X, np.where(y, classes[1], classes[0]))
    assert surface.accuracy[1, 1] == accuracy(classifier, (X, y)) == pytest.approx(want, abs=1e-12)
    loss = np.logaddexp(0, np.where(y, -1, 1) * classifier.decision_function(X)).mean()
    assert surface.loss[1, 1] == pytest.approx(loss, rel=1e-11)


def test_classifiers_of_scikit_learn_are_read_and_not_trained(wide):
    data = wide.X, wide.y > 0.5
    with pytest.raises(
        TypeError, match=r"model is a sklearn\.linear_model\._logistic\.LogisticRegression; accepted: log"
    ):
        train(linear_model.LogisticRegression().fit(*data), data, lr=1, batch_size=10, epochs=1)


def three_classes(X, y):
    return linear_model.LogisticRegression().fit(X, np.arange(len(y)) % 3)


class Doubled(nn.Linear):
    @property
    def weight(self):
        return 2 * self.__getattr__("weight")


def with_a_weight_of_its_own(X, y):
    model = nn.Linear(X.shape[1], 1)
    model.__dict__["weight"] = torch.ones(1, X.shape[1])
    return model


WRONG = {
    "transformed": (lambda X, y: Doubled(X.shape[1], 1), r"test_model\.Doubled; accepted: .* transformed parameters"),
    "shadowed": (with_a_weight_of_its_own, r"Linear; accepted: .* transformed parameters"),
    "unfitted": (
        lambda X, y: linear_model.LogisticRegression(),
        r"_logistic\.LogisticRegression without coef_ and intercept_: it isn't fitted, .*; accepted: .* is fitted",
    ),
    "pipeline that ends with something else": (
        lambda X, y: make_pipeline(StandardScaler(), svm.LinearSVC()).fit(X, y),
        r"model is a sklearn\.svm\._classes\.LinearSVC of loss 'squared_hinge'; accepted",
    ),
    "pipeline that isn't fitted": (
        lambda X, y: make_pipeline(StandardScaler(), linear_model.LogisticRegression()),
        r"_logistic\.LogisticRegression without coef_ .*: it isn't fitted",
    ),
    "ridge": (linear_model.RidgeClassifier().fit, r"_ridge\.RidgeClassifier, whose margins are no logits; accepted"),
    "svm": (svm.SVC(kernel="linear").fit, r"_classes\.SVC, whose margins are no logits; accepted"),
    "linear svm": (svm.LinearSVC().fit, r"_classes\.LinearSVC of loss 'squared_hinge'; accepted: loss='log_loss'"),
    "hinge": (linear_model.SGDClassifier().fit, r"SGDClassifier of loss 'hinge'; accepted: loss='log_loss'"),
    "text": (lambda X, y: "model", r"model is a builtins\.str; accepted"),
    "three classes": (three_classes, r"_logistic\.LogisticRegression with 3 classes and coef_ \(3, \d+\); accepted: "),
    "regression": (
        linear_model.LinearRegression().fit,
        r"model is a .*\.LinearRegression with 0 classes and .*; accepted: ",
    ),
    "sparse": (
        lambda X, y: linear_model.LogisticRegression().fit(X, y).sparsify(),
        r"model\.coef_ is a scipy\.sparse csr_\w+; accepted: a dense",
    ),
}


class Scaled(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.linear, self.factor = nn.Linear(3, 1), factor

    def forward(self, x):
        return torch.sigmoid(self.factor * self.linear(x))


class Squaring(nn.Linear):
    def forward(self, x):
        return super().forward(x) ** 2


def hooked():
    layer = nn.Linear(3, 1)
    layer.register_forward_hook(lambda layer, given, output: 3 * output)
    return layer


TWICE = nn.Linear(1, 1)
NOT_THEIR_LAYER = {
    "negated": lambda: Scaled(-1),
    "scaled": lambda: Scaled(2),
    "a subclass": lambda: Squaring(3, 1),
    "hooked": hooked,
    "tanh after": lambda: nn.Sequential(nn.Linear(3, 1), nn.Tanh()),
    "twice": lambda: nn.Sequential(TWICE, TWICE),
    "scaled without parameters": lambda: nn.Sequential(nn.Linear(3, 1), nn.BatchNorm1d(1, affine=False)),
    "three outputs": lambda: nn.Linear(3, 3),
    "weights that are computed": lambda: torch.nn.utils.parametrizations.weight_norm(nn.Linear(3, 1)),
}
THEIR_LAYER = {
    "a module": lambda layer: one_of(Scaled(1), layer),
    "logits": lambda layer: nn.Sequential(layer),
    "sigmoid": lambda layer: nn.Sequential(layer, nn.Sigmoid(), nn.Flatten(0)),
    "averaged": lambda layer: torch.optim.swa_utils.AveragedModel(layer),
    "parallel": lambda layer: nn.DataParallel(nn.Sequential(layer)),
    "compiled": torch.compile,
}


def one_of(module, layer):
    module.linear = layer
    return module


@pytest.mark.parametrize("name", NOT_THEIR_LAYER)
def test_modules_that_give_something_else_than_their_layer(name):
    model = NOT_THEIR_LAYER[name]()
    with pytest.raises(TypeError, match=r"model is a .*; accepted: logreg\.LogisticRegression"):
        read_model(model)
    assert model.training


@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")  # torch.compile's own
@pytest.mark.parametrize("name", THEIR_LAYER)
def test_modules_that_give_what_their_layer_gives(name):
    layer = nn.Linear(3, 1)
    want = np.append(layer.weight.detach().numpy(), layer.bias.detach().numpy())
    np.testing.assert_array_equal(read_model(THEIR_LAYER[name](layer)).theta, want)


def test_modules_that_hold_themselves_are_read():
    layer, model = nn.Linear(2, 1), LogisticRegression(2)
    layer.linear, model.itself = layer, model
    for module, of in ((layer, layer), (model, model.linear)):
        want = np.append(of.weight.detach().numpy(), of.bias.detach().numpy())
        np.testing.assert_array_equal(read_model(module).theta, want)


@pytest.mark.parametrize("kind", WRONG)
def test_other_models_are_refused_by_their_full_name(kind, wide):
    make, message = WRONG[kind]
    data = wide.X, wide.y > 0.5
    model = make(*data)
    for function in (accuracy, lambda *given: LossSurface.around(*given, extent=1, resolution=3)):
        with pytest.raises((TypeError, ValueError), match=message):
            function(model, data)
