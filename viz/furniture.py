"""What stands on or beside a drawing: its colour bar, its legend, its note; and how it replaces an earlier one."""

from contextlib import contextmanager
from weakref import WeakKeyDictionary, ref

from matplotlib.transforms import ScaledTranslation, blended_transform_factory

from viz.colors import TEXT, make_legible, mixtures, visible
from viz.layout import make_room, points, root_figure
from viz.words import shown

BAR = 0.28, 0.21  # inches from the Axes to its colour bar, and its width

drawn_on: WeakKeyDictionary = WeakKeyDictionary()  # {ax: {name of what was drawn: references to its artists}}


@contextmanager
def drawing(ax, name):
    """What is added to `ax` in this context takes the place of what was added there before in one of the same name."""
    earlier = drawn_on.setdefault(ax, {})
    remove(ax, [artist() for artist in earlier.pop(name, ())])
    there = set(ax.get_children())
    try:
        yield
    finally:
        earlier[name] = [ref(artist) for artist in ax.get_children() if artist not in there]


def add_colorbar(ax, mappable, label, **ticks):
    """The colour bar at the right of an Axes, in an inset of it, which any layout engine can handle."""
    make_room(ax)
    figure = root_figure(ax)
    inches = figure.dpi_scale_trans + ScaledTranslation(1, 0, ax.transAxes)  # from its right edge
    place = ax.inset_axes((BAR[0], 0, BAR[1], 1), transform=blended_transform_factory(inches, ax.transAxes))
    colorbar = figure.colorbar(mappable, cax=place, label=shown(label), **ticks)
    make_legible(place)
    return colorbar


def add_note(ax, text, **placement):
    """A sentence in a corner of an Axes, None if it is empty."""
    if not text:
        return None
    box = {"boxstyle": "round", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
    style = {"xycoords": "axes fraction", "fontsize": small(), "color": "black", "bbox": box, "zorder": 13}
    return ax.annotate(shown(text), **style, **placement)


def add_legend(owner, **options):
    """The legend of an Axes or a figure, on a ground of its own."""
    legend = owner.legend(fontsize=small(), frameon=True, **options)
    frame = legend.get_frame()
    alpha = frame.get_alpha()
    ground = mixtures(frame.get_facecolor()[:3], 1 if alpha is None else alpha)
    for text in legend.get_texts():
        text.set(text=shown(text.get_text()), color=visible(text.get_color(), ground, TEXT))
    return legend


def small():
    """The size of letters in legends and notes, in points."""
    return 0.833 * points("legend.fontsize")


def remove(ax, artists):
    """Takes off what is still there, the last first: a colour bar before what it explains."""
    there = set(ax.get_children())
    for artist in reversed(artists):
        if artist in there:
            artist.remove()
