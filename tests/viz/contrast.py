"""How well what is written and drawn can be seen, from the pixels of a figure: contrast as WCAG 2.1 defines it."""

from contextlib import contextmanager
from unittest import mock

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.text import Text


def luminance(rgb):
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return 0.2126 * linear[..., 0] + 0.7152 * linear[..., 1] + 0.0722 * linear[..., 2]


def contrast(color, pixels):
    lightness = np.stack(np.broadcast_arrays(luminance(np.asarray(color)), luminance(pixels))) + 0.05
    return lightness.max(axis=0) / lightness.min(axis=0)


def faint_texts(figure, least=4.5):
    """{text: contrast} of what is written with less contrast than `least` to the pixels under it, the worst of them; 0
    where it isn't in the picture."""
    texts = written(figure)
    boxes = [text.get_window_extent().extents.round().astype(int) for text in texts]
    with hidden(texts):
        pixels = pixels_of(figure)
    letters = pixels_of_letters(figure, texts, pixels)
    worst = {}
    for text, (x0, y0, x1, y1) in zip(texts, boxes, strict=True):
        height, width, _ = pixels.shape
        box = slice(max(height - y1, 0), height - y0), slice(max(x0, 0), min(x1, width))
        slanted = text.get_rotation() % 90 != 0  # there is much more in its box than what is under it
        ground = pixels[box][letters[box]] if slanted else pixels[box]
        worst[text.get_text()] = contrast(to_rgb(text.get_color()), ground).min() if ground.size else 0.0
    return {text: value for text, value in worst.items() if value < least}


def pixels_of_letters(figure, texts, without):
    """Where letters are (height, width), whatever their colours: where either of two colours makes a difference."""
    colors, there = [text.get_color() for text in texts], np.zeros(without.shape[:2], bool)
    for color in "lime", "magenta":
        for text in texts:
            text.set_color(color)
        there |= np.abs(pixels_of(figure) - without).max(axis=-1) > 0.1
    for text, color in zip(texts, colors, strict=True):
        text.set_color(color)
    return there


def contrast_along(line):
    """Of each point of a line in view the contrast to the pixel under it, which is of its halo where it has one; not of
    its ends, where half a pixel is of what is beside them."""
    with hidden([line]):
        pixels = pixels_of(line.axes.figure)
    points, box = line.axes.transData.transform(line.get_xydata()), line.axes.bbox
    in_view = np.all((points > box.min + 2) & (points < box.max - 2), axis=1)
    for end in points[[0, -1]]:
        in_view &= np.linalg.norm(points - end, axis=1) > 4
    x, y = points[in_view].astype(int).T
    return contrast(to_rgb(line.get_color()), pixels[pixels.shape[0] - 1 - y, x])


def written(figure):
    """The texts that are drawn: a figure has others, as the labels of ticks out of view."""
    texts, draw = [], Text.draw

    def recorded(self, renderer, *args, **kwargs):
        if self.get_visible() and self.get_text().strip():
            texts.append(self)
        return draw(self, renderer, *args, **kwargs)

    with mock.patch.object(Text, "draw", recorded):
        figure.canvas.draw()
    return list(dict.fromkeys(texts))


def pixels_of(figure):
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3] / 255


@contextmanager
def hidden(artists):
    """Transparent, so that their boxes and what they take up of the layout stay."""
    alphas = [artist.get_alpha() for artist in artists]
    for artist in artists:
        artist.set_alpha(0)
    yield
    for artist, alpha in zip(artists, alphas, strict=True):
        artist.set_alpha(alpha)
