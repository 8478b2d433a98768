"""What can be chosen by name, and what the lab chose: for those who only ask, as this loads nothing."""

from __future__ import annotations

from typing import Any

DATA_SETS = ("breast_cancer", "digits", "lab")
DIRECTIONS = ("axes", "random", "filter", "hessian", "pca")
LAB_TRAINING: dict[str, Any] = {"lr": 2.0, "batch_size": 3, "epochs": 100}
RANDOM_STARTS = 200_000  # 12 in each of the 129 x 129 bins of the map, see viz.starts
LAB_WINDOW = (-15.0, 15.0), (-13.0, 13.0)  # of w and b
