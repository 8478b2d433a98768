"""Which method evaluates a surface: by shapes and data alone, so that it is the same everywhere.

Costs are those of the CPU wherever the samples are, or a plan on a card would be another one.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from kernels.arguments.samples import Group, Summary
from kernels.mathematics import compression, spectral
from kernels.quantities import QUANTITIES, Asked
from kernels.results import Plan
from kernels.workers.runner import HERE, Runner

# Costs in multiply-adds of interpolation, of which 20 take a nanosecond, by times of the kernels on two threads of a
# Xeon at 2.5 GHz; `bench/test_surface.py` and `bench/test_plane.py` show what a plan costs and what it saves.
POLYNOMIAL = 1  # an evaluation where t moves all logits alike: a step of Horner's rule
PRODUCT = 2  # one on a general plane: a factor of two tables, and a step of the product
ELEMENTWISE = 40  # one by itself: an exponential and what is made of it
LOGARITHM = 90  # of a product, with storing what it gives: 60 by AVX-512, 140 by AVX2
SUMS = 1000  # of what goes sample by sample: reading and writing compensated sums for each chunk
WRITE = 15  # a value of a surface
MOMENT = 2  # a sample to a Chebyshev moment
SPECTRAL_FIXED_COST = 20_000_000  # what interpolation takes at least: making nodes and bases, and more launches
NESTED_FROM_COST = 200  # of a node: interpolating it takes about as much
DIRECT_BIAS = 2  # direct evaluation is exact: interpolation has to be so many times cheaper
QUICKLY_DONE = DIRECT_BIAS * SPECTRAL_FIXED_COST  # what direct evaluation costs where no other way is looked for
BAND = 256  # rows that are interpolated along s at once, at the most
KEPT = 16  # lists of ways to interpolate, each of which takes about a millisecond
MOST_KEPT = 2**15  # points of both axes of such a list, which are kept and compared


class Choice(NamedTuple):
    """A Plan and what carries it out: no interpolation when direct, no line where samples aren't compressed."""

    plan: Plan
    interpolation: spectral.Interpolation | None = None
    line: compression.Line | None = None


Candidate: TypeAlias = tuple[int, spectral.Interpolation, compression.Line | None]  # and its cost


def choose(group: Group, s: np.ndarray, t: np.ndarray, method: str, tol: float, runner: Runner = HERE) -> Choice:
    """The method for a Group of quantities and samples, on checked axes in any order."""
    samples, summary, asked, amplified = group
    if len(asked.names) > 1 or not QUANTITIES[asked.names[0]].smooth:
        asked = asked.smooth
    evaluation = cost_of_point(summary, samples.weighted, asked)
    direct_cost = len(s) * len(t) * evaluation
    if choice := without_search("direct" if not asked.names else method, tol, direct_cost):
        return choice
    s, t = np.sort(s), np.sort(t)
    target = tol / amplified  # for weights whose sum is what sums are divided by
    candidates: Sequence[Candidate] = compressed(group, s, t, asked, target, evaluation, runner)
    candidates = candidates or interpolated(summary, s, t, asked, target, evaluation)
    if not candidates:
        return direct("an axis has fewer points than the nodes that it needs: logits change too fast over the window")
    cost, interpolation, line = min(candidates, key=lambda candidate: candidate[0])
    costs = f"about {direct_cost:.1e} multiply-adds direct, {cost:.1e} by interpolation"
    if method == "auto" and DIRECT_BIAS * cost > direct_cost:
        return direct(costs)
    if line is not None:
        costs += f" of the samples compressed to {compression.count(line, asked)}"
    nodes = interpolation.s.nodes, interpolation.t.nodes
    return Choice(Plan("spectral", nodes, amplified * interpolation.bound, costs), interpolation, line)


@functools.lru_cache(KEPT)  # its words take a microsecond
def without_search(method: str, tol: float, direct_cost: int) -> Choice | None:
    """Direct evaluation where no other way is looked for, or None."""
    if method == "direct" or tol == 0:
        return direct("every sample is evaluated at every point, as asked")
    if method == "auto" and direct_cost < QUICKLY_DONE:
        return direct(f"about {direct_cost:.1e} multiply-adds are quickly done")
    return None


def direct(reason: str) -> Choice:
    return Choice(Plan("direct", None, 0.0, reason))


def interpolated(
    summary: Summary, s: np.ndarray, t: np.ndarray, asked: Asked, tol: float, evaluation: int
) -> Sequence[Candidate]:
    """((cost, interpolation, None), ...) of every way to interpolate what costs `evaluation` at a node."""
    sizes = spectral.sizes_of(summary.low, summary.high, s, t)
    ways = kept_ways if len(s) + len(t) <= MOST_KEPT else ways_of
    return ways(s.tobytes(), t.tobytes(), asked, sizes, tol, evaluation)


def ways_of(
    s_bytes: bytes, t_bytes: bytes, asked: Asked, sizes: spectral.Sizes, tol: float, evaluation: int
) -> tuple[Candidate, ...]:
    """The same of axes in bytes."""
    s, t = np.frombuffer(s_bytes), np.frombuffer(t_bytes)
    ways = [spectral.interpolations]
    if evaluation > NESTED_FROM_COST:
        ways.append(spectral.nested_interpolations)
    found = [interpolation for way in ways for interpolation in way(s, t, asked, sizes, tol)]
    return tuple((cost_of(interpolation, s, t, asked, evaluation), interpolation, None) for interpolation in found)


kept_ways = functools.lru_cache(KEPT)(ways_of)


def compressed(
    group: Group, s: np.ndarray, t: np.ndarray, asked: Asked, tol: float, evaluation: int, runner: Runner
) -> list[Candidate]:
    """The same with the samples compressed along a line; nothing if they aren't on one, or that isn't cheaper.

    What is interpolated then are sums over nodes, whose weights are up to `lebesgue` times those of the samples.
    """
    if evaluation < ELEMENTWISE + LOGARITHM:  # one node is no cheaper
        return []
    summary = group.summary
    line = compression.line_through(summary, s, t, asked, tol / 2)
    if line is None or (compressed_cost := compression.count(line, asked) * ELEMENTWISE + LOGARITHM) > evaluation:
        return []
    if not compression.is_on(group.samples, line, summary, s, t, runner):
        return []
    amplified = spectral.lebesgue(line.nodes)
    compressing = MOMENT * compression.count(line, asked) * summary.n
    return [
        (cost + compressing, found._replace(bound=amplified * found.bound + line.bound), line)
        for cost, found, _ in interpolated(summary, s, t, asked, tol / 2 / amplified, compressed_cost)
    ]


def cost_of(interpolation: spectral.Interpolation, s: np.ndarray, t: np.ndarray, asked: Asked, evaluation: int) -> int:
    """Multiply-adds of evaluating at the nodes and interpolating."""
    along_s, along_t, _ = interpolation
    nodes_s, nodes_t = tiles(s, along_s) * along_s.nodes, tiles(t, along_t) * along_t.nodes
    filling = cost_of_fill(len(s), len(t), along_s.nodes, along_t.nodes, along_t.points)
    evaluations = nodes_s * nodes_t
    if along_s.across:
        filling += cost_of_fill(nodes_s, nodes_t, along_s.across, along_t.across, nodes_t)
        evaluations = along_s.across * along_t.across
    components = sum(QUANTITIES[name].components for name in asked.names)
    return SPECTRAL_FIXED_COST + evaluations * evaluation + components * filling


def tiles(axis: np.ndarray, tiling: spectral.Tiling) -> int:
    return -(-len(axis) // tiling.points)


def cost_of_fill(ns: int, nt: int, nodes_s: int, nodes_t: int, rows: int) -> int:
    """Multiply-adds of interpolating one value at nt x ns points, in tiles of `rows`."""
    bands = -(-nt // min(rows, BAND))
    return bands * nodes_t * nodes_s * ns + nt * ns * max(nodes_t, WRITE)


def cost_of_point(summary: Summary, weighted: bool, asked: Asked) -> int:
    """Multiply-adds of all samples at one point, for all the quantities."""
    in_products = asked.loss == "bce" and not weighted
    products = in_products and "loss" in asked.names
    singly = not products or len(asked.names) > 1
    elementwise = summary.n * ELEMENTWISE + SUMS if singly else 0
    bias_axis = bool(summary.low[2] == summary.high[2])
    return elementwise + (cost_of_products(summary.n, bias_axis) if products else LOGARITHM)


def cost_of_products(n: int, bias_axis: bool) -> int:
    """That of the cross-entropy without weights, where t moves all logits alike or not."""
    return n * (POLYNOMIAL if bias_axis else PRODUCT) + LOGARITHM
