"""The lab on compiled kernels: data, model, training, loss surfaces. What is asked for is imported then, and PyTorch
with it; no module is called as a public name is."""

from importlib import import_module
from typing import TYPE_CHECKING

import kernels
from logreg.clash import require_ours

require_ours(kernels, "loss_surface")

from kernels.language import speak, speaking

if TYPE_CHECKING:
    from logreg.data import LabData, lab_data
    from logreg.hessian import Sharpness, sharpness
    from logreg.last_layer import head
    from logreg.line import LossLine
    from logreg.model import LogisticRegression
    from logreg.path import TrainingPath, record
    from logreg.plane import PlaneSurface
    from logreg.rates import RatesStudy, study_rates
    from logreg.scores import accuracy
    from logreg.starts import StartsStudy, study_starts
    from logreg.surface import LossSurface
    from logreg.training import History, train
else:
    HOMES = {
        "History": "training",
        "LabData": "data",
        "LogisticRegression": "model",
        "LossLine": "line",
        "LossSurface": "surface",
        "PlaneSurface": "plane",
        "RatesStudy": "rates",
        "Sharpness": "hessian",
        "StartsStudy": "starts",
        "TrainingPath": "path",
        "accuracy": "scores",
        "head": "last_layer",
        "lab_data": "data",
        "record": "path",
        "sharpness": "hessian",
        "study_rates": "rates",
        "study_starts": "starts",
        "train": "training",
    }

    def __getattr__(name):
        """A public name, from its home."""
        if name not in HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return globals().setdefault(name, getattr(import_module(f"{__name__}.{HOMES[name]}"), name))

    def __dir__():
        return sorted({*globals(), *__all__})


__all__ = [
    "History",
    "LabData",
    "LogisticRegression",
    "LossLine",
    "LossSurface",
    "PlaneSurface",
    "RatesStudy",
    "Sharpness",
    "StartsStudy",
    "TrainingPath",
    "accuracy",
    "head",
    "lab_data",
    "record",
    "sharpness",
    "speak",
    "speaking",
    "study_rates",
    "study_starts",
    "train",
]
