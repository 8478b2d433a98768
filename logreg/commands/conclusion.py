"""What training from several starts says about starting values and accuracy, in sentences."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from kernels import sgd_run_
from kernels.losses import LOSSES
from logreg.choices import LAB_TRAINING
from logreg.data import LabData
from logreg.language import said
from logreg.scores import is_correct

if TYPE_CHECKING:
    from collections.abc import Sequence

    from logreg.commands.lab import Settings
    from logreg.commands.trials import Trial
    from logreg.starts import StartsStudy

MORE = LAB_TRAINING | {"epochs": 10 * LAB_TRAINING["epochs"]}


def answer(trials: list[Trial], settings: Settings) -> str:
    """What the trials say, a line a cost."""
    by_cost: dict[str, list[Trial]] = {}
    for trial in trials:
        by_cost.setdefault(trial.history.cost, []).append(trial)
    return "\n".join(answer_for(cost, some, settings) for cost, some in by_cost.items())


def answer_for(cost: str, trials: list[Trial], settings: Settings) -> str:
    short = [trial for trial in trials if trial.accuracy < 1]
    reached, count, name = len(trials) - len(short), len(trials), said(LOSSES[cost].title)
    ended = said("With {cost} {reached} of {count} starts ended at accuracy 1", cost=name, reached=reached, count=count)
    doubt = reason_for_doubt(cost, trials[0].history.x, settings)
    if doubt:
        return f"{ended}; {doubt}."
    if not short:
        return f"{ended}, {first_reached(trials)}"
    ends = listed([said("{accuracy:.2f} from {start}", accuracy=trial.accuracy, start=at(trial)) for trial in short])
    return said("{ended}; it is {ends}. {later}", ended=ended, ends=ends, later=after_more(trials, short))


def first_reached(trials: list[Trial]) -> str:
    """After how many steps trials that ended at accuracy 1 first were there, and what that says of starts."""
    reached = [steps for trial in trials if (steps := trial.history.steps_to_accuracy_1()) is not None]
    least, most = min(reached), max(reached)
    if least == most:
        return said("first reached after {steps} by each.", steps=steps_of(least))
    span = {"least": least, "most": most}
    return said("first reached after {least} to {most} steps: a bad start costs steps, not accuracy.", **span)


def after_more(trials: list[Trial], short: list[Trial]) -> str:
    """What more training makes of trials that ended short of accuracy 1, and what that says of starts."""
    late = [trial for trial in short if gets_there(trial)]
    stuck = [trial for trial in short if trial not in late]
    then = said("After {epochs:,} more epochs, at learning rate {lr:g} in batches of {batch_size},", **MORE)
    if not stuck:
        return said("{then} it is 1 from there, too: a bad start costs steps, not accuracy.", then=then)
    if late:
        there, not_there = (listed([at(trial) for trial in some]) for some in (late, stuck))
        brings = said("{then} it is 1 from {late}, too, but not from {stuck}", then=then, late=there, stuck=not_there)
        return said("{brings}: the start decides how accurate the model becomes.", brings=brings)
    if len(stuck) == len(trials):
        return said("{then} it isn't 1 either: none of these starts is a good one.", then=then)
    return said("{then} it isn't 1 from there either: the start decides how accurate the model becomes.", then=then)


def at(trial: Trial) -> str:
    """Where a trial started."""
    return f"({trial.history.start_w[0]:.4g}, {trial.history.start_b:.4g})"


def listed(parts: Sequence[str]) -> str:
    """Several things in a sentence."""
    *before, last = parts
    return said("{several} and {last}", several=", ".join(before), last=last) if before else last


def steps_of(number: int) -> str:
    return said("1 step") if number == 1 else said("{number:,} steps", number=number)


def reason_for_doubt(cost: str, x: np.ndarray, settings: Settings) -> str | None:
    """Why these settings of training, and not the starts, may have decided; None if they don't."""
    if settings.epochs == 0:
        return said("this says nothing of starts, as epochs is 0 and nothing was trained")
    if settings.lr == 0:
        return said("this says nothing of starts, as the learning rate is 0 and nothing was trained")
    limit = largest_rate(cost, x, settings.batch_size)
    if settings.lr > limit:
        why = said("above {limit:.2g} a step may overshoot and climb", limit=limit)
        return said("the learning rate {lr:g} may have decided, and not the starts: {why}", lr=settings.lr, why=why)
    return None


def largest_rate(cost: str, x: np.ndarray, batch_size: int) -> float:
    """2 / L, L being at least the curvature of the cost of each batch, in order, of features x (n, d): up to it every
    step of gradient descent lowers its batch's loss, from anywhere."""
    rows = np.column_stack([x, np.ones(len(x))])
    batches = [rows[k : k + batch_size] for k in range(0, len(rows), batch_size)]
    steepest = max(np.linalg.norm(batch, 2) ** 2 / len(batch) for batch in batches)
    return 2 / (LOSSES[cost].largest(math.inf)[2] * float(steepest))


def gets_there(trial: Trial) -> bool:
    """Whether a run that goes on from its end, with the lab's own training and far longer, ends at accuracy 1."""
    x, y, cost = trial.history.x, trial.history.y, trial.history.cost
    w, b = np.array(trial.history.end_w, x.dtype), np.array([trial.history.end_b], x.dtype)
    sgd_run_(x, y, w, b, **MORE, loss=cost, history=0)
    return bool(is_correct(x.astype(np.float64) @ w + b, y).all())


def shares(study: StartsStudy, settings: Settings) -> str:
    """From how many of the random starts each cost led to accuracy 1, in one sentence, and what speaks against it."""
    found = said("{starts}, {window}, training of {steps} ends at accuracy 1 from {shares}.", **words_of(study))
    lines = [found]
    for cost, reached in study.accuracy.items():
        name, diverged = said(LOSSES[cost].title), np.isnan(reached).mean()
        if diverged:
            lines.append(said("With {cost} {percent:.3g} % diverged.", cost=name, percent=100 * diverged))
        doubt = reason_for_doubt(cost, LabData().x.numpy(), settings)
        if doubt:
            lines.append(said("With {cost} {doubt}.", cost=name, doubt=doubt))
    return "\n".join(lines)


def words_of(study: StartsStudy) -> dict[str, str]:
    """What a sentence on a study says: of how many starts, in which window, after how many steps, which shares."""
    (w0, w1), (b0, b1) = study.w_range, study.b_range
    found = [
        said("{percent:g} % with {cost}", percent=math.floor(10_000 * share) / 100, cost=said(LOSSES[cost].title))
        for cost, share in study.share_at_accuracy_1.items()
    ]
    number = len(study.w)
    return {
        "starts": said("Of one random start") if number == 1 else said("Of {number:,} random starts", number=number),
        "window": said("w in [{w0:g}, {w1:g}], b in [{b0:g}, {b1:g}]", w0=w0, w1=w1, b0=b0, b1=b1),
        "steps": steps_of(study.total_steps),
        "shares": listed(found),
    }
