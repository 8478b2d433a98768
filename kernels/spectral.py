"""Chebyshev interpolation of surfaces: nodes, degrees, the bound on the error, and the cheapest tilings.

As a function of s a logit z = p + s q + t r stays within the strip |Im z| < pi, in which softplus and sigmoid are
analytic, while s is within a Bernstein ellipse around its interval. So the interpolant of degree k through Chebyshev
points errs by at most 4 M rho^-k / (rho - 1), with rho the ellipse's parameter and M the largest magnitude on it
(Trefethen, Approximation Theory and Approximation Practice, thm 8.2). In two variables the bound is
E_s + Lambda E_t, with Lambda <= 1 + (2 / pi) log(k + 1) the Lebesgue constant (thm 15.2).

An axis is cut into tiles, each with nodes of its own. These are evaluated, or interpolated in turn from fewer nodes of
the whole axes. Where all logits are functions of one feature, the samples are compressed likewise, to weights of
Chebyshev nodes in that feature.
"""

import math
from typing import NamedTuple

import numpy as np

STRIP = 0.99 * math.pi  # of Im z: at pi the functions have their singularities
NEAREST = math.sin(STRIP)  # the least |1 + e^z| in the strip
TILE_POINTS = (32, 64, 128, 256, 512, 1024)
MOST_NODES = 512
LEBESGUE = 1 + 2 / math.pi * math.log(MOST_NODES)  # of any of the interpolants


class Sizes(NamedTuple):
    """What the bound needs to know of the samples: max |p|, |q|, |r| and |p| + |s q| + |t r| over the grid."""

    p: float
    q: float
    r: float
    logit: float


class Tiling(NamedTuple):
    """Tiles of an axis.

    points  of a tile, the last perhaps with fewer
    nodes   Chebyshev points of a tile
    across  Chebyshev points of the whole axis from which those of the tiles are interpolated; 0: they are evaluated
    """

    points: int
    nodes: int
    across: int


class Interpolation(NamedTuple):
    """Tilings along s and t, and the bound on the error."""

    s: Tiling
    t: Tiling
    bound: float


def sizes_of(low, high, s, t):
    """`Sizes` of samples whose (p, q, r) are between `low` and `high`, over ascending axes."""
    p, q, r = (float(size) for size in np.maximum(np.abs(low), np.abs(high)))
    with np.errstate(over="ignore"):
        return Sizes(p, q, r, p + q * max(abs(s[0]), abs(s[-1])) + r * max(abs(t[0]), abs(t[-1])))


class Basis(NamedTuple):
    """Values (nodes, n) of the Lagrange polynomials of its tile at each of n points, `points` of them in a tile."""

    values: np.ndarray
    points: int


def largest_on_strip(quantity, sizes):
    """Bound on the magnitude of a quantity while one variable is on its ellipse and the other one real.

    There |Re z| is at most STRIP larger than over the window, and |1 + e^z| >= NEAREST. Parts of the loss that are
    linear in s and t don't count: they are interpolated exactly.
    """
    sigmoid, slope = 1 / NEAREST, max(sizes.q, sizes.r)
    return {
        "loss": sizes.logit + STRIP + math.pi - math.log(NEAREST),
        "mse": (1 + sigmoid) ** 2,
        "gradient": (1 + sigmoid) * slope,
        "hessian": sigmoid**2 * slope**2,
    }[quantity]


def nodes_for(half_width, steepest, largest, target):
    """Chebyshev points that an interval needs for an error of at most `target`, and the bound that they give.

    `steepest` is the largest |dz| by the variable. More than MOST_NODES if no so many will do.
    """
    if half_width * steepest == 0:
        return 1, 0.0
    log_rho = math.asinh(STRIP / (half_width * steepest))
    if not (log_rho > 1e-3 and math.isfinite(largest)):
        return MOST_NODES + 1, math.inf
    bound_at_0 = 4 * largest / math.expm1(log_rho)
    degree = max(1, math.ceil(math.log(bound_at_0 / target) / log_rho))
    return degree + 1, bound_at_0 * math.exp(-degree * log_rho)


def interpolations(s, t, sizes, largest, target):
    """Every Interpolation of ascending axes, with its bound within an absolute error of `target`."""
    share = target / 4
    across_s, across_bound_s = nodes_for(widest(s, len(s)) / 2, sizes.q, largest, share / LEBESGUE**2)
    across_t, across_bound_t = nodes_for(widest(t, len(t)) / 2, sizes.r, largest, share / LEBESGUE**3)
    for points_s, nodes_s, bound_s in tilings(s, sizes.q, largest, share):
        for points_t, nodes_t, bound_t in tilings(t, sizes.r, largest, share / LEBESGUE):
            bound = bound_s + lebesgue(nodes_s) * bound_t
            yield Interpolation(Tiling(points_s, nodes_s, 0), Tiling(points_t, nodes_t, 0), bound)
            if across_s <= MOST_NODES and across_t <= MOST_NODES:
                across = across_bound_s + lebesgue(across_s) * across_bound_t
                bound += lebesgue(nodes_s) * lebesgue(nodes_t) * across
                yield Interpolation(Tiling(points_s, nodes_s, across_s), Tiling(points_t, nodes_t, across_t), bound)


def amplification(interpolation):
    """The most by which an error of what is evaluated grows."""
    s, t = interpolation.s, interpolation.t
    across = lebesgue(s.across) * lebesgue(t.across) if s.across else 1.0
    return across * lebesgue(s.nodes) * lebesgue(t.nodes)


def tilings(axis, steepest, largest, target):
    """(points, nodes, bound) of the tilings of an ascending axis that reach the target, the whole axis last."""
    for points in (*(points for points in TILE_POINTS if points < len(axis)), len(axis)):
        nodes, bound = nodes_for(widest(axis, points) / 2, steepest, largest, target)
        if nodes <= min(points, MOST_NODES):
            yield points, nodes, bound


def widest(axis, points):
    """The width of the widest tile of an ascending axis."""
    whole = len(axis) // points * points
    rest = axis[-1] - axis[min(whole, len(axis) - 1)]
    return float(max((axis[points - 1 : whole : points] - axis[:whole:points]).max(), rest))


def lebesgue(nodes):
    """The most by which interpolation amplifies an error at its nodes."""
    return 1 + 2 / math.pi * math.log(nodes)


def chebyshev_points(low, high, nodes):
    """Chebyshev points of intervals (k, 1) or of one, descending."""
    angles = (2 * np.arange(nodes) + 1) * (np.pi / (2 * nodes))
    return (low + high) / 2 + (high - low) / 2 * np.cos(angles)


def tile_ends(axis, points):
    """First and last point of every tile, each (tiles, 1)."""
    first = np.arange(0, len(axis), points)
    return axis[first, None], axis[np.minimum(first + points, len(axis)) - 1, None]


def evaluated_at(axis, tiling):
    """Where along an ascending axis samples are evaluated: at nodes of the tiles or, if it has any, of the whole axis."""
    return chebyshev_points(axis[0], axis[-1], tiling.across) if tiling.across else nodes_of_tiles(axis, tiling)


def nodes_of_tiles(axis, tiling):
    """Chebyshev points of all tiles of an ascending axis, (tiles * nodes,), descending within each tile."""
    return chebyshev_points(*tile_ends(axis, tiling.points), tiling.nodes).ravel()


def from_whole_axis(axis, tiling):
    """The Basis in which values at nodes of the whole axis are interpolated at the nodes of its tiles."""
    nodes = nodes_of_tiles(axis, tiling)
    weights = lagrange(nodes[None], axis[:1, None], axis[-1:, None], tiling.across)
    return Basis(weights.reshape(tiling.across, -1), len(nodes))


def from_tiles(axis, tiling):
    """The Basis in which values at the nodes of its tiles are interpolated at the points of an ascending axis."""
    tiles = -(-len(axis) // tiling.points)
    padded = np.pad(axis, (0, tiles * tiling.points - len(axis)), mode="edge").reshape(tiles, tiling.points)
    weights = lagrange(padded, *tile_ends(axis, tiling.points), tiling.nodes)
    return Basis(weights.reshape(tiling.nodes, -1)[:, : len(axis)], tiling.points)


def lagrange(x, low, high, nodes):
    """Values (nodes, k, points) at x (k, points) of the Lagrange polynomials of Chebyshev points of intervals (k, 1).

    By the barycentric formula of the second kind (Trefethen, ch. 5), which is stable where a point is near a node.
    """
    k = np.arange(nodes)
    barycentric = np.where(k % 2, -1.0, 1.0) * np.sin((2 * k + 1) * (np.pi / (2 * nodes)))
    points = chebyshev_points(low, high, nodes).T[:, :, None]
    weights = x - points
    with np.errstate(divide="ignore", invalid="ignore"):
        np.divide(barycentric[:, None, None], weights, out=weights)
        total = weights.sum(axis=0)
        weights /= total
    if not np.isfinite(total).all():
        hit = ~np.isfinite(total)
        weights[:, hit] = (x == points)[:, hit]
    return weights
