"""Compiled kernels of a run, kept so that the next one starts warm: a folder, and an archive of it beside the results,
which is a file to take along."""

import shutil

ARCHIVE = "caches.tar.gz"


def folder(options):
    return (options.caches or options.out / "caches").resolve()


def unpack(options):
    """What an earlier run left, unless there is a folder already."""
    packed = options.skip_done and options.skip_done / ARCHIVE
    if packed and packed.exists() and not folder(options).exists():
        shutil.unpack_archive(packed, folder(options), filter="data")


def pack(options):
    if folder(options).exists():
        shutil.make_archive(str(options.out / ARCHIVE.removesuffix(".tar.gz")), "gztar", folder(options))
