"""Surfaces interpolated on a device from values at Chebyshev nodes, by matrix products; on a card the last of them is a
kernel of Triton, which writes the surface.

Nodes and bases of an axis are kept for the next surface on it, as the host takes milliseconds to make them.
"""

import functools
from typing import NamedTuple

import numpy as np
import torch

from kernels.arguments.devices import has_triton
from kernels.mathematics import spectral
from kernels.mathematics.spectral import Tiling

KEPT = 8  # axes
MOST_KEPT = 2**20  # values of an axis that is kept and of its bases, 8 MB: 62 nodes of 16,384 points


class Weights(NamedTuple):
    """A `spectral.Basis` whose values are a tensor (nodes, n)."""

    values: torch.Tensor
    points: int


class Axis(NamedTuple):
    """An axis in ascending order.

    nodes     where along it samples are evaluated, a NumPy array that can't be written to
    steps     Weights by which values at the nodes are interpolated, one after the other
    places    of its points in the caller's order, a tensor
    in_order  whether these are 0, 1, ...
    """

    nodes: np.ndarray
    steps: tuple
    places: torch.Tensor
    in_order: bool


def axis_of(values: np.ndarray, tiling: Tiling, device: torch.device) -> Axis:
    """The Axis of an axis in any order, float64 NumPy, for a Tiling."""
    # a tensor that is dropped goes back to the stream that it was made on: that has to be the one that reads it
    stream = torch.cuda.current_stream(device).cuda_stream if device.type == "cuda" else None
    tiles = -(-len(values) // tiling.points)
    size = (tiling.nodes + 2) * len(values) + tiling.nodes * tiles * tiling.across  # 2: the axis itself and its places
    of_axis = kept_axis if size <= MOST_KEPT else made_axis
    return of_axis(values.tobytes(), tiling, device, stream)


def made_axis(data, tiling, device, stream):
    values = np.frombuffer(data)
    order = np.argsort(values, kind="stable")
    ascending = values[order]
    nodes = spectral.node_positions(ascending, tiling)
    nodes.flags.writeable = False
    bases = spectral.steps_along(ascending, tiling)
    steps = tuple(Weights(torch.from_numpy(basis.values).to(device), basis.points) for basis in bases)
    return Axis(nodes, steps, torch.from_numpy(order).to(device), bool((np.diff(order) > 0).all()))


kept_axis = functools.lru_cache(KEPT)(made_axis)


def fill(values, s, t, out, floor):
    """Interpolates values (nodes of t, nodes of s) along both axes to a surface (nt, ns), no less than `floor`."""
    *first, (along_s, along_t) = zip(s.steps, t.steps, strict=True)
    for across_s, across_t in first:
        values = to_rows(across_t, to_columns(across_s, values))
    values = to_columns(along_s, values)
    if has_triton(values):
        fill_by_triton(values, along_t, s, t, out, floor)
        return
    values = to_rows(along_t, values)
    if s.in_order and t.in_order:
        torch.maximum(values, values.new_full((), floor), out=out)  # in one pass; clamp doesn't cast
    else:
        out[t.places[:, None], s.places] = values.clamp_(min=floor).to(out.dtype)


def fill_by_triton(values, along_t, s, t, out, floor):
    from kernels.torch_cuda.triton import interpolate as triton_interpolate

    in_order = s.in_order and t.in_order
    triton_interpolate.fill(out, values, *along_t, t.places, s.places, in_order, floor)


def to_rows(weights, values):
    """Interpolates values (all nodes, columns) to (points, columns), each tile from its own nodes."""
    basis, points = weights
    nodes, length = basis.shape
    tiles, rest = divmod(length, points)
    out = values.new_empty(length, values.shape[1])
    if tiles:
        of_tiles = basis[:, : length - rest].view(nodes, tiles, points).permute(1, 2, 0)
        by_tiles = out[: length - rest].view(tiles, points, -1)
        torch.bmm(of_tiles, values[: tiles * nodes].view(tiles, nodes, -1), out=by_tiles)
    if rest:
        torch.matmul(basis[:, length - rest :].T, values[tiles * nodes :], out=out[length - rest :])
    return out


def to_columns(weights, values):
    """Interpolates values (rows, all nodes) to (rows, points), each tile from its own nodes."""
    basis, points = weights
    nodes, length = basis.shape
    tiles, rest = divmod(length, points)
    out = values.new_empty(len(values), length)
    if tiles:
        of_tiles, by_tiles = basis[:, : length - rest].view(nodes, tiles, points), out[:, : length - rest]
        at_nodes = values[:, : tiles * nodes].view(-1, tiles, nodes)
        by_tiles = by_tiles.view(-1, tiles, points).transpose(0, 1)
        torch.bmm(at_nodes.transpose(0, 1), of_tiles.transpose(0, 1), out=by_tiles)
    if rest:
        torch.matmul(values[:, tiles * nodes :], basis[:, length - rest :], out=out[:, length - rest :])
    return out
