"""The lab on compiled kernels: data, model, training, loss surfaces."""

import kernels
from logreg.clash import require_ours

require_ours(kernels, "loss_surface")

from logreg.data import LabData, lab_data
from logreg.model import LogisticRegression
from logreg.plane import PlaneSurface
from logreg.starts import StartsStudy, study_starts
from logreg.surface import LossSurface
from logreg.train import History, accuracy, train

__all__ = [
    "History",
    "LabData",
    "LogisticRegression",
    "LossSurface",
    "PlaneSurface",
    "StartsStudy",
    "accuracy",
    "lab_data",
    "study_starts",
    "train",
]
