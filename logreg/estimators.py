"""Classifiers of scikit-learn: their parameters, their classes, and the penalty that they were fitted with.

Nothing of scikit-learn is imported: attributes say what a classifier is.
"""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeGuard

import numpy as np

from kernels.arguments import arrays
from logreg.classes import BY_NUMBER

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike


class LinearClassifier(Protocol):
    """A linear classifier as scikit-learn has it, once it is fitted."""

    coef_: ArrayLike
    intercept_: ArrayLike


class Penalty(NamedTuple):
    """l2/2 |w|^2 + l2_bias/2 b^2, beside the sum of losses over the samples or beside their mean over n."""

    l2: float = 0.0
    l2_bias: float = 0.0
    of_sum: bool = False

    def beside_mean(self, n: int, total: float) -> tuple[float, float]:
        """Both factors beside sum(weight * loss) / total, `total` being the sum of the weights of n samples."""
        scale = (1 if self.of_sum else n) / total
        return scale * self.l2, scale * self.l2_bias


def full_name(model: object) -> str:
    """The class of a model with the module that it is from: there is a LogisticRegression elsewhere, too."""
    kind = type(model)
    return f"{kind.__module__}.{kind.__qualname__}"


def is_pipeline(model: Any) -> bool:
    return hasattr(model, "steps") and hasattr(model, "named_steps")


def last_step(pipeline: Any) -> tuple[Any, Callable[[Any], Any] | None]:
    """The last step of a Pipeline, and what data goes through before it, or None."""
    before = pipeline[:-1]
    return pipeline[-1], before.transform if len(before.steps) else None


def names_after(pipeline: Any) -> tuple[str, ...] | None:
    """The names of the features that the last step of a Pipeline is given, where its steps tell them."""
    try:
        return tuple(map(str, pipeline[:-1].get_feature_names_out()))
    except (AttributeError, ValueError, TypeError):
        return None


def is_classifier(model: Any) -> TypeGuard[LinearClassifier]:
    return hasattr(model, "coef_") and hasattr(model, "intercept_")


def fitted(model: LinearClassifier) -> tuple[np.ndarray, np.ndarray]:
    """`coef_` (d,) and `intercept_` (1,) of a classifier of two classes, whose logit is linear by these."""
    classes = len(getattr(model, "classes_", ()))
    weight, bias = (arrays.array_of(f"model.{name}", getattr(model, name)) for name in ("coef_", "intercept_"))
    if classes != 2 or weight.shape not in ((weight.size,), (1, weight.size)) or bias.size != 1:
        raise ValueError(
            f"model is a {full_name(model)} with {classes} classes and coef_ {weight.shape}; accepted: a classifier of "
            "two classes with coef_ (1, d)"
        )
    check_logistic(model)
    return weight.reshape(-1), bias.reshape(-1)


def check_logistic(model: Any) -> None:
    """Refuses classifiers whose probabilities aren't the sigmoid of a linear function: their loss is another one."""
    loss = getattr(model, "loss", "log_loss")
    if loss != "log_loss":
        raise ValueError(f"model is a {full_name(model)} of loss {loss!r}; accepted: loss='log_loss'")
    if getattr(model, "multi_class", None) == "multinomial":
        raise ValueError(
            f"model is a {full_name(model)} with multi_class='multinomial', whose logit is twice what coef_ gives; "
            "accepted: one fitted without it"
        )
    if hasattr(model, "support_vectors_") or not hasattr(model, "predict_proba"):
        raise ValueError(
            f"model is a {full_name(model)}, whose margins are no logits; accepted: a logistic classifier, such as "
            "LogisticRegression, or a vector theta (d + 1,) to be taken as logits all the same"
        )


def penalty_of(model: Any) -> Penalty | None:
    """The Penalty that a classifier was fitted with; None for one that isn't a square, such as l1."""
    if has_l1(model) or not getattr(model, "refit", True):  # without refitting coefficients are means over several C
        return None
    if hasattr(model, "alpha"):  # of SGDClassifier, beside the mean of losses
        return Penalty() if model.penalty is None else Penalty(float(model.alpha))
    inverse = getattr(model, "C_", getattr(model, "C", None))
    if inverse is None or getattr(model, "penalty", "l2") in (None, "none"):
        return Penalty()
    l2 = 1 / float(np.ravel(np.asarray(inverse))[0])
    return Penalty(l2, l2_of_bias(model, l2), of_sum=True)


def has_l1(model: Any) -> bool:
    """Whether a part of the penalty is l1. Before 1.8 scikit-learn has it in `penalty`, from then on in `l1_ratio`."""
    kind = getattr(model, "penalty", None)
    share: Any = np.ravel(np.asarray(getattr(model, "l1_ratio_", getattr(model, "l1_ratio", None))))[0]
    return kind == "l1" or (kind in ("elasticnet", "deprecated") and bool(share))


def class_weight_of(model: Any) -> Any:
    """What classes counted in the loss of a classifier, as `classes.read_weights` takes it.

    "balanced" goes by the weights of samples in what computes it with these: LogisticRegression where scikit-learn's
    compute_class_weight takes them; SGDClassifier and older versions go by the number of samples.
    """
    weight = getattr(model, "class_weight", None)
    if not (isinstance(weight, str) and weight == "balanced"):
        return weight
    from sklearn.utils import compute_class_weight

    weighted = "sample_weight" in signature(compute_class_weight).parameters and hasattr(model, "C")
    return weight if weighted or hasattr(model, "C_") else BY_NUMBER


def l2_of_bias(model: Any, l2: float) -> float:
    """What liblinear, which takes the bias for the weight of one more feature, penalises it with; others don't."""
    if getattr(model, "solver", None) != "liblinear" or not model.fit_intercept:
        return 0.0
    scaling = 1.0 if hasattr(model, "C_") else float(model.intercept_scaling)  # which cross-validation's last fit drops
    return l2 / scaling**2
