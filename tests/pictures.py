"""How far a picture is from that of docs."""

from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[1]
BLOCK = 8  # pixels on a side, whose means are compared: letters of another FreeType move all by a pixel
TOLERANCE = 2.5  # root mean square of 255; a legend that is missing is 2.9 and more


def small(picture):
    """The means of blocks (rows, columns, 3)."""
    pixels = np.asarray(picture.convert("RGB"), float)
    height, width = (size // BLOCK * BLOCK for size in pixels.shape[:2])
    return pixels[:height, :width].reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK, 3).mean(axis=(1, 3))


def difference(file, name):
    """Root mean square of the differences between a picture and that of docs."""
    drawn, kept = Image.open(file), Image.open(ROOT / "docs" / name)
    assert drawn.size == kept.size
    return float(np.sqrt(np.mean((small(drawn) - small(kept)) ** 2)))
