"""What a run did, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from viz.language import said
from viz.words import percent

if TYPE_CHECKING:
    from viz.explorer.problem import Problem
    from viz.explorer.run import Run, Settings

FLAT = 0.01  # mean slope of the sigmoid, of 1/4 at the most, below which nothing is felt of a step; chosen by eye
STILL = 1e-3  # of the window, a distance that can't be seen
SHORT = 0.1  # of the window, a distance that is little for half of a run; chosen by eye
OFTEN = 0.25  # share of the epochs that raise the loss, above which it goes up and down; chosen by eye
CLEARLY = 1.01  # times the loss before
MANY = 1e6  # of which no decimals are written


def readout(problem: Problem, run: Run, k: int) -> tuple[str, str]:
    """Which step the k-th point of a run is, and where it is and how good."""
    step = said("step {step} of {last} (epoch {epoch})", step=run.steps[k], last=run.steps[-1], epoch=epoch_of(run, k))
    first, second = ("w", "b") if problem.is_of_weight_and_bias else ("s", "t")
    place = f"{first} = {coordinate(run.s[k])}, {second} = {coordinate(run.t[k])}"
    score = said("loss {loss:.4g}, accuracy {accuracy}", loss=run.loss[k], accuracy=share_right(run.accuracy[k]))
    return step, f"{place}; {score}"


def coordinate(value: float) -> str:
    """A number to three decimals, a large one to seven digits."""
    return f"{value:z.3f}" if abs(value) < MANY else f"{value:.7g}"


def share_right(accuracy: float) -> str:
    """An accuracy in per cent, 100 only where all are right."""
    return percent(1.0 if accuracy == 1 else min(round(accuracy, 4), 0.9999))


def epoch_of(run: Run, k: int) -> int:
    return -(-int(run.steps[k]) // run.per_epoch)


def verdicts(problem: Problem, settings: Settings, run: Run) -> list[str]:
    """What is to be said of a run as a whole, what went wrong first."""
    went = broken(run), climbs(run), flat(problem, settings, run)
    said_of = *went, correct(run), leaves(problem, run), thinned(run), cut(settings, run)
    return [sentence for sentence in said_of if sentence]


def broken(run: Run) -> str:
    """Says at which step numbers ended, or what can be drawn of them, "" if none did."""
    if run.broken is not None:
        return said("Diverged: step {step} leaves the range of numbers.", step=run.broken)
    return "" if run.beyond is None else said("Diverged: step {step} is too far away to be drawn.", step=run.beyond)


def climbs(run: Run) -> str:
    """Says whether the loss ended higher than it began, or went up and down on the way."""
    if run.loss[-1] > CLEARLY * run.loss[0] or not np.isfinite(run.loss[-1]):
        return said("Climbs: the loss ends higher than it began; the steps are too large.")
    share = share_of_rises(run)
    if share > OFTEN:
        return said("Oscillates: {share} of the epochs raise the loss.", share=percent(round(share, 2)))
    return ""


def share_of_rises(run: Run) -> float:
    """Which share of the epochs raised the loss clearly; of points that are further apart than epochs, of these."""
    loss = run.loss[run.steps % run.per_epoch == 0]
    return float(np.mean(loss[1:] > CLEARLY * loss[:-1])) if len(loss) > 4 else 0.0


def flat(problem: Problem, settings: Settings, run: Run) -> str:
    """Says whether a run was held where the sigmoid is flat: its slope is a factor of that of the squared error alone,
    so that other steps are short by their rate."""
    if settings.loss != "mse" or settings.lr == 0 or settings.epochs == 0:
        return ""
    return saturated(problem, run) or stuck(problem, run)


def saturated(problem: Problem, run: Run) -> str:
    """Says whether the sigmoid is so flat at the start that the first steps move nothing."""
    still = steps_that_stay(problem, run)
    if not is_flat(problem, run, 0) or still == 0:
        return ""
    if still == run.steps[-1]:
        return said("Saturated: the sigmoid is flat at the start, and no step moves it.")
    return said("Saturated: the sigmoid is flat at the start; the first {steps} steps move nothing.", steps=still)


def stuck(problem: Problem, run: Run) -> str:
    """Says whether a run came to where the sigmoid is flat, and how far the second half of its steps brought it."""
    far = distances(problem, run, len(run.steps) // 2)[-1]
    if not is_flat(problem, run, -1) or far > SHORT:
        return ""
    return said(
        "Stuck where the sigmoid is flat: the last half of the steps goes {far} of the window.",
        far=percent(round(float(far), 3)),
    )


def is_flat(problem: Problem, run: Run, k: int) -> bool:
    """Whether at a point some samples are wrong and the sigmoid is flat at nearly all."""
    z = problem.X @ run.theta[k, :-1] + run.theta[k, -1]
    slope = np.mean(0.25 / np.cosh(np.clip(z / 2, -300, 300)) ** 2)
    return bool(run.accuracy[k] < 1 and slope < FLAT)


def steps_that_stay(problem: Problem, run: Run) -> int:
    """How many steps are so near to the start that it can't be seen."""
    moved = distances(problem, run, 0) > STILL
    return int(run.steps[moved.argmax() - 1] if moved.any() else run.steps[-1])


def distances(problem: Problem, run: Run, k: int) -> np.ndarray:
    """How far each point is from the k-th, in units of the window."""
    return np.hypot((run.s - run.s[k]) / np.ptp(problem.s), (run.t - run.t[k]) / np.ptp(problem.t))


def correct(run: Run) -> str:
    """Says when all samples were classified correctly first, and whether they still are."""
    right, end = run.accuracy == 1, share_right(run.accuracy[-1])
    if not right.any():
        return said("Never all correct: accuracy {end} at the end.", end=end)
    step = run.steps[right.argmax()]
    if not right[-1]:
        return said("All correct first after step {step}, but not at the end: {end}.", step=step, end=end)
    if (last := last_of_being_wrong(run)) > step:
        return said("All correct first after step {step}, for good after step {last}.", step=step, last=last)
    if step == 0:
        return said("All correct from the start.")
    return said("All correct first after step {step}.", step=step)


def last_of_being_wrong(run: Run) -> int:
    """The step from which on all samples are correct, the end being so."""
    wrong = np.flatnonzero(run.accuracy < 1)
    return int(run.steps[wrong[-1] + 1]) if len(wrong) else 0


def leaves(problem: Problem, run: Run) -> str:
    """Says where a path leaves the window, "" if it doesn't."""
    inside = problem.contains(run.s, run.t)
    if inside.all():
        return ""
    if not inside[0]:
        return said("The start is outside the window.")
    step = run.steps[inside.argmin()]
    if inside[-1]:
        return said("Leaves the window at step {step} and comes back.", step=step)
    return said("Leaves the window at step {step}; ends at ({s:.3g}, {t:.3g}).", step=step, s=run.s[-1], t=run.t[-1])


def thinned(run: Run) -> str:
    """Says that these sentences go by some of the steps, "" where they go by all."""
    points, steps = len(run.steps) - 1, int(run.steps[-1])
    return "" if points == steps else said("{some} of {all} steps are looked at.", some=points, all=steps)


def cut(settings: Settings, run: Run) -> str:
    """Says how much of a long run was trained, "" if all of it was."""
    if run.broken is not None or run.epochs == settings.epochs:
        return ""
    return said(
        "Only {some} of {all} epochs are trained: with more, pictures would wait.", some=run.epochs, all=settings.epochs
    )
