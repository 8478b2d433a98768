"""The last layer of a network with its features, held to the network itself."""

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from kernels.arguments import memory
from logreg import LossSurface, accuracy, head
from logreg.last_layer import Features
from logreg.models import read_model

RNG = torch.Generator().manual_seed(0)
IMAGES = torch.randn(67, 1, 6, 6, generator=RNG)
LABELS = (IMAGES.mean(dim=(1, 2, 3)) + 0.1 * torch.randn(67, generator=RNG) > 0).long()


class Residual(nn.Module):
    """A network with parts in any order: its last layer is made first."""

    def __init__(self):
        super().__init__()
        self.last, self.first = nn.Linear(36, 1), nn.Linear(36, 36)
        self.drop, self.norm = nn.Dropout(), nn.BatchNorm1d(36)

    def forward(self, x):
        x = x.flatten(1)
        return torch.sigmoid(self.last(self.drop(self.norm(x + torch.tanh(self.first(x)))))).squeeze(1)


class Named(nn.Module):
    """Takes several arguments by name, and gives an object with logits."""

    def __init__(self):
        super().__init__()
        self.body, self.classifier = nn.Linear(36, 5), nn.Linear(5, 2)

    def forward(self, pixels, scale):
        features = torch.relu(self.body(scale[:, None] * pixels.flatten(1)))
        return SimpleNamespace(logits=self.classifier(features))


def convolutional(*end):
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 8), nn.ReLU(), *end)


NETWORKS = {
    "one output": lambda: convolutional(nn.Linear(8, 1)),
    "two outputs": lambda: convolutional(nn.Linear(8, 2)),
    "without a bias": lambda: convolutional(nn.Linear(8, 2, bias=False)),
    "sigmoid": lambda: convolutional(nn.Linear(8, 1), nn.Sigmoid(), nn.Flatten(0)),
    "softmax": lambda: convolutional(nn.Linear(8, 2), nn.Softmax(-1)),
    "logarithm of softmax": lambda: convolutional(nn.Linear(8, 2), nn.LogSoftmax(-1)),
    "modes": Residual,
    "float64": lambda: nn.Sequential(nn.Flatten(), nn.Linear(36, 4), nn.Tanh(), nn.Linear(4, 2)).double(),
    "half": lambda: nn.Sequential(nn.Flatten(), nn.Linear(36, 4), nn.Tanh(), nn.Linear(4, 2)).bfloat16(),
    "itself": lambda: nn.Sequential(nn.Flatten(), nn.Linear(36, 1)),
}


def loader_of(network, **settings):
    images = IMAGES.to(next(network.parameters()).dtype)
    return DataLoader(TensorDataset(images, LABELS), batch_size=10, **settings)


def network_of(name):
    torch.manual_seed(1)
    return NETWORKS[name]()


def mean_loss(network, inputs):
    """The cross-entropy that eager PyTorch has of the network, float64."""
    network = network.eval().double()
    with torch.no_grad():
        output = network(inputs.double()).reshape(67, -1)
    last = [layer for layer in network.modules() if not list(layer.children())][-1]
    if isinstance(last, (nn.Softmax, nn.LogSoftmax)):
        output = output.log() if isinstance(last, nn.Softmax) else output
        return -output[range(67), LABELS].mean().item()
    if output.shape[1] == 2:
        return cross_entropy(output, LABELS).item()
    if isinstance(network, Residual) or isinstance(last, nn.Flatten):
        output = torch.logit(output)
    return binary_cross_entropy_with_logits(output[:, 0], LABELS.double()).item()


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_surface_of_a_head_is_that_of_the_network(name, shuffle):
    network = network_of(name)
    layer, data = head(network, loader_of(network, shuffle=shuffle))
    x, y = data
    assert x.shape == (67, layer.in_features)
    assert x.dtype == (torch.float64 if name == "float64" else torch.float32)
    surface = LossSurface.around(layer, data, directions="random", seed=0, extent=2, resolution=5)
    tolerance = 5e-2 if name == "half" else 1e-5
    assert surface.loss[2, 2] == pytest.approx(mean_loss(network, IMAGES), rel=tolerance)
    assert sorted(y.tolist()) == sorted(LABELS.tolist())


@pytest.mark.parametrize("name", ["one output", "two outputs", "without a bias", "float64"])
def test_other_points_are_those_of_the_network_with_another_layer(name):
    network = network_of(name).double()
    layer, data = head(network, loader_of(network))
    surface = LossSurface.around(layer, data, directions="random", seed=0, extent=2, resolution=5)
    plane = surface.plane
    for j, i in ((0, 0), (4, 1), (2, 4)):
        theta = torch.from_numpy(plane.center + surface.s[i] * plane.s_direction + surface.t[j] * plane.t_direction)
        with torch.no_grad():
            layer.weight[-1], layer.weight[:-1] = theta[:-1], 0.0
            if layer.bias is not None:
                layer.bias[-1], layer.bias[:-1] = theta[-1], 0.0
        assert surface.loss[j, i] == pytest.approx(mean_loss(network, IMAGES), rel=1e-12)


def test_a_network_is_left_as_it_was():
    network = network_of("modes")
    network.norm.eval()
    modes = {part: part.training for part in network.modules()}
    before = {name: value.clone() for name, value in network.state_dict().items()}
    layer, data = head(network, loader_of(network))
    assert layer is network.last
    assert not data[0].requires_grad
    assert torch.is_grad_enabled()
    assert {part: part.training for part in network.modules()} == modes
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not layer._forward_pre_hooks
    assert not layer._forward_hooks


def test_arguments_by_name_and_several():
    torch.manual_seed(0)
    network, scale = Named(), torch.linspace(0.5, 2, 67)
    several = [((IMAGES[rows], scale[rows]), LABELS[rows]) for rows in (slice(40), slice(40, 67))]
    by_name = [(dict(zip(("pixels", "scale"), inputs, strict=True)), labels) for inputs, labels in several]
    for loader in (by_name, several):
        layer, data = head(network, loader)
        surface = LossSurface.around(layer, data, resolution=1)
        with torch.no_grad():
            want = cross_entropy(network(IMAGES, scale).logits, LABELS)
        assert surface.loss.item() == pytest.approx(want.item(), rel=1e-6)


def test_labels_of_any_kind():
    network = network_of("one output")
    texts = np.where(LABELS, "cat", "dog")
    loader = [(IMAGES[:40], texts[:40].tolist()), (IMAGES[40:], texts[40:].tolist())]
    layer, (x, y) = head(network, loader)
    assert accuracy(layer, (x, y), positive="cat") == accuracy(layer, (x, LABELS))


class Heads(nn.Module):
    """Two heads of one body, of which `chosen` is what is returned."""

    def __init__(self, chosen):
        super().__init__()
        self.body, self.a, self.b, self.chosen = nn.Linear(36, 5), nn.Linear(5, 1), nn.Linear(5, 1), chosen

    def forward(self, x):
        h = torch.relu(self.body(x.flatten(1)))
        return self.chosen(self.a(h), self.b(h))


CHOSEN = {
    "first": lambda a, b: a,
    "second": lambda a, b: torch.sigmoid(b),
    "logits among others": lambda a, b: {"logits": a, "value": b},
    "one in a tuple": lambda a, b: (b,),
}


@pytest.mark.parametrize("name", CHOSEN)
def test_the_head_that_the_output_is_made_of(name):
    torch.manual_seed(0)
    network = Heads(CHOSEN[name])
    layer, _ = head(network, loader_of(network))
    assert layer is (network.b if name in ("second", "one in a tuple") else network.a)


class InPlace(nn.Module):
    """Goes on to use the memory of what its last layer was given, a part of something larger."""

    def __init__(self):
        super().__init__()
        self.body, self.last = nn.Linear(36, 5), nn.Linear(5, 1)

    def forward(self, x):
        h = self.body(x.flatten(1))[:, None].repeat(1, 50, 1)
        z = self.last(h[:, 0])
        h.zero_()
        return z


def test_features_are_copies_of_their_own():
    torch.manual_seed(0)
    network = InPlace()
    _, (x, _) = head(network, loader_of(network))
    torch.testing.assert_close(x, network.body(IMAGES.flatten(1)).detach())
    for part, _ in Features(network, network.last, loader_of(network)):
        assert part.untyped_storage().nbytes() == part.nbytes


@pytest.mark.parametrize(
    "norm", [torch.nn.utils.parametrizations.weight_norm, torch.nn.utils.parametrizations.spectral_norm]
)
def test_weights_that_are_computed(norm):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(36, 5), nn.ReLU(), norm(nn.Linear(5, 2)))
    layer, data = head(network, loader_of(network))
    assert type(layer) is nn.Linear
    assert LossSurface.around(layer, data, resolution=1).loss.item() == pytest.approx(mean_loss_of(network), rel=1e-5)


def mean_loss_of(network):
    with torch.no_grad():
        return cross_entropy(network.eval()(IMAGES), LABELS).item()


def test_a_loader_that_uses_its_memory_again():
    network, images, labels = network_of("two outputs"), torch.empty(10, 1, 6, 6), torch.empty(10, dtype=torch.long)

    class Reusing:
        def __iter__(self):
            for start in range(0, 60, 10):
                images.copy_(IMAGES[start : start + 10])
                labels.copy_(LABELS[start : start + 10])
                yield images, labels

    _, (x, y) = head(network, Reusing())
    _, (want, _) = head(network, loader_of(network))
    torch.testing.assert_close(x, want[:60])
    assert torch.equal(y, LABELS[:60])


def test_several_threads_with_one_network():
    network = network_of("modes")
    want = head(network, loader_of(network))[1][0]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: head(network, loader_of(network))[1][0], range(8)))
    assert all(torch.equal(x, want) for x in found)
    assert network.training


# More than memory


class Counting(nn.Module):
    """Counts the batches that it is run for."""

    def __init__(self):
        super().__init__()
        self.body, self.last, self.batches = nn.Linear(36, 5), nn.Linear(5, 1), 0

    def forward(self, x):
        self.batches += 1
        return self.last(torch.relu(self.body(x.flatten(1))))


@pytest.mark.parametrize(("directions", "passes"), [("random", 1), ("axes", 2)])
def test_features_that_do_not_fit_are_made_anew(directions, passes, monkeypatch):
    torch.manual_seed(0)
    network = Counting()
    kept = head(network, loader_of(network))[1]
    monkeypatch.setattr(memory, "free_memory", lambda: 3 * 10 * 5 * 4)
    layer, data = head(network, loader_of(network))
    assert isinstance(data, Features)
    assert len(data) == 7
    network.batches = 0
    settings = {"directions": directions, "seed": 0, "resolution": 5}
    surface = LossSurface.around(layer, data, **settings)
    assert network.batches == 7 * passes
    np.testing.assert_allclose(surface.loss, LossSurface.around(layer, kept, **settings).loss, rtol=1e-12)
    assert accuracy(layer, data) == accuracy(layer, kept)
    for features, _ in data:
        assert torch.is_grad_enabled()
        assert network.training
        assert not features.requires_grad


# What is refused


def twice():
    shared = nn.Linear(6, 1)
    return type("Twice", (nn.Module,), {"forward": lambda self, x: self.shared(self.shared(x).expand(-1, 6))}), shared


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.shared = nn.Linear(36, 1)

    def forward(self, x):
        return self.shared(self.shared(x.flatten(1)).expand(-1, 36))


class Endless(IterableDataset):
    def __iter__(self):
        return zip(IMAGES, LABELS, strict=True)


FLAT = nn.Flatten()
WRONG = {
    "three outputs": (
        lambda: nn.Sequential(FLAT, nn.Linear(36, 3)),
        "network's last layer has 3 outputs; accepted: one or",
    ),
    "no layer": (
        lambda: nn.Sequential(nn.Conv2d(1, 1, 6), FLAT),
        r"network is a .*Sequential without an nn\.Linear; acc",
    ),
    "something after": (
        lambda: nn.Sequential(FLAT, nn.Linear(36, 1), nn.Softplus()),
        r"network returns something else than its last nn\.Linear gives by weight and bias, or .*; accepted",
    ),
    "clipped": (
        lambda: nn.Sequential(FLAT, nn.Linear(36, 2), nn.Hardtanh(-0.1, 0.1)),
        "network returns something else",
    ),
    "twice": (Twice, "network calls its last layer more than once; accepted: once"),
    "two tensors": (
        lambda: Heads(lambda a, b: (a, b)),
        r"network returns a builtins\.tuple; accepted: a tensor, or what",
    ),
    "two by name": (
        lambda: Heads(lambda a, b: {"a": a, "b": b}),
        r"network returns a builtins\.dict; accepted: a tensor",
    ),
    "scaled": (lambda: Heads(lambda a, b: -3 * a), "network returns something else than its last"),
    "not finite": (
        lambda: Heads(lambda a, b: a / 0),
        "network gives NaN or infinite values for the first batch; accepted",
    ),
    "no network": (lambda: "network", r"network is a builtins\.str; accepted: a module of PyTorch"),
}


BY_CHANCE = {
    "negated": lambda z: -3 * z,
    "tanh": torch.tanh,
    "other class": lambda z: 1 - torch.sigmoid(z),
    "clipped": lambda z: z.clamp(-1, 1),
    "rectified": torch.relu,
}


@pytest.mark.parametrize("name", BY_CHANCE)
def test_outputs_that_agree_by_chance(name):
    """Where all logits are 0, as a layer has them that begins with zeros."""
    network = Heads(lambda a, b: BY_CHANCE[name](a))
    torch.nn.init.zeros_(network.a.weight)
    torch.nn.init.zeros_(network.a.bias)
    with pytest.raises(ValueError, match="network returns something else than its last"):
        head(network, loader_of(network))


@pytest.mark.parametrize("name", WRONG)
def test_other_networks_are_refused(name):
    make, message = WRONG[name]
    with pytest.raises((TypeError, ValueError), match=message):
        head(make(), DataLoader(TensorDataset(IMAGES, LABELS), batch_size=10))


@pytest.mark.parametrize(
    ("loader", "message"),
    [
        (
            lambda: iter([(IMAGES, LABELS)]),
            "loader is a builtins.list_iterator; accepted: batches that can be iterated",
        ),
        (lambda: 3, r"loader is a builtins\.int; accepted: batches that can be iterated"),
        (lambda: [], "loader has no batches; accepted: at least one"),
        (lambda: DataLoader(TensorDataset(IMAGES)), r"loader gives builtins\.list; accepted: pairs \(inputs, labels\)"),
        (lambda: DataLoader(IMAGES), r"loader gives torch\.Tensor; accepted: pairs"),
    ],
    ids=["iterator", "number", "empty", "alone", "tensors"],
)
def test_other_loaders_are_refused(loader, message):
    with pytest.raises((TypeError, ValueError), match=message):
        head(network_of("itself"), loader())


def test_a_network_itself_is_told_to_take_its_head():
    network = network_of("one output")
    with pytest.raises(TypeError, match=r"model is a .*Sequential; accepted: .* by logreg\.head\(network, loader\)"):
        LossSurface.around(network, (IMAGES.flatten(1), LABELS))


def test_a_stream_without_a_length_is_a_loader():
    network = network_of("itself")
    layer, data = head(network, DataLoader(Endless(), batch_size=10))
    np.testing.assert_array_equal(read_model(layer).theta[:-1], network[1].weight.detach()[0])
    assert accuracy(layer, data) == accuracy(layer, head(network, loader_of(network))[1])
