"""Chebyshev interpolation of surfaces: nodes, degrees, the bound on the error, and the cheapest tilings.

As a function of s a logit z = p + s q + t r stays within a strip |Im z| <= theta < pi, in which softplus and sigmoid
are analytic, while s is within a Bernstein ellipse around its interval. With rho = e^eta the ellipse's parameter, and
M, M' the largest |f|, |df/dz| in the strip, the interpolant of degree k through Chebyshev points errs by at most

    2 sum_(j > k) |a_j| <= 4 M rho^-k / (rho - 1),

a_j being the Chebyshev coefficients, |a_j| <= 2 M rho^-j (Trefethen, Approximation Theory and Approximation Practice,
thms 4.2, 8.1 and 8.2). Coefficients of f follow from those of its derivative, which gains a factor of about k:
|a_j| <= 2 M' theta coth(eta) rho^-j / j. The bound is the least of both over some theta. In two variables it is
E_s + Lambda E_t, with Lambda <= 1 + (2 / pi) log(k + 1) the Lebesgue constant (thm 15.2).

An axis is cut into tiles, each with nodes of its own. These are evaluated, or interpolated in turn from fewer nodes of
the whole axes. Where all logits are functions of one feature, the samples are compressed likewise, to weights of
Chebyshev nodes in that feature.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from kernels.losses import LOSSES, Strip
from kernels.quantities import QUANTITIES, Asked

STRIP_HALF_WIDTHS = tuple(share * math.pi for share in (0.5, 0.8, 0.9, 0.95, 0.98))  # at pi are the singularities
TILE_POINTS = (32, 64, 128, 256)  # what is tried, besides the whole axis: the cheapest is taken
MOST_NODES = 512  # of a tile: bases of 256 points by so many, 1 MB, stay in a cache
TINY = 1e-50  # reaches and sizes below it count as this: their logarithms and squares are numbers
STEEPEST = 1e100  # slope of which no surface is interpolated: its square is a number, with factors to spare
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


def sizes_of(low: np.ndarray, high: np.ndarray, s: np.ndarray, t: np.ndarray) -> Sizes:
    """`Sizes` of samples whose (p, q, r) are between `low` and `high`, over ascending axes."""
    p, q, r = (float(size) for size in np.maximum(np.abs(low), np.abs(high)))
    with np.errstate(over="ignore"):
        return Sizes(p, q, r, p + q * max(abs(s[0]), abs(s[-1])) + r * max(abs(t[0]), abs(t[-1])))


class Basis(NamedTuple):
    """Values (nodes, n) of the Lagrange polynomials of its tile at each of n points, `points` of them in a tile."""

    values: np.ndarray
    points: int


def bounds_in_strip(quantity: str, loss: str, sizes: Sizes, strip: float) -> tuple[float, float]:
    """The largest |f| and |df/dz| of a quantity, of a loss by its name, for |Im z| <= strip.

    There |sigmoid| is at most 1 / sin(strip), or 1 up to pi / 2. What is constant or linear in z doesn't count: it is
    interpolated exactly. |Re z| exceeds what it is over the window by `strip` at the most.
    """
    sigmoid = 1 / math.sin(max(strip, math.pi / 2))
    slope = max(sizes.q, sizes.r)
    softplus = sizes.logit + strip + math.pi + math.log(sigmoid)
    order = QUANTITIES[quantity].derivative
    row = LOSSES[loss if order is not None else quantity]
    order = order or 0
    bounds = row.bounds(Strip(sigmoid, softplus), slope**order)
    return bounds[order], bounds[order + 1]


def nodes_for(reach: float, asked: Asked, sizes: Sizes, target: float) -> tuple[int, float]:
    """Chebyshev points that an interval needs for errors of at most `target`, and the bound that they give.

    `reach` is the most by which a logit differs from that in the middle. More than MOST_NODES if no so many will do.
    """
    if reach == 0:
        return 1, 0.0
    known = target > 0 and math.isfinite(sizes.logit) and max(sizes.q, sizes.r) < STEEPEST
    if not (known and reach < 1e3 * math.pi):
        return MOST_NODES + 1, math.inf
    return min(nodes_by_strip(max(reach, TINY), asked, sizes, target, strip) for strip in STRIP_HALF_WIDTHS)


def nodes_by_strip(reach: float, asked: Asked, sizes: Sizes, target: float, strip: float) -> tuple[int, float]:
    eta, allowed = math.asinh(strip / reach), math.log(target)
    degree, bounds = 1, []
    for quantity in asked.names:
        bounds_of_quantity = bounds_in_strip(quantity, asked.loss, sizes, strip)
        value, slope = (max(4 * size / math.expm1(eta), TINY) for size in bounds_of_quantity)
        slope *= strip / math.tanh(eta)
        bounds.append((value, slope))
        least = (math.log(min(value, slope / MOST_NODES)) - allowed) / eta  # a degree below which neither bound will do
        enough = (math.log(min(value, slope / max(1.0, least + 1))) - allowed) / eta
        degree = max(degree, math.ceil(enough))
    return degree + 1, max(min(value, slope / (degree + 1)) for value, slope in bounds) * math.exp(-degree * eta)


def interpolations(s: np.ndarray, t: np.ndarray, asked: Asked, sizes: Sizes, target: float) -> Iterator[Interpolation]:
    """Every Interpolation of ascending axes, with its bound within an absolute error of `target`."""
    by_t = list(tilings(t, sizes.r, asked, sizes, target / 2 / LEBESGUE))
    for s_tiling, bound_s in tilings(s, sizes.q, asked, sizes, target / 2):
        for t_tiling, bound_t in by_t:
            yield Interpolation(s_tiling, t_tiling, bound_s + lebesgue(s_tiling.nodes) * bound_t)


def nested_interpolations(
    s: np.ndarray, t: np.ndarray, asked: Asked, sizes: Sizes, target: float
) -> Iterator[Interpolation]:
    """The same with the nodes of the tiles interpolated from fewer ones of the whole axes, where that can be."""
    share = target / 4 / LEBESGUE**2
    across_s, bound_s = nodes_for(sizes.q * (s[-1] - s[0]) / 2, asked, sizes, share)
    across_t, bound_t = nodes_for(sizes.r * (t[-1] - t[0]) / 2, asked, sizes, share / LEBESGUE)
    if across_s > MOST_NODES or across_t > MOST_NODES:
        return
    across = bound_s + lebesgue(across_s) * bound_t
    for found in interpolations(s, t, asked, sizes, target / 2):
        s_tiling, t_tiling = found.s._replace(across=across_s), found.t._replace(across=across_t)
        amplified = lebesgue(s_tiling.nodes) * lebesgue(t_tiling.nodes) * across
        yield Interpolation(s_tiling, t_tiling, found.bound + amplified)


def tilings(
    axis: np.ndarray, steepest: float, asked: Asked, sizes: Sizes, target: float
) -> Iterator[tuple[Tiling, float]]:
    """(Tiling, bound) of the tilings of an ascending axis that reach the target, the whole axis last."""
    for points in (*(points for points in TILE_POINTS if points < len(axis)), len(axis)):
        nodes, bound = nodes_for(steepest * widest(axis, points) / 2, asked, sizes, target)
        if nodes <= min(points, MOST_NODES):
            yield Tiling(points, nodes, 0), bound


def widest(axis: np.ndarray, points: int) -> float:
    """The width of the widest tile of an ascending axis."""
    whole = len(axis) // points * points
    rest = axis[-1] - axis[min(whole, len(axis) - 1)]
    return float(max((axis[points - 1 : whole : points] - axis[:whole:points]).max(), rest))


def lebesgue(nodes: int) -> float:
    """The most by which interpolation amplifies an error at its nodes."""
    return 1 + 2 / math.pi * math.log(nodes)


def chebyshev_points(low: np.ndarray | float, high: np.ndarray | float, nodes: int) -> np.ndarray:
    """Chebyshev points of intervals (k, 1) or of one, descending."""
    angles = (2 * np.arange(nodes) + 1) * (np.pi / (2 * nodes))
    return (low + high) / 2 + (high - low) / 2 * np.cos(angles)


def tile_ends(axis: np.ndarray, points: int) -> tuple[np.ndarray, np.ndarray]:
    """First and last point of every tile, each (tiles, 1)."""
    first = np.arange(0, len(axis), points)
    return axis[first, None], axis[np.minimum(first + points, len(axis)) - 1, None]


def node_positions(axis: np.ndarray, tiling: Tiling) -> np.ndarray:
    """Where along an ascending axis samples are evaluated: nodes of the whole axis if it has any, else of the tiles."""
    return chebyshev_points(axis[0], axis[-1], tiling.across) if tiling.across else nodes_of_tiles(axis, tiling)


def nodes_of_tiles(axis: np.ndarray, tiling: Tiling) -> np.ndarray:
    """Chebyshev points of all tiles of an ascending axis, (tiles * nodes,), descending within each tile."""
    return chebyshev_points(*tile_ends(axis, tiling.points), tiling.nodes).ravel()


def basis_of_nodes(axis: np.ndarray, tiling: Tiling) -> Basis:
    """The Basis in which values at nodes of the whole axis are interpolated at the nodes of its tiles."""
    nodes = nodes_of_tiles(axis, tiling)
    weights = lagrange(nodes[None], axis[:1, None], axis[-1:, None], tiling.across)
    return Basis(weights.reshape(tiling.across, -1), len(nodes))


def basis_of_points(axis: np.ndarray, tiling: Tiling) -> Basis:
    """The Basis in which values at the nodes of its tiles are interpolated at the points of an ascending axis."""
    tiles = -(-len(axis) // tiling.points)
    padded = np.full(tiles * tiling.points, axis[-1])
    padded[: len(axis)] = axis
    weights = lagrange(padded.reshape(tiles, tiling.points), *tile_ends(axis, tiling.points), tiling.nodes)
    return Basis(weights.reshape(tiling.nodes, -1)[:, : len(axis)], tiling.points)


def steps_along(axis: np.ndarray, tiling: Tiling) -> list[Basis]:
    """[Basis] by which values at the nodes are interpolated along an ascending axis, one after the other."""
    found = [basis_of_points(axis, tiling)]
    if tiling.across:
        found.insert(0, basis_of_nodes(axis, tiling))
    return found


def lagrange(x: np.ndarray, low: np.ndarray, high: np.ndarray, nodes: int) -> np.ndarray:
    """Values (nodes, k, points) at x (k, points) of the Lagrange polynomials of Chebyshev points of intervals (k, 1).

    By the barycentric formula of the second kind (Trefethen, ch. 5), which is stable where a point is near a node; in
    the coordinates of [-1, 1], as nodes of an interval of a few ulp would coincide.
    """
    k = np.arange(nodes)
    barycentric = np.where(k % 2, -1.0, 1.0) * np.sin((2 * k + 1) * (np.pi / (2 * nodes)))
    xi = ((x - low) - (high - x)) / np.where(low < high, high - low, 1.0)
    points = chebyshev_points(-1.0, 1.0, nodes)[:, None, None]
    weights = xi - points
    with np.errstate(divide="ignore", invalid="ignore"):
        np.divide(barycentric[:, None, None], weights, out=weights)
        total = weights.sum(axis=0)
        weights /= total
    if not np.isfinite(total).all():
        at_node = ~np.isfinite(total)
        weights[:, at_node] = (xi == points)[:, at_node]
    return weights
