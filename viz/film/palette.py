"""Frames in few colours, the same for all of a film, which is what makes files small."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COLORS = 255  # of the 256 of a palette: the last is left for what is seen through
SAMPLES = 3  # frames, the first and the last among them, that have the colours of all


def in_few_colors(take: Callable[[int], np.ndarray], steps: np.ndarray) -> Iterator[Image.Image]:
    """The frames of a film, one at a time, as images of one palette."""
    some = steps[np.linspace(0, len(steps) - 1, SAMPLES).astype(int)]
    samples = without_alpha(np.concatenate([take(step) for step in some]))
    palette = samples.quantize(COLORS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    for step in steps:
        yield without_alpha(take(step)).quantize(palette=palette, dither=Image.Dither.NONE)


def without_alpha(picture: np.ndarray) -> Image.Image:
    """An opaque picture (height, width, 4) as an image of three colours."""
    return Image.fromarray(picture).convert("RGB")


def over(image: Image.Image, ground: Image.Image) -> Image.Image:
    """Where an image differs from another of the same palette; elsewhere the colour `COLORS`, to be seen through."""
    colors, under = np.asarray(image), np.asarray(ground)
    drawn = Image.fromarray(np.where(colors == under, np.uint8(COLORS), colors))
    drawn.putpalette([*(image.getpalette() or []), 0, 0, 0])
    return drawn
