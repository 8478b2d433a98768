"""Progress of long calls: a callable `done, total`, or a tqdm bar."""

from contextlib import contextmanager, nullcontext


def silent(done, total):
    pass


def nothing(more):
    pass


SILENT = nullcontext(silent)


def reporter(progress):
    """A context that gives the callable to report to, for the argument `progress` of a public function."""
    if progress is None or progress is False:
        return SILENT
    if progress is True:
        return tqdm_bar()
    if callable(progress):
        return nullcontext(progress)
    raise TypeError(f"progress is {progress!r}; accepted: None, True or a callable (done, total)")


def counted(progress, total):
    """A function that takes what was done since its last call, for a `progress` that takes the sum and the total."""
    if progress is silent:
        return nothing
    done = 0

    def advance(more):
        nonlocal done
        done += more
        progress(done, total)

    return advance


def in_parts(progress, sizes):
    """Callables for the parts of a call, one after the other, for a `progress` of the whole; each counts to a total of
    its own, which stands for its size."""
    if len(sizes) == 1:
        return [progress]
    whole, before, parts = sum(sizes), 0, []
    for size in sizes:
        parts.append(lambda done, total, size=size, before=before: progress(before + size * done // total, whole))
        before += size
    return parts


@contextmanager
def tqdm_bar():
    from tqdm.auto import tqdm

    with tqdm(unit_scale=True) as bar:

        def update(done, total):
            bar.total = total
            bar.update(done - bar.n)

        yield update
