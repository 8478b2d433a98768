"""What training from several starts says about starting values and accuracy, in sentences."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from kernels import sgd_run_
from kernels.losses import LOSSES
from logreg.choices import LAB_TRAINING
from logreg.data import LabData
from logreg.scores import is_correct

if TYPE_CHECKING:
    from logreg.commands.lab import Settings
    from logreg.commands.trials import Trial
    from logreg.starts import StartsStudy

LONGER = LAB_TRAINING | {"epochs": 10 * LAB_TRAINING["epochs"]}


def answer(trials: list[Trial], settings: Settings) -> str:
    """What the trials say, one sentence a cost."""
    by_cost: dict[str, list[Trial]] = {}
    for trial in trials:
        by_cost.setdefault(trial.history.cost, []).append(trial)
    return "\n".join(answer_for(cost, some, settings) for cost, some in by_cost.items())


def answer_for(cost: str, trials: list[Trial], settings: Settings) -> str:
    name, accuracies = LOSSES[cost].title, {trial.accuracy for trial in trials}
    accurate = [trial.history for trial in trials if trial.accuracy == 1]
    ended = f"With {name} {len(accurate)} of {len(trials)} starts ended at accuracy 1"
    doubt = reason_for_doubt(cost, trials[0].history.x, settings)
    if doubt:
        return f"{ended}. This says nothing of starts: {doubt}."
    if accuracies == {1.0}:
        reached = [steps for history in accurate if (steps := history.steps_to_accuracy_1()) is not None]
        span = f"{min(reached)} to {max(reached)}"
        return (
            f"With {name} all {len(trials)} starts ended at accuracy 1, first reached after {span} steps: "
            "a bad start costs steps, not accuracy."
        )
    if len(accuracies) == 1:
        return f"With {name} all {len(trials)} starts ended at accuracy {accuracies.pop():.2f}, short of 1."
    failed = [trial for trial in trials if trial.accuracy < 1]
    short = ", ".join(f"{trial.accuracy:.2f} from {trial.start}" for trial in failed)
    if all(map(gets_there, failed)):
        return f"{ended}, but {short}. Longer training brings these to 1, too: a bad start costs steps, not accuracy."
    return f"{ended}, but {short}: the start decides how accurate the model becomes."


def reason_for_doubt(cost: str, x: np.ndarray, settings: Settings) -> str | None:
    """Why these settings of training, and not the starts, may have decided; None if they don't."""
    if settings.epochs == 0 or settings.lr == 0:
        return f"nothing was trained, as {'epochs is' if settings.epochs == 0 else 'the learning rate is'} 0"
    limit = largest_rate(cost, x)
    if settings.lr > limit:
        return f"at the learning rate {settings.lr:g}, above {limit:.2g}, a step can overshoot and climb"
    return None


def largest_rate(cost: str, x: np.ndarray) -> float:
    """2 / L, L being at least the curvature of the cost of any minibatch of features x (n, d): up to it each step of
    gradient descent lowers the minibatch's loss, from anywhere."""
    return 2 / (LOSSES[cost].largest(math.inf)[2] * float(1 + np.square(x, dtype=np.float64).sum(axis=1).max()))


def gets_there(trial: Trial) -> bool:
    """Whether a run that goes on from its end, with the lab's learning rate and far longer, ends at accuracy 1."""
    x, y, cost = trial.history.x, trial.history.y, trial.history.cost
    w, b = np.array(trial.history.end_w, x.dtype), np.array([trial.history.end_b], x.dtype)
    sgd_run_(x, y, w, b, **LONGER, loss=cost, history=0)
    return bool(is_correct(x.astype(np.float64) @ w + b, y).all())


def shares(study: StartsStudy, settings: Settings) -> str:
    """From how many of the random starts each cost led to accuracy 1, in one sentence, and what speaks against it."""
    (w0, w1), (b0, b1) = study.w_range, study.b_range
    found = " and ".join(
        f"{math.floor(10_000 * share) / 100:g} % with {LOSSES[cost].title}"
        for cost, share in study.share_at_accuracy_1.items()
    )
    window = f"w in [{w0:g}, {w1:g}], b in [{b0:g}, {b1:g}]"
    number = "one random start" if len(study.w) == 1 else f"{len(study.w):,} random starts"
    lines = [f"Of {number}, {window}, training ends at accuracy 1 from {found}."]
    for cost, reached in study.accuracy.items():
        diverged = np.isnan(reached).mean()
        if diverged:
            lines.append(f"With {LOSSES[cost].title} {100 * diverged:.3g} % diverged.")
        doubt = reason_for_doubt(cost, LabData().x.numpy(), settings)
        if doubt:
            lines.append(f"With {LOSSES[cost].title} this says nothing of starts: {doubt}.")
    return "\n".join(lines)
