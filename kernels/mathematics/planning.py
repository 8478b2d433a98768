"""Which method evaluates a surface: by shapes and data alone, so that it is the same everywhere.

Costs are those of the CPU wherever the samples are, or a plan on a card would be another one.
"""

import functools
from typing import NamedTuple

import numpy as np

from kernels.mathematics import compression, spectral
from kernels.quantities import QUANTITIES
from kernels.results import Plan

# Costs in multiply-adds, measured: one evaluation by polynomials, by products, and sample by sample; the logarithm of a
# product; the sums of what goes sample by sample; writing a value; adding a sample to a moment; what interpolation
# takes at least.
POLYNOMIAL, PRODUCT, ELEMENTWISE = 1, 2, 40
LOGARITHM = 60
SUMS = 1000
WRITE = 15
MOMENT = 2
SPECTRAL_AT_LEAST = 60_000_000
WORTH_TWO_STEPS = 200  # cost of a node: interpolating it takes about as much
CLEARLY = 2  # direct evaluation is exact: interpolation has to be this much cheaper
BAND = 256  # rows that are interpolated along s at once, at the most
KEPT = 16  # lists of ways to interpolate, each of which takes about a millisecond
MOST_KEPT = 2**15  # points of both axes of such a list, which are kept and compared


class Choice(NamedTuple):
    """A Plan and what carries it out: no interpolation when direct, no line where samples aren't compressed."""

    plan: Plan
    interpolation: spectral.Interpolation | None = None
    line: compression.Line | None = None


def choose(group, s, t, method, tol):
    """The method for a Group of quantities and samples, on checked axes in any order."""
    samples, summary, asked, grown = group
    if len(asked.names) > 1 or not QUANTITIES[asked.names[0]].smooth:
        asked = asked.smooth
    if method == "direct" or tol == 0 or not asked.names:
        return direct("every sample is evaluated at every point, as asked")
    evaluation = cost_of_point(summary, samples.weighted, asked)
    by_hand = len(s) * len(t) * evaluation
    if method == "auto" and by_hand < CLEARLY * SPECTRAL_AT_LEAST:
        return direct(f"about {by_hand:.1e} multiply-adds are quickly done")
    s, t = np.sort(s), np.sort(t)
    target = tol / grown  # for weights whose sum is what sums are divided by
    candidates = compressed(samples, summary, s, t, asked, target, evaluation)
    candidates = candidates or interpolated(summary, s, t, asked, target, evaluation)
    if not candidates:
        return direct("an axis has fewer points than the nodes that it needs: logits change too fast over the window")
    cost, interpolation, line = min(candidates, key=lambda candidate: candidate[0])
    costs = f"about {by_hand:.1e} multiply-adds direct, {cost:.1e} by interpolation"
    if method == "auto" and CLEARLY * cost > by_hand:
        return direct(costs)
    if line is not None:
        costs += f" of the samples compressed to {compression.count(line, asked)}"
    nodes = interpolation.s.nodes, interpolation.t.nodes
    return Choice(Plan("spectral", nodes, grown * interpolation.bound, costs), interpolation, line)


def direct(reason):
    return Choice(Plan("direct", None, 0.0, reason))


def interpolated(summary, s, t, asked, tol, evaluation):
    """((cost, interpolation, None), ...) of every way to interpolate what costs `evaluation` at a node."""
    sizes = spectral.sizes_of(summary.low, summary.high, s, t)
    ways = kept_ways if len(s) + len(t) <= MOST_KEPT else ways_of
    return ways(s.tobytes(), t.tobytes(), asked, sizes, tol, evaluation)


def ways_of(s, t, asked, sizes, tol, evaluation):
    """The same of axes in bytes."""
    s, t = np.frombuffer(s), np.frombuffer(t)
    ways = [spectral.interpolations]
    if evaluation > WORTH_TWO_STEPS:
        ways.append(spectral.nested_interpolations)
    found = [interpolation for way in ways for interpolation in way(s, t, asked, sizes, tol)]
    return tuple((cost_of(interpolation, s, t, asked, evaluation), interpolation, None) for interpolation in found)


kept_ways = functools.lru_cache(KEPT)(ways_of)


def compressed(samples, summary, s, t, asked, tol, evaluation):
    """The same with the samples compressed along a line; nothing if they aren't on one, or that isn't cheaper.

    What is interpolated then are sums over nodes, whose weights are up to `lebesgue` times those of the samples.
    """
    line = compression.line_through(summary, s, t, asked, tol / 2)
    if line is None or (cheaper := compression.count(line, asked) * ELEMENTWISE + LOGARITHM) > evaluation:
        return []
    if not compression.is_on(samples, line, summary, s, t):
        return []
    grown = spectral.lebesgue(line.nodes)
    compressing = MOMENT * compression.count(line, asked) * summary.n
    return [
        (cost + compressing, found._replace(bound=grown * found.bound + line.bound), line)
        for cost, found, _ in interpolated(summary, s, t, asked, tol / 2 / grown, cheaper)
    ]


def cost_of(interpolation, s, t, asked, evaluation):
    """Multiply-adds of evaluating at the nodes and interpolating."""
    along_s, along_t, _ = interpolation
    nodes_s, nodes_t = tiles(s, along_s) * along_s.nodes, tiles(t, along_t) * along_t.nodes
    filling = cost_of_fill(len(s), len(t), along_s.nodes, along_t.nodes, along_t.points)
    evaluations = nodes_s * nodes_t
    if along_s.across:
        filling += cost_of_fill(nodes_s, nodes_t, along_s.across, along_t.across, nodes_t)
        evaluations = along_s.across * along_t.across
    components = sum(QUANTITIES[name].components for name in asked.names)
    return SPECTRAL_AT_LEAST + evaluations * evaluation + components * filling


def tiles(axis, tiling):
    return -(-len(axis) // tiling.points)


def cost_of_fill(ns, nt, nodes_s, nodes_t, rows):
    """Multiply-adds of interpolating one value at nt x ns points, in tiles of `rows`."""
    bands = -(-nt // min(rows, BAND))
    return bands * nodes_t * nodes_s * ns + nt * ns * max(nodes_t, WRITE)


def cost_of_point(summary, weighted, asked):
    """Multiply-adds of all samples at one point, for all the quantities."""
    by_products = POLYNOMIAL if summary.low[2] == summary.high[2] else PRODUCT
    in_products = asked.loss == "bce" and not weighted
    products = in_products and "loss" in asked.names
    singly = not products or len(asked.names) > 1
    return summary.n * (products * by_products + singly * ELEMENTWISE) + LOGARITHM + singly * SUMS
