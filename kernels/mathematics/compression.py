"""Samples whose logits all depend on one feature, compressed to a few weighted ones.

If every sample (p, q, r) lies on a line, at xi in [-1, 1], a sum over the samples of f(xi) is, up to the error of the
interpolant of f through K Chebyshev points xi_k, a sum over these: sum_k W_k f(xi_k), W_k being the sum over the
samples of a Lagrange polynomial. By the discrete orthogonality of the Chebyshev polynomials T_j (Mason and Handscomb,
Chebyshev Polynomials, sec. 4.6) W_k = 2/K sum_j' T_j(xi_k) m_j, with the moments m_j the sums of T_j over the samples.

The loss of class 0 is softplus(z), that of class 1 softplus(-z) = softplus(z) - z. Two moments of a class tell what is
linear in z, so one set of nodes is enough for both: as if all samples were of the class that is right in the middle of
the line, with the linear part of those of the other class. So far from the origin, where all samples have large logits
of one sign, softplus is small, and what is large belongs to samples that are wrong: nothing cancels.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from kernels.arguments.blocks import Block, Part, blocks_of
from kernels.arguments.samples import Samples, Summary, check_passes, tasks_over
from kernels.kinds import Array
from kernels.losses import LOSSES
from kernels.mathematics import spectral
from kernels.quantities import Asked
from kernels.workers.runner import HERE, Runner, Stage, State

ROUNDING = 4 * 2.0**-53  # of a logit, relative to its largest term: two products and two sums, each 2^-53
INSIDE = 0.98  # |xi| of samples at the most: near 1 rounding errors of T_j grow with j^2, here they stay below 5 j
SUMMED = 32 * 2.0**-53  # the error of a mean over nodes, relative to what is summed up: measured, up to a half of it
PIECE = 2**15  # samples


class Line(NamedTuple):
    """Samples (p, q, r) = middle + xi direction, xi in [-1, 1].

    middle, direction  (3,)
    field              the field of (p, q, r) that xi is read from
    nodes              Chebyshev points that replace the samples
    bound              on the error of a mean that comes of it, where the samples are on the line
    """

    middle: np.ndarray
    direction: np.ndarray
    field: int
    nodes: int
    bound: float


def line_through(summary: Summary, s: np.ndarray, t: np.ndarray, asked: Asked, target: float) -> Line | None:
    """The Line through the two samples furthest apart in a field; None if it would take too many nodes, if sums over
    these would be rounded too much, or if samples differ and their logits don't: the slopes can't be read from these.

    `s` and `t` are ascending; `target` is the error allowed to a mean.
    """
    window = np.array([1.0, max(abs(s[0]), abs(s[-1])), max(abs(t[0]), abs(t[-1]))])
    field = int(((summary.high - summary.low) * window).argmax())
    low, high = summary.extremes[field]
    middle, direction = (low + high) / 2, (high - low) / 2 / INSIDE
    corners = ((1.0, at_s, at_t) for at_s in (s[0], s[-1]) for at_t in (t[0], t[-1]))
    reach = float(max(abs(direction @ corner) for corner in corners))
    if reach == 0 and (summary.low < summary.high).any():
        return None
    sizes = spectral.sizes_of(summary.low, summary.high, s, t)
    if SUMMED * largest_term(reach, asked, sizes) > target:
        return None
    grown = 1 + math.pi / max(reach, spectral.TINY)  # q and r, factors of gradient and Hessian, on the ellipse
    sizes = sizes._replace(q=sizes.q * grown, r=sizes.r * grown)
    nodes, bound = spectral.nodes_for(reach, asked, sizes, target)
    return Line(middle, direction, field, nodes, bound) if nodes <= spectral.MOST_NODES else None


def largest_term(reach: float, asked: Asked, sizes: spectral.Sizes) -> float:
    """How large a quantity may be at a node and yet cancel: where logits have one sign all along the line, turned
    margins of the cross-entropy have nothing that does."""
    logit, slope = reach if asked.loss == "bce" else sizes.logit, max(sizes.q, sizes.r)
    of_loss, of_mse = LOSSES[asked.loss].largest(logit), LOSSES["mse"].largest(logit)
    square = slope * slope  # infinite, not an error, where it is no number
    terms = {"loss": of_loss[0], "mse": of_mse[0], "gradient": slope * of_loss[1], "hessian": square * of_loss[2]}
    return max(terms[name] for name in asked.names)


def by_class(asked: Asked) -> bool:
    """Whether each class has nodes of its own: the values of the cross-entropy and its derivatives for one class tell
    those for the other."""
    return "mse" in asked.names or asked.loss != "bce"


def count(line: Line, asked: Asked) -> int:
    """How many samples replace all others."""
    return 2 * line.nodes if by_class(asked) else line.nodes


def is_on(samples: Samples, line: Line, summary: Summary, s: np.ndarray, t: np.ndarray, runner: Runner = HERE) -> bool:
    """Whether all samples are on the line up to rounding: their logits over the window of ascending axes, and their
    slopes, which gradient and Hessian have as factors however narrow the window is."""
    others = tuple(k for k in range(3) if k != line.field and summary.low[k] < summary.high[k])
    window = np.array([1.0, max(abs(s[0]), abs(s[-1])), max(abs(t[0]), abs(t[-1]))])
    reach = np.stack([window, np.maximum(window, 1.0)])
    allowed = ROUNDING * reach @ np.maximum(np.abs(summary.low), np.abs(summary.high))
    if not others:
        return True
    extremes = summary.extremes.reshape(6, 3).T
    if not within(allowed, reach[:, others], [distance(extremes, k, line) for k in others]):  # mostly seen by these
        return False
    state = {"n": np.zeros((), int), "distances": np.zeros(len(others))}
    stage = Stage("distances", tasks_over(samples, Distances(line, others)), add_distances)
    found = runner.fold(stage, state)
    check_passes(summary.n, int(found["n"]))
    return within(allowed, reach[:, others], found["distances"])


def within(allowed: np.ndarray, reach: np.ndarray, distances: Any) -> bool:
    return bool((reach @ distances <= allowed).all())


class Distances(NamedTuple):
    """Samples, and the most by which some of their fields differ from those of a line."""

    line: Line
    fields: tuple[int, ...]

    def __call__(self, parts: tuple[Part, ...], _: Any) -> tuple[int, np.ndarray]:
        n, most = 0, np.zeros(len(self.fields))
        for block in blocks_of(parts):
            n += len(block.y)
            for part in pieces(block):
                most = np.maximum(most, [distance(part, k, self.line) for k in self.fields])
        return n, most


def add_distances(state: State, result: tuple[int, np.ndarray]) -> None:
    state["n"] += result[0]
    np.maximum(state["distances"], result[1], out=state["distances"])


def pieces(block: Block) -> Iterator[list[Array]]:
    """Parts of a block's (p, q, r) that stay in the cache."""
    n = len(block.y)
    for start in range(0, n, PIECE):
        yield [field[start : start + PIECE] if len(field) == n else field for field in block[:3]]


def distance(fields: Sequence[Array] | np.ndarray, k: int, line: Line) -> float:
    """The most by which field k of arrays, or tensors wherever they are, differs from that of the line."""
    along = (fields[line.field] - line.middle[line.field]) * (line.direction[k] / line.direction[line.field])
    return float(abs(fields[k] - line.middle[k] - along).max())


def nodes_of_line(moments: np.ndarray, line: Line, of_classes: bool) -> Block:
    """The Block that replaces samples of moments (2, nodes), those of class 0 and of class 1: nodes for each of them if
    `of_classes`, else one set for all samples, as if of class 0."""
    j = np.arange(line.nodes, dtype=np.int32)  # whose remainders are quicker
    cosines = np.cos(np.arange(4 * line.nodes) * (np.pi / (2 * line.nodes)))
    odd = 2 * j + 1
    xi, polynomials = cosines[odd], cosines[j[:, None] * odd % len(cosines)]  # of small angles: large ones are rounded
    weights = 2 / line.nodes * (moments * np.where(j == 0, 0.5, 1.0)) @ polynomials
    y = np.repeat([0.0, 1.0], line.nodes) if of_classes else np.zeros(line.nodes)
    weights, xi = (weights.ravel(), np.tile(xi, 2)) if of_classes else (weights.sum(axis=0), xi)
    p, q, r = fields_at(line, xi)
    return Block(p, q, r, y, weights)


def fields_at(line: Line, xi: np.ndarray) -> np.ndarray:
    """p, q, r (k,) at xi (k,)."""
    return line.middle[:, None] + xi * line.direction[:, None]


def add_linear_part(
    moments: np.ndarray, line: Line, s: np.ndarray, t: np.ndarray, outputs: dict[str, np.ndarray], weight: float
) -> None:
    """Adds what means by one set of nodes lack in loss and gradient: where margins are turned, as the logit in the
    middle of the line is positive, sum (1 - y) z, elsewhere sum -y z, over the `weight` of all samples."""
    masses = moments[:, 0]
    firsts = moments[:, 1] if line.nodes > 1 else np.zeros(2)
    shares = np.array([masses[0], -masses[1]]) / weight
    p, q, r = shares * fields_at(line, firsts / np.where(masses > 0, masses, 1.0))
    turned = is_positive(line.middle, s, t[:, None])
    if "loss" in outputs:
        of_classes = [(p[k] + t * r[k])[:, None] + s * q[k] for k in (0, 1)]
        outputs["loss"] += np.where(turned, *of_classes)
    if "gradient" in outputs:
        outputs["gradient"] += np.array([np.where(turned, *q), np.where(turned, *r)])


def subtract_softness(outputs: Mapping[str, Array], asked: Asked, softness: float, weight: float) -> None:
    """Takes from means by nodes of each class what soft labels are too much in both, `softness` being the sum of
    weight y (1 - y) over samples of this weight."""
    for name, out in outputs.items():
        loss = asked.loss if name == "loss" else name
        if loss in LOSSES:
            out -= LOSSES[loss].excess * softness / weight


def is_positive(sample: np.ndarray, s: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Whether the logit of a sample (p, q, r) is, rounded as kernels round it."""
    p, q, r = sample
    return (p + s * q) + t * r > 0
