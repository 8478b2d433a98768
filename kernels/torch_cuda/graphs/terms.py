"""What samples add to the quantities of a surface, in graphs without an array of grid x samples.

Logits are z = u + v, with u = p + s q (n, ns) and v = t r (n, nt) made beforehand: nothing is left that a compiler
could contract to a fused multiply-add, so that z > 0 is the class that the contract promises. The losses are
those of `kernels.losses`, of margins m = class_sign z and the smoothing of the labels.
"""

import math

import torch

from kernels.losses import LOSSES
from kernels.quantities import ROWS
from kernels.torch_cuda.graphs.compiled import compile_fused
from kernels.torch_cuda.graphs.losses import parts_of
from kernels.torch_cuda.sizes import FACTORS

LOG2_E = math.log2(math.e)
MOST_MARGIN = 80.0  # so many factors 1 + e^-m of it are far from overflow
MOST_EXPONENT = 700.0  # e to it, or to minus it, neither overflows nor underflows
# Samples, rows and columns, and samples and nodes, by which a graph's blocks on a card are chosen; not measured. Above
# 2**31 evaluations indices would have 64 bits.
LIKELY_GRID = 2**10, 2**10, 2**10
LIKELY_MOMENTS = 2**14, 2**9
MOST_OFF_CENTRE = 30.0  # of larger margins: what underflows, times e to it, is still below all that counts


@compile_fused
def add_products(total, a, b):
    """Adds sum_n log(1 + e^-m_n) to `total` (1, nt, ns), with e^-m = a b from a (n / FACTORS, FACTORS, ns) and b
    (n / FACTORS, FACTORS, nt).

    The product less 1 is carried, h + g + h g of each factor 1 + g, so that small losses keep their digits.
    """
    h = a[:, 0, None, :] * b[:, 0, :, None]
    for k in range(1, FACTORS):
        g = a[:, k, None, :] * b[:, k, :, None]
        h = h + (g + h * g)
    total.add_(torch.log1p(h).sum(0))


@compile_fused
def add_hinged_products(total, u, v, a, b, a_inverse, b_inverse):
    """The same of larger margins, -m = u + v, as the sum of max(-m, 0) + log(1 + e^-|m|); e^-|m| is the lesser of a b
    and its inverse. All are (n / FACTORS, FACTORS, ns) or (n / FACTORS, FACTORS, nt)."""
    h = hinge = torch.zeros_like(total)
    for k in range(FACTORS):
        s, t = (slice(None), k, None, slice(None)), (slice(None), k, slice(None), None)
        g = torch.minimum(a[s] * b[t], a_inverse[s] * b_inverse[t])
        h = h + (g + h * g)
        hinge = hinge + (u[s] + v[t]).clamp(min=0.0)
    total.add_((torch.log1p(h) + hinge).sum(0))


def parts_of_grid(u, v, class_sign, smoothing):
    """Parts (n, nt, ns)"""
    m = class_sign[:, None, None] * (u[:, None, :] + v[:, :, None])
    e = torch.exp2(-LOG2_E * m.abs())  # on the CPU Inductor writes to memory an exp that is used twice
    return parts_of(m, e, smoothing[:, None, None])


def add_values(total, of, loss, class_sign, weight, q, r):
    total.add_((loss.value(of) * weight).sum(0))


def add_gradients(total, of, loss, class_sign, weight, q, r):
    slope = loss.slope(of) * (class_sign * weight)
    total[0].add_((slope * q).sum(0))
    total[1].add_((slope * r).sum(0))


def add_hessians(total, of, loss, class_sign, weight, q, r):
    curvature = loss.curvature(of) * weight
    along_s, along_t = curvature * q, curvature * r
    total[0].add_((along_s * q).sum(0))
    total[1].add_((along_s * r).sum(0))
    total[2].add_((along_t * r).sum(0))


def compile_sums(add):
    """A kernel of `total` (components, nt, ns), u, v and five values of each sample (n,)."""
    n, nt, ns = LIKELY_GRID
    return compile_fused(add, ((None, nt, ns), (n, ns), (n, nt), *[(n,)] * 5))


def compile_derivative(order, loss):
    """A kernel that adds a derivative, by its order, of the row of a loss."""
    add = (add_values, add_gradients, add_hessians)[order]

    def add_to(total, u, v, class_sign, smoothing, *factors):
        of = parts_of_grid(u, v, class_sign, smoothing)
        add(total, of, loss, *(values[:, None, None] for values in (class_sign, *factors)))

    return compile_sums(add_to)


@compile_sums
def add_correct(total, u, v, class_sign, smoothing, weight, q, r):
    """Adds the weights of the samples that are classified correctly."""
    predicted = u[:, None, :] + v[:, :, None] > 0
    correct = predicted == (class_sign > 0)[:, None, None]
    total.add_(torch.where(correct, weight[:, None, None], 0.0).sum(0))


# {loss: {quantity: kernel}}. Quantities that aren't of the loss have the same kernel for every one.
ADD = {
    name: {quantity.name: compile_derivative(quantity.derivative, loss) for quantity in ROWS if quantity.of_loss}
    for name, loss in LOSSES.items()
}
for kernels in ADD.values():
    kernels |= {"mse": ADD["mse"]["loss"], "accuracy": add_correct, "balanced_accuracy": add_correct}


def compile_moments(function):
    """A kernel of `total` (2, nodes, parts), degrees, angles (parts, n) and masses (2, parts, n)."""
    n, nodes = LIKELY_MOMENTS
    return compile_fused(function, ((None, nodes), (nodes,), (None, n), (None, None, n)))


@compile_moments
def add_moments(total, degrees, angles, masses):
    """Adds sum_n mass_n T_j(xi_n), of the Chebyshev polynomials of these degrees, to `total` (2, nodes, parts), with
    xi = cos(angle) from angles (parts, n) and masses (2, parts, n)."""
    polynomials = torch.cos(degrees[:, None, None] * angles)
    total.add_((polynomials * masses[:, None]).sum(-1))
