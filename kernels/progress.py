"""Progress of long calls: a callable `done, total`, or a tqdm bar."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

from kernels.kinds import Advance, Progress, Report


def silent(done: int, total: int) -> None:
    pass


def nothing(more: int) -> None:
    pass


SILENT = nullcontext(silent)


def reporter(progress: Progress) -> AbstractContextManager[Report]:
    """A context that gives the callable to report to, for the argument `progress` of a public function."""
    if progress is None or progress is False:
        return SILENT
    if progress is True:
        return tqdm_bar()
    if callable(progress):
        return nullcontext(progress)
    raise TypeError(f"progress is {progress!r}; accepted: None, True or a callable (done, total)")


def counted(progress: Report, total: int) -> Advance:
    """A function that takes what was done since its last call, for a `progress` that takes the sum and the total."""
    if progress is silent:
        return nothing
    done = 0

    def advance(more: int) -> None:
        nonlocal done
        done += more
        progress(done, total)

    return advance


def in_parts(progress: Report, sizes: Sequence[int]) -> list[Report]:
    """Callables for the parts of a call, one after the other, for a `progress` of the whole; each counts to a total of
    its own, which stands for its size."""
    if len(sizes) == 1:
        return [progress]
    parts: list[Report] = []
    whole, before = sum(sizes), 0
    for size in sizes:
        parts.append(part_of(progress, size, before, whole))
        before += size
    return parts


def part_of(progress: Report, size: int, before: int, whole: int) -> Report:
    """A callable for a part that stands for `size`, with as much as `before` ahead of it."""

    def report(done: int, total: int) -> None:
        progress(before + size * done // total, whole)

    return report


@contextmanager
def tqdm_bar() -> Iterator[Report]:
    from tqdm.auto import tqdm

    with tqdm(unit_scale=True) as bar:

        def update(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield update
