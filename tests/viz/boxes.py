"""What of a figure lies over what, by the boxes of its artists in pixels."""

from itertools import combinations

from matplotlib.legend import Legend

from tests.viz.contrast import written

SLACK = 3.0  # pixels, of rounding and of what letters leave of their boxes


def overlapping(figure):
    """Pairs of texts, which stand upright or level, of which one lies over the other."""
    texts = [text for text in written(figure) if text.get_rotation() % 90 == 0]
    boxes = {text: text.get_window_extent() for text in texts}
    return [(a.get_text(), b.get_text()) for a, b in combinations(texts, 2) if overlap(boxes[a], boxes[b])]


def out_of_picture(figure):
    """Texts that aren't wholly in the picture."""
    width, height = figure.bbox.width, figure.bbox.height
    boxes = {text.get_text(): text.get_window_extent() for text in written(figure)}
    return [
        name
        for name, box in boxes.items()
        if min(box.x0, box.y0) < -SLACK or box.x1 > width + SLACK or box.y1 > height + SLACK
    ]


def over_axes(figure, note=None):
    """Legends, and a note, that lie over an Axes and would hide what is there."""
    parts = [legend for ax in figure.axes for legend in ax.get_children() if isinstance(legend, Legend)]
    parts += [] if note is None else [note]
    grounds = axes_of(figure)
    return [part for part in parts for ax in grounds if overlap(part.get_window_extent(), ax.bbox)]


def axes_of(figure):
    """Those in which something is drawn."""
    return [ax for ax in figure.axes if ax.axison or hasattr(ax, "zaxis")]


def overlap(a, b):
    return min(a.x1, b.x1) - max(a.x0, b.x0) > SLACK and min(a.y1, b.y1) - max(a.y0, b.y0) > SLACK
