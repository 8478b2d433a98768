"""The lab on compiled kernels: data, model, training, loss surfaces."""

import kernels
from logreg.clash import require_ours

require_ours(kernels, "loss_surface")

from kernels.language import speak, speaking
from logreg.data import LabData, lab_data
from logreg.head import head
from logreg.line import LossLine
from logreg.model import LogisticRegression
from logreg.path import TrainingPath, record
from logreg.plane import PlaneSurface
from logreg.rates import RatesStudy, study_rates
from logreg.scores import accuracy
from logreg.sharpness import Sharpness, sharpness
from logreg.starts import StartsStudy, study_starts
from logreg.surface import LossSurface
from logreg.train import History, train

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
