"""Progress of long calls: a callable `done, total`, or a tqdm bar."""

from contextlib import contextmanager


def silent(done, total):
    pass


@contextmanager
def reporter(progress):
    """The callable to report to, for the argument `progress` of a public function: None, True or a callable."""
    if progress is None or progress is False:
        yield silent
    elif callable(progress):
        yield progress
    elif progress is True:
        from tqdm.auto import tqdm

        with tqdm(unit_scale=True) as bar:

            def update(done, total):
                bar.total = total
                bar.update(done - bar.n)

            yield update
    else:
        raise TypeError(f"progress is {progress!r}; accepted: None, True or a callable (done, total)")
