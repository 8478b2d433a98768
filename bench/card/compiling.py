"""What the timed items will run, compiled in many processes at once: each once, on little data."""

from bench.card import speed, variants
from bench.card.sizes import FULL, TO_COMPILE


def items(place, sizes):
    """(name, one checked call) of each timed item that compiles something."""
    little = TO_COMPILE if sizes is FULL else sizes
    yield from speed.compilations(place, little)
    yield from variants.compilations(place, little)
