"""Chebyshev interpolation of surfaces: degrees, the bound on the error, nodes, and what each method costs.

As a function of s a logit z = p + s q + t r stays within the strip |Im z| < pi, in which softplus and sigmoid are
analytic, while s is within a Bernstein ellipse around its interval. So the interpolant of degree k through Chebyshev
points errs by at most 4 M rho^-k / (rho - 1), with rho the ellipse's parameter and M the largest magnitude on it
(Trefethen, Approximation Theory and Approximation Practice, thm 8.2). In two variables the bound is
E_s + Lambda_s E_t, with Lambda <= 1 + (2 / pi) log(k + 1) the Lebesgue constant (thm 15.2).
"""

import math
from typing import NamedTuple

import numpy as np

STRIP = 0.99 * math.pi  # of Im z: at pi the functions have their singularities
NEAREST = math.sin(STRIP)  # the least |1 + e^z| in the strip
TILE_POINTS = (32, 64, 128, 256, 512, 1024, 2048, 4096)
MOST_NODES = 512


class Sizes(NamedTuple):
    """What the bound needs to know of the samples.

    largest_s, largest_t  max |q|, max |r|
    mean_s, mean_t        mean |q|, mean |r|
    logit                 mean over the samples of the largest |z| over the grid
    """

    largest_s: float
    largest_t: float
    mean_s: float
    mean_t: float
    mean_ss: float
    mean_st: float
    mean_tt: float
    logit: float


class Tiling(NamedTuple):
    """Tiles of an axis, of `points` values each, the last perhaps fewer, with `nodes` Chebyshev points in each."""

    points: int
    nodes: int


class Interpolation(NamedTuple):
    """Tilings along s and t, and the bound on the error."""

    s: Tiling
    t: Tiling
    bound: float


def sizes_of(plane, weight, s, t):
    """`Sizes` of samples with logits p + s q + t r over the window of the axes."""
    p, q, r = plane
    share = np.full(len(p), 1 / len(p)) if weight is None else weight / weight.sum()
    steep_s, steep_t = np.abs(q), np.abs(r)
    logit = np.abs(p) + steep_s * np.abs(s).max() + steep_t * np.abs(t).max()
    means = (share @ v for v in (steep_s, steep_t, steep_s**2, steep_s * steep_t, steep_t**2, logit))
    return Sizes(float(steep_s.max()), float(steep_t.max()), *map(float, means))


def largest_on_strip(quantity, sizes):
    """Bound on the magnitude of a quantity while one variable is on its ellipse and the other one real.

    There |Re z| is at most STRIP larger than over the window, and |1 + e^z| >= NEAREST. Parts of the loss that are
    linear in s and t don't count: they are interpolated exactly.
    """
    sigmoid = 1 / NEAREST
    return {
        "loss": sizes.logit + STRIP + math.pi - math.log(NEAREST),
        "mse": (1 + sigmoid) ** 2,
        "gradient": (1 + sigmoid) * max(sizes.mean_s, sizes.mean_t),
        "hessian": sigmoid**2 * max(sizes.mean_ss, sizes.mean_st, sizes.mean_tt),
    }[quantity]


def nodes_for(half_width, steepest, largest, target):
    """Chebyshev points that an interval needs for an error of at most `target`, and the bound that they give."""
    if half_width * steepest == 0:
        return 1, 0.0
    log_rho = math.asinh(STRIP / (half_width * steepest))
    if not (log_rho > 1e-3 and math.isfinite(largest)):
        return MOST_NODES + 1, math.inf
    bound_at_0 = 4 * largest / math.expm1(log_rho)
    degree = max(1, math.ceil(math.log(bound_at_0 / target) / log_rho))
    return degree + 1, bound_at_0 * math.exp(-degree * log_rho)


def half_width(axis, points):
    """The largest of the tiles of an ascending axis."""
    lows, highs = tile_ends(axis, points)
    return float((highs - lows).max()) / 2


def lebesgue(nodes):
    return 1 + 2 / math.pi * math.log(nodes)


def tilings(axis, steepest, largest, target):
    """[(Tiling, bound)] of an ascending axis, from the finest to a single tile."""
    sizes = [*(points for points in TILE_POINTS if points < len(axis)), len(axis)]
    found = [(points, *nodes_for(half_width(axis, points), steepest, largest, target)) for points in sizes]
    return [(Tiling(points, nodes), bound) for points, nodes, bound in found if nodes <= min(points, MOST_NODES)]


def interpolation(s, t, sizes, largest, target, cost):
    """The cheapest Interpolation to an absolute error of `target`, or None if no tiling will do.

    `s` and `t` are ascending, `largest` is the magnitude on the strip, `cost(s_tiling, t_tiling)` in any unit.
    """
    candidates = []
    for s_tiling, s_bound in tilings(s, sizes.largest_s, largest, target / 2):
        amplified = lebesgue(s_tiling.nodes)
        for t_tiling, t_bound in tilings(t, sizes.largest_t, largest, target / 2 / amplified):
            candidates.append(Interpolation(s_tiling, t_tiling, s_bound + amplified * t_bound))
    return min(candidates, key=lambda candidate: cost(candidate.s, candidate.t), default=None)


def nodes_of_axis(axis, tiling):
    """Chebyshev points of all tiles of an ascending axis, (tiles * nodes,), descending within each tile."""
    lows, highs = tile_ends(axis, tiling.points)
    angles = (2 * np.arange(tiling.nodes) + 1) * (np.pi / (2 * tiling.nodes))
    return ((lows + highs) / 2 + (highs - lows) / 2 * np.cos(angles)).ravel()


def tile_ends(axis, points):
    """First and last point of every tile, each (tiles, 1)."""
    lows = axis[::points]
    highs = np.append(axis[points - 1 :: points], axis[-1])[: len(lows)]
    return lows[:, None], highs[:, None]


def weights_of_axis(axis, tiling):
    """Values (points, nodes) of the Lagrange polynomials of its tile at each point of an ascending axis.

    By the barycentric formula of the second kind (Trefethen, ch. 5), which is stable where a point is near a node.
    """
    nodes = nodes_of_axis(axis, tiling).reshape(-1, tiling.nodes)
    nodes = np.repeat(nodes, tiling.points, axis=0)[: len(axis)]
    k = np.arange(tiling.nodes)
    barycentric = np.where(k % 2, -1.0, 1.0) * np.sin((2 * k + 1) * (np.pi / (2 * tiling.nodes)))
    distance = axis[:, None] - nodes
    hit = distance == 0
    weights = np.where(hit.any(axis=1, keepdims=True), hit, barycentric / np.where(hit, 1.0, distance))
    return weights / weights.sum(axis=1, keepdims=True)
