"""What samples add to the quantities of a surface, in graphs without an array of grid x samples.

Logits are z = u + v, with u = p + s q (n, ns) and v = t r (n, nt) made beforehand: nothing is left that a compiler
could contract to a fused multiply-add, so that z > 0 is the class that the contract promises. A label y is a class and
a distance y' = min(y, 1 - y) from it; m is the margin, sign z, with sign -1 for class 1. With e = exp(-|z|), one
exponential gives sigma(m) and 1 - sigma(m) as 1 / (1 + e) and e / (1 + e), and softplus(m) as max(m, 0) + log(1 + e);
nothing cancels.
"""

import math

import torch

from kernels.torch_cuda.graphs.compiled import MULTIPLE, inlined

LOG2_E = math.log2(math.e)
FACTORS = MULTIPLE  # of a product of 1 + e^m
MOST_MARGIN = 80.0  # so many factors 1 + e^m of it are far from overflow
MOST_EXPONENT = 700.0  # e to it, or to minus it, neither overflows nor underflows
# Samples, rows and columns, and samples and nodes, by which a graph's blocks on a card are chosen; not measured. Above
# 2**31 evaluations indices would have 64 bits.
LIKELY_GRID = 2**10, 2**10, 2**10
LIKELY_MOMENTS = 2**14, 2**9
MOST_OFF_CENTRE = 30.0  # of larger margins: what underflows, times e to it, is still below all that counts


@inlined
def add_products(total, a, b):
    """Adds sum_n log(1 + e^m_n) to `total` (1, nt, ns), with e^m = a b from a (n / FACTORS, FACTORS, ns) and b
    (n / FACTORS, FACTORS, nt).

    The product less 1 is carried, h + g + h g of each factor 1 + g, so that small losses keep their digits.
    """
    h = a[:, 0, None, :] * b[:, 0, :, None]
    for k in range(1, FACTORS):
        g = a[:, k, None, :] * b[:, k, :, None]
        h = h + (g + h * g)
    total.add_(torch.log1p(h).sum(0))


@inlined
def add_hinged_products(total, u, v, a, b, a_inverse, b_inverse):
    """The same of larger margins m = u + v, as the sum of max(m, 0) + log(1 + e^-|m|), and e^-|m| is the lesser of a b
    and its inverse. All are (n / FACTORS, FACTORS, ns) or (n / FACTORS, FACTORS, nt)."""
    h = hinge = torch.zeros_like(total)
    for k in range(FACTORS):
        s, t = (slice(None), k, None, slice(None)), (slice(None), k, slice(None), None)
        g = torch.minimum(a[s] * b[t], a_inverse[s] * b_inverse[t])
        h = h + (g + h * g)
        hinge = hinge + (u[s] + v[t]).clamp(min=0.0)
    total.add_((torch.log1p(h) + hinge).sum(0))


def margins(u, v, sign):
    """m (n, nt, ns)"""
    return sign[:, None, None] * (u[:, None, :] + v[:, :, None])


def sigmoids(u, v, sign, distance):
    """e = exp(-|m|) (n, nt, ns), and the derivatives sigma(m) - y' of the loss by m."""
    m = margins(u, v, sign)
    e = torch.exp2(-LOG2_E * m.abs())  # on the CPU Inductor writes to memory an exp that is used twice
    return e, torch.where(m > 0, 1.0, e) / (1.0 + e) - distance[:, None, None]


def of_grid(function):
    """A kernel of `total` (components, nt, ns), u, v and five values of each sample (n,)."""
    n, nt, ns = LIKELY_GRID
    return inlined(function, ((None, nt, ns), (n, ns), (n, nt), *[(n,)] * 5))


@of_grid
def add_losses(total, u, v, sign, distance, weight, q, r):
    m = margins(u, v, sign)
    off = distance[:, None, None]
    loss = m.clamp(min=0.0) + torch.log1p(torch.exp(-m.abs())) - torch.where(off > 0, off * m, 0.0)
    total.add_((loss * weight[:, None, None]).sum(0))


@of_grid
def add_squared_errors(total, u, v, sign, distance, weight, q, r):
    _, error = sigmoids(u, v, sign, distance)
    total.add_((error * error * weight[:, None, None]).sum(0))


@of_grid
def add_gradients(total, u, v, sign, distance, weight, q, r):
    _, error = sigmoids(u, v, sign, distance)
    slope = error * (sign * weight)[:, None, None]
    total[0].add_((slope * q[:, None, None]).sum(0))
    total[1].add_((slope * r[:, None, None]).sum(0))


@of_grid
def add_hessians(total, u, v, sign, distance, weight, q, r):
    e, _ = sigmoids(u, v, sign, distance)
    curvature = e / ((1.0 + e) * (1.0 + e)) * weight[:, None, None]
    along_s, along_t = curvature * q[:, None, None], curvature * r[:, None, None]
    total[0].add_((along_s * q[:, None, None]).sum(0))
    total[1].add_((along_s * r[:, None, None]).sum(0))
    total[2].add_((along_t * r[:, None, None]).sum(0))


@of_grid
def add_correct(total, u, v, sign, distance, weight, q, r):
    predicted = u[:, None, :] + v[:, :, None] > 0
    correct = predicted == (sign < 0)[:, None, None]
    total.add_(torch.where(correct, weight[:, None, None], 0.0).sum(0))


ADDING = {
    "loss": add_losses,
    "mse": add_squared_errors,
    "accuracy": add_correct,
    "gradient": add_gradients,
    "hessian": add_hessians,
}


def of_moments(function):
    """A kernel of `total` (2, nodes, parts), degrees, angles (parts, n) and masses (2, parts, n)."""
    n, nodes = LIKELY_MOMENTS
    return inlined(function, ((None, nodes), (nodes,), (None, n), (None, None, n)))


@of_moments
def add_moments(total, degrees, angles, masses):
    """Adds sum_n mass_n T_j(xi_n), of the Chebyshev polynomials of these degrees, to `total` (2, nodes, parts), with
    xi = cos(angle) from angles (parts, n) and masses (2, parts, n)."""
    polynomials = torch.cos(degrees[:, None, None] * angles)
    total.add_((polynomials * masses[:, None]).sum(-1))
