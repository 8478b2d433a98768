"""Surfaces on the device of the samples, by torch.compile and, on a card, by Triton.

The unweighted cross-entropy goes by products, whose factors are kept from overflow, everything else sample by sample.
What is smooth may be interpolated, from samples that may be compressed.
"""

from collections.abc import Collection

import numpy as np
import torch

from kernels.arguments.blocks import Block, broadcast
from kernels.arguments.devices import has_triton
from kernels.arguments.ranges import Summary
from kernels.kinds import Advance
from kernels.mathematics import compression
from kernels.mathematics.compression import Line
from kernels.quantities import Asked
from kernels.torch_cuda.graphs import interpolate, terms
from kernels.torch_cuda.graphs.compiled import padded, round_up
from kernels.torch_cuda.graphs.interpolate import axis_of as axis_of

# By device: evaluations and samples in one launch, values in a table of the samples at the points of s, and samples of
# which moments are taken at once. A launch is well under 0.1 s, so that Ctrl-C is answered; on the CPU a table stays in
# the cache; on a card evaluations are below 2^31, from where on a graph is compiled anew, for 64-bit indices.
EVALUATIONS = {"cpu": 2**25, "cuda": 2**30}
MOST_SAMPLES = {"cpu": 2**12, "cuda": 2**17}
TABLE = {"cpu": 2**16, "cuda": 2**22}
MOMENT_SAMPLES = {"cpu": 2**14, "cuda": 2**17}
MOMENT_PARTS = 16  # into which those are cut: each moment of a part is a sum by threads of its own
TABLE_OF_ROWS = 2**22  # values in a table at the points of t, 32 MB


def passes(names: Collection[str], loss: str, weighted: bool) -> Collection[str]:
    """The quantities that are evaluated in a pass over the samples each."""
    return names


def evaluate(
    block: Block,
    summary: Summary,
    s: np.ndarray,
    t: np.ndarray,
    outputs: dict[str, torch.Tensor],
    loss: str,
    advance: Advance,
) -> None:
    """Writes sums over a block, divided by the weight of a summary, to `outputs`, {quantity: tensor}, float32 or
    float64, every sample at every point.

    block    NumPy arrays or tensors; of the summary the ranges are read too
    s, t     axes, float64 NumPy arrays
    loss     its name
    advance  told of evaluations, points times samples, of each quantity
    """
    for name, out in outputs.items():
        margin = largest_margin(summary, s, t)
        rows = rows_at_once(summary, s, out.device)
        if margin > terms.MOST_EXPONENT:
            rows = rows_within(largest(summary)[2] * t, rows)
        if (name, loss) != ("loss", "bce") or block.weight is not None or rows is None:
            evaluate_singly(block, summary, s, t, terms.ADD[loss][name], out, advance)
        else:
            evaluate_products(block, summary, s, t, rows, margin, out, advance)


def largest(summary):
    """max |p|, max |q|, max |r|"""
    return np.maximum(np.abs(summary.low), np.abs(summary.high))


def largest_margin(summary, s, t):
    """max |p| + |s q| + |t r|, or somewhat more."""
    p, q, r = largest(summary)
    with np.errstate(over="ignore"):
        return p + q * np.abs(s).max() + r * np.abs(t).max()


def samples_at_once(summary, s, device):
    return min(MOST_SAMPLES[device.type], round_up(max(1, TABLE[device.type] // round_up(len(s)))), round_up(summary.n))


def rows_at_once(summary, s, device):
    n = samples_at_once(summary, s, device)
    return round_up(max(1, min(EVALUATIONS[device.type] // (n * round_up(len(s))), TABLE_OF_ROWS // n)))


def rows_within(margins, rows):
    """At most so many rows, so few that `margins` (nt,) of those evaluated at once are within MOST_OFF_CENTRE of their
    middle; None for too few."""
    while any(np.ptp(margins[row : row + rows]) > 2 * terms.MOST_OFF_CENTRE for row in range(0, len(margins), rows)):
        if rows == round_up(1):
            return None
        rows = round_up(rows // 2)
    return rows


def evaluate_singly(block, summary, s, t, add, out, advance):
    """Sums in float64 over pieces of a block and bands of rows, sample by sample, by a kernel `add`."""
    components = out.shape[:-2] or (1,)
    axis_s, bands, totals = sums_over(s, t, rows_at_once(summary, s, out.device), components, out.device)
    for *fields, class_sign, smoothing, weight in pieces(block, summary, s, out.device):
        length = round_up(len(class_sign))
        offset, *slopes = (padded(field, length) for field in fields)
        of_samples = [padded(values, length) for values in (class_sign, smoothing, weight)]
        along_s = logits(offset, slopes[0], axis_s)
        for total, band in zip(totals, bands, strict=True):
            along_t = logits(None, slopes[1], padded(band, total.shape[1]))
            add(total, along_s, along_t, *of_samples, *slopes)
            advance(len(class_sign) * len(s) * len(band))
    write_means(totals, bands, summary, out)


def evaluate_products(block, summary, s, t, rows, margin, out, advance):
    """The unweighted cross-entropy, by sums of log(1 + e^-m) over pieces of a block and bands of `rows`, |m| at most
    `margin`."""
    axis_s, bands, totals = sums_over(s, t, rows, (1,), out.device)
    linear = axis_s.new_zeros(3)
    for *fields, class_sign, smoothing, _ in pieces(block, summary, s, out.device):
        n, negative = len(class_sign), [-class_sign * field for field in fields]  # of margins: -m = p + s q + t r
        linear += torch.stack([(smoothing * field).sum() for field in negative])
        of_samples = n, *(padded(field, round_up(n)) for field in negative)
        for total, band in zip(totals, bands, strict=True):
            rest = padded(band, total.shape[1])
            if margin <= terms.MOST_MARGIN:
                add_products(total, of_samples, axis_s, rest)
            else:
                centre = (band.min() + band.max()) / 2 if margin > terms.MOST_EXPONENT else 0.0
                add_hinged_products(total, of_samples, axis_s, rest, centre)
            advance(n * len(s) * len(band))
    for total, band in zip(totals, bands, strict=True):
        along_t = linear[0] + linear[2] * padded(band, total.shape[1])
        total -= along_t[:, None] + linear[1] * axis_s
    write_means(totals, bands, summary, out)


def add_products(total, of_samples, s, t):
    n, p, q, r = of_samples
    a, b = logits(p, q, s).exp_(), logits(None, r, t).exp_()
    a[n:] = 0.0
    if has_triton(total):
        triton_module().add_products(total, a, b)
    else:
        terms.add_products(total, by_factors(a), by_factors(b))


def add_hinged_products(total, of_samples, s, t, centre):
    """Negative margins are u + v, u = p + s q + centre r and v = (t - centre) r."""
    n, p, q, r = of_samples
    u, v = logits(p + centre * r, q, s), logits(None, r, t - centre)
    a, b, a_inverse, b_inverse = u.exp(), v.exp(), (-u).exp_(), (-v).exp_()
    a[n:], a_inverse[n:] = 0.0, 0.0
    tables = u, v, a, b, a_inverse, b_inverse
    if has_triton(total):
        triton_module().add_hinged_products(total, *tables)
    else:
        terms.add_hinged_products(total, *map(by_factors, tables))


def triton_module():
    from kernels.torch_cuda.triton import surface as triton_surface

    return triton_surface


def sums_over(s, t, rows, components, device):
    """Both axes on the device, t in bands of rows, and zeros for the sums over each band (components, rows, ns); sizes
    are padded, but for those of the bands."""
    axis_s, bands = padded(to_device(device, s), round_up(len(s))), to_device(device, t).split(rows)
    return axis_s, bands, [axis_s.new_zeros(*components, round_up(len(band)), len(axis_s)) for band in bands]


def pieces(block, summary, s, device):
    """p, q, r, class_sign, smoothing and weight (n,) of some samples after others, as many as are evaluated at once."""
    at_once = samples_at_once(summary, s, device)
    p, q, r, y, weight = (to_device(device, field) for field in block)
    for start in range(0, len(y), at_once):
        some = slice(start, start + at_once)
        labels = y[some]
        fields = [field[some] if len(field) == len(y) else field.expand(len(labels)) for field in (p, q, r)]
        own = torch.ones_like(labels) if weight is None else weight[some]
        yield *fields, torch.where(labels > 0.5, 1.0, -1.0), torch.minimum(labels, 1 - labels), own


def write_means(totals, bands, summary, out):
    row, share = 0, 1.0 / summary.weight
    for total, band in zip(totals, bands, strict=True):
        means = total[:, : len(band), : out.shape[-1]] * share
        out[..., row : row + len(band), :] = means if out.ndim == 3 else means[0]
        row += len(band)


def to_device(device, values):
    """Values of a block, or None, as a float64 tensor."""
    if values is None or isinstance(values, torch.Tensor):
        return values
    return torch.from_numpy(values if values.flags.writeable else values.copy()).to(device)


def logits(offset, slope, axis):
    """offset + slope axis (n, points), the product rounded before the sum; no offset for None."""
    product = torch.outer(slope, axis)
    return product if offset is None else product.add_(offset[:, None])


def by_factors(values):
    """(n, points) as (n / FACTORS, FACTORS, points)."""
    return values.view(-1, terms.FACTORS, values.shape[1])


# Interpolation


def empty_values(like: torch.Tensor, s: interpolate.Axis, t: interpolate.Axis) -> torch.Tensor:
    """A tensor (..., nodes of t, nodes of s) for an output (..., nt, ns)."""
    return like.new_empty(*like.shape[:-2], len(t.nodes), len(s.nodes), dtype=torch.float64)


def fill(values: torch.Tensor, s: interpolate.Axis, t: interpolate.Axis, out: torch.Tensor, floor: float) -> None:
    """Interpolates values at the nodes of both axes to `out` (..., nt, ns), not below `floor`."""
    for node_values, surface in zip(in_three(values), in_three(out), strict=True):
        interpolate.fill(node_values, s, t, surface, floor)


def in_three(values):
    """(k, nt, ns) of (nt, ns) or (k, nt, ns), without a copy."""
    return values[None] if values.ndim == 2 else values


def compressed_samples(line: Line, asked: Asked) -> int:
    """How many nodes are evaluated in place of all samples: each class has its own."""
    return 2 * line.nodes


def moments(block: Block, line: Line, asked: Asked, advance: Advance) -> np.ndarray:
    """Moments of a block along a line, as `evaluate_compressed` takes their sums, on the host; `advance` is told of
    samples."""
    of_classes, softness = moments_of(block, line, advance)
    return np.append(of_classes, softness)


def evaluate_compressed(
    moments: np.ndarray,
    summary: Summary,
    s: np.ndarray,
    t: np.ndarray,
    outputs: dict[str, torch.Tensor],
    loss: str,
    line: Line,
    advance: Advance,
) -> None:
    """`evaluate` of all samples, compressed along a line to weighted nodes of each class, by the sums of their
    moments."""
    of_classes, softness = moments[:-1].reshape(2, -1), float(moments[-1])
    nodes = compression.nodes_of_line(of_classes, line, True)
    summary = summary._replace(n=len(nodes.y), blocks=1)
    evaluate(nodes, summary, s, t, outputs, loss, advance)
    compression.subtract_softness(outputs, Asked(tuple(outputs), loss), softness, summary.weight)


def moments_of(block, line, advance):
    """The moments of each class (2, nodes), of which a soft label is in both, and the sum of weight y (1 - y)."""
    block = Block(*(to_device("cpu", field) for field in broadcast(block)))
    device = block.y.device
    degrees = torch.arange(round_up(line.nodes), dtype=torch.float64, device=device)
    moments, softness = degrees.new_zeros(2, len(degrees), MOMENT_PARTS), degrees.new_zeros(())
    middle, half_width = line.middle[line.field], line.direction[line.field] or 1.0
    field, y, weight = block[line.field], block.y, block.weight
    xi = ((field - middle) / half_width).clamp(-1.0, 1.0)
    own = torch.ones_like(y) if weight is None else weight
    angles, masses = xi.acos(), torch.stack([own * (1 - y), own * y], dim=1)
    softness += (masses[:, 1] * (1 - y)).sum()
    at_once = MOMENT_SAMPLES[device.type]
    for start in range(0, len(y), at_once):
        some = slice(start, min(start + at_once, len(y)))
        length = MOMENT_PARTS * round_up(-(-(some.stop - some.start) // MOMENT_PARTS))
        parts = padded(angles[some], length), padded(masses[some], length).T.contiguous()
        terms.add_moments(moments, degrees, *(part.unflatten(-1, (MOMENT_PARTS, -1)) for part in parts))
        advance(some.stop - start)
    return moments.sum(-1)[:, : line.nodes].cpu().numpy(), float(softness)
