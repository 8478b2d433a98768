"""The lab's model."""

from torch import nn, sigmoid


class LogisticRegression(nn.Module):
    """p = sigmoid(x w + b) for features x (n, n_inputs); returns probabilities (n, 1)."""

    def __init__(self, n_inputs):
        super().__init__()
        self.linear = nn.Linear(n_inputs, 1)

    def forward(self, x):
        return sigmoid(self.linear(x))


def linear_layer(model):
    """The nn.Linear(d, 1) that a model consists of: itself or its `linear`, and no other parameters."""
    layer = getattr(model, "linear", model)
    plain = isinstance(layer, nn.Linear) and {"weight", "bias"} <= {
        k for k, v in layer._parameters.items() if v is not None
    }
    if not (
        plain and layer.out_features == 1 and {id(p) for p in model.parameters()} == {id(layer.weight), id(layer.bias)}
    ):
        raise TypeError(
            f"model is a {type(model).__name__}; accepted: LogisticRegression, or nn.Linear(d, 1) with a bias, "
            "alone or as the attribute `linear` of a module without other or transformed parameters"
        )
    return layer
