"""How large the work is: on a card, where it is only to be compiled, and on CPU tensors that stand in."""

from typing import NamedTuple


class Sizes(NamedTuple):
    """
    moved, side, lanes, steps  of limits: bytes, rows of a matrix, elements of a loop and how often it goes round
    points, samples            of surfaces: points of each axis; few and many samples
    plane_points               of a direct plane of many samples
    pass_bytes, features       of passes: bytes of X, and d
    epochs, runs               of the lab's run and of others: (samples, d, batch_size)
    starts, peer_starts        of ensembles: ours, and as many as eager PyTorch has memory for
    peer_evaluations           samples at points that eager PyTorch has memory for
    variants                   how many values of each constant are tried
    """

    moved: int
    side: int
    lanes: int
    steps: int
    points: tuple
    samples: tuple
    plane_points: int
    pass_bytes: int
    features: tuple
    epochs: int
    runs: tuple
    starts: int
    peer_starts: int
    peer_evaluations: int
    variants: int | None


FULL = Sizes(
    moved=2**30,
    side=2**13,
    lanes=2**22,
    steps=2**12,
    points=(4096, 16384),
    samples=(20, 100_000),
    plane_points=1024,
    pass_bytes=2**30,
    features=(1, 8, 32, 33, 128, 1024),
    epochs=100,
    runs=((10_000, 30, 32), (10_000, 128, 256)),
    starts=10**7,
    peer_starts=10**6,
    peer_evaluations=2**28,
    variants=None,
)
# The same kernels, as constants, alignments and plans are; passes in full, as torch.compile makes a kernel for each n.
TO_COMPILE = FULL._replace(
    points=FULL.points[:1], plane_points=256, starts=2**12, peer_starts=2**10, peer_evaluations=2**20
)
SMALL = Sizes(
    moved=2**16,
    side=2**5,
    lanes=2**11,
    steps=2**3,
    points=(64, 96),
    samples=(20, 100),
    plane_points=24,
    pass_bytes=2**14,
    features=(1, 8, 33),
    epochs=2,
    runs=((64, 5, 8),),
    starts=100,
    peer_starts=64,
    peer_evaluations=2**14,
    variants=1,
)
