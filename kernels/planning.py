"""Which method evaluates a surface: by shapes and data alone, so that it is the same everywhere."""

import numpy as np

from kernels import spectral
from kernels.results import Plan

COMPONENTS = {"loss": 1, "mse": 1, "gradient": 2, "hessian": 3}  # of what is interpolated; accuracy is counted
# Costs in multiply-adds, measured: one evaluation by polynomials, by products, and sample by sample; the logarithm of a
# product; writing one interpolated value; what interpolation takes at least.
POLYNOMIAL, PRODUCT, ELEMENTWISE = 1, 2, 40
LOGARITHM = 60
WRITE = 4
SPECTRAL_AT_LEAST = 50_000_000
CLEARLY = 2  # direct evaluation is exact: interpolation has to be this much cheaper


def plan(plane, y, weight, s, t, quantities, method, tol):
    """The Plan, and the Interpolation that it stands for or None; all arrays are checked, s and t in any order."""
    names = [name for name in quantities if name in COMPONENTS]
    if method == "direct" or tol == 0 or not names:
        return Plan("direct", None, 0.0, "every sample is evaluated at every point, as asked"), None
    evaluation = len(y) * cost_of_sample(plane, weight, names) + LOGARITHM
    direct = len(s) * len(t) * evaluation
    if method == "auto" and direct < CLEARLY * SPECTRAL_AT_LEAST:
        return Plan("direct", None, 0.0, f"about {direct:.1e} multiply-adds are quickly done"), None
    s, t = np.sort(s), np.sort(t)
    with np.errstate(over="ignore", invalid="ignore"):
        sizes = spectral.sizes_of(plane, weight, s, t)
        largest = max(spectral.largest_on_strip(name, sizes) / scale(name, plane, y, weight, s, t) for name in names)
    components = sum(COMPONENTS[name] for name in names)

    def cost(s_tiling, t_tiling):
        tiles_s, tiles_t = -(-len(s) // s_tiling.points), -(-len(t) // t_tiling.points)
        nodes = tiles_s * s_tiling.nodes * tiles_t * t_tiling.nodes
        bands = -(-len(t) // 64)
        along_s = bands * t_tiling.nodes * s_tiling.nodes * len(s)
        points = len(s) * len(t) * (t_tiling.nodes + WRITE)
        return SPECTRAL_AT_LEAST + nodes * evaluation + components * (along_s + points)

    found = spectral.interpolation(s, t, sizes, largest, tol, cost)
    if found is None:
        return Plan("direct", None, 0.0, "the logits change too fast over the window to be interpolated"), None
    indirect = cost(found.s, found.t)
    costs = f"about {direct:.1e} multiply-adds direct, {indirect:.1e} by interpolation"
    if method == "auto" and CLEARLY * indirect > direct:
        return Plan("direct", None, 0.0, costs), None
    return Plan("spectral", (found.s.nodes, found.t.nodes), found.bound, costs), found


def scale(name, plane, y, weight, s, t):
    """max(1, max|quantity|) where that is known beforehand: the loss is convex, so largest in a corner."""
    if name != "loss":
        return 1.0
    p, q, r = plane
    z = [p + corner_s * q + corner_t * r for corner_s in (s[0], s[-1]) for corner_t in (t[0], t[-1])]
    losses = [y * np.logaddexp(0, -one) + (1 - y) * np.logaddexp(0, one) for one in z]
    return max(1.0, *(float(np.average(loss, weights=weight)) for loss in losses))


def cost_of_sample(plane, weight, names):
    """Multiply-adds of one sample at one point, for all the quantities."""
    slopes = plane[2]
    by_products = POLYNOMIAL if (slopes == slopes[0]).all() else PRODUCT
    others = [name for name in names if name != "loss" or weight is not None]
    return ("loss" in names and weight is None) * by_products + bool(others) * ELEMENTWISE
