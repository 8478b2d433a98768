"""What stands under a drawing or several, where it hides nothing: legend and note; labels as long as there is room."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.legend import Legend
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.transforms import Bbox, IdentityTransform

from viz.colors import TEXT, make_legible, mixtures, under, visible
from viz.layout import YieldingLayout, cell_of, fit, length_of, make_room, points, root_figure
from viz.words import shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.backend_bases import RendererBase
    from matplotlib.figure import Figure, SubFigure

GAP = 4  # points between what stands under an Axes
SHORTEST = 0.2  # share of its cell that a label that stands upright may be as long as, however much is under it
MOST = 0.45  # share of its cell that legend and note may take: in a small cell their letters are smaller
SHARES = 1, 0.85, 0.7, 0.55, 0.4  # of the usual size of letters
WIDE = 0.95  # share of its cell that a legend or a note may be as wide as
SHARED = "legend of several Axes"
CENTRED = 0.85  # share of its cell that a title or a label may be as wide as, whose middle is that of the Axes


class Foot(Artist):
    """The place under an Axes and its labels, wherever these are: it draws nothing, and moves a legend and a note there
    before they are drawn or measured."""

    def __init__(self, notes: Sequence[str] = ()) -> None:
        super().__init__()
        self.parts: list[Legend | Text] = []
        self.entries: list[tuple[Any, str]] = []  # of the legend, whether or not it is drawn
        self.notes = list(notes)
        self.set(clip_on=False, zorder=2.6)  # after the labels of ticks, before texts and legends

    def draw(self, renderer: RendererBase) -> None:
        self.place(renderer)

    def get_tightbbox(self, renderer: RendererBase | None = None) -> Bbox | None:
        """What is around an Axes in three dimensions, whose labels layout engines don't ask for; None for another."""
        ax: Any = self.axes
        box = around(ax, renderer)
        self.place(renderer, box)
        return box if hasattr(ax, "zaxis") else None

    def place(self, renderer: RendererBase | None = None, box: Bbox | None = None) -> float:
        """Puts its parts under each other, under what is `around` the Axes, in the picture; returns in pixels how low
        the lowest comes."""
        ax: Any = self.axes
        lowest, gap = (box or around(ax, renderer)).y0, GAP / 72 * root_figure(ax).dpi
        middle, picture = (ax.bbox.x0 + ax.bbox.x1) / 2, ax.figure.bbox
        for part in self.parts:
            box = part.get_window_extent(renderer)
            reach = box.width / 2 + gap
            move(part, np.clip(middle, picture.x0 + reach, picture.x1 - reach), lowest - gap)
            lowest -= gap + box.height
        return lowest

    def give_up(self, notes: Sequence[str]) -> None:
        """Takes off its legend and some sentences of its note, which are said elsewhere."""
        ax: Any = self.axes
        for part in self.parts:
            part.remove()
        rest = [note for note in self.notes if note not in notes]
        self.parts = [add_note(ax, "\n".join(rest), small())] if rest else []

    def height(self) -> float:
        """Inches that its parts take."""
        return sum(part.get_window_extent().height / root_figure(part).dpi + GAP / 72 for part in self.parts)


def around(ax: Axes, renderer: RendererBase | None) -> Bbox:
    """The box in pixels of an Axes with the labels of its sides; in two dimensions with those that are under it, and
    with ticks, which may have none."""
    box = ax.bbox
    if not hasattr(ax, "zaxis"):
        ticks = ax.xaxis.get_major_ticks(1)[0].get_tick_padding() / 72 * root_figure(ax).dpi
        box = Bbox.from_extents(box.x0, box.y0 - ticks, box.x1, box.y1)
    boxes = [box, *(side.get_tightbbox(renderer) for side in sides_of(ax))]
    return Bbox.union([box for box in boxes if box is not None])


def sides_of(ax: Any) -> list[Any]:
    """The sides whose labels may be under an Axes; of one in three dimensions all, whose labels are where they are to
    be only once they have been drawn."""
    if not hasattr(ax, "zaxis"):
        return [ax.xaxis]
    ax.M = ax.get_proj()
    ax.invM = np.linalg.inv(ax.M)
    nowhere = RendererAgg(1, 1, root_figure(ax).dpi)
    for side in (ax.xaxis, ax.yaxis, ax.zaxis):
        side.draw(nowhere)
    return [ax.xaxis, ax.yaxis, ax.zaxis]


def move(part: Legend | Text, x: float, y: float) -> None:
    """Moves the middle of the upper edge of a legend or a text there."""
    if isinstance(part, Legend):
        part.set_bbox_to_anchor((x, y), transform=IdentityTransform())
    else:
        part.set_position((x, y))


def add_foot(
    ax: Axes,
    notes: Sequence[str] = (),
    legend: bool = True,
    with_ends: Mapping[Artist, Artist] | None = None,
    twin: Axes | None = None,
) -> tuple[Legend | None, Text | None]:
    """The legend of all that has a label in an Axes, and a note of one sentence a line; None what is empty.

    `with_ends` are artists that are drawn over others in the legend, `twin` an Axes that shares its place. Labels and
    the title are broken where they are longer than there is room for.
    """
    twins = [] if twin is None else [twin]
    foot = Foot(notes)
    ax.add_artist(foot)  # before what it moves, as artists are measured in that order
    fit(ax.title, CENTRED * cell_of(ax)[0])
    if not hasattr(ax, "zaxis"):  # whose labels are slanted
        fit(ax.xaxis.label, CENTRED * cell_of(ax)[0])
    make_legible(ax)
    entries = [entry for owner in (ax, *twins) for entry in zip(*owner.get_legend_handles_labels(), strict=True)]
    if twins:  # lines of both sides come before marks
        entries.sort(key=lambda entry: isinstance(entry[0], Line2D) and entry[0].get_linestyle() == "None")
    over = with_ends or {}
    foot.entries = [((one, over[one]) if one in over else one, label) for one, label in entries]
    for size in (share * small() for share in SHARES):
        drawn = add_legend(ax, foot.entries, size) if legend and entries else None
        text = add_note(ax, "\n".join(notes), size) if notes else None
        foot.parts = [part for part in (drawn, text) if part is not None]
        if foot.height() <= MOST * cell_of(ax)[1] or size == SHARES[-1] * small():
            break
        if text is not None:
            text.remove()
    fit_upright(ax, foot, twins)
    make_room(ax, *twins)
    return drawn, text


def fit_upright(ax: Axes, foot: Foot, twins: list[Axes]) -> None:
    """Labels that stand upright, also of colour bars, as long as what is left of the cell."""
    high, dpi = cell_of(ax)[1], root_figure(ax).dpi
    taken = ax.bbox.y0 - foot.place() + ax.title.get_window_extent().height
    room = max(high - taken / dpi - 4 * GAP / 72, SHORTEST * high)
    for label in (getattr(ax, "zaxis", ax.yaxis).label, *(other.yaxis.label for other in (*ax.child_axes, *twins))):
        fit(label, room)


def share_legend(figure: Figure | SubFigure) -> Legend | None:
    """The one legend under all Axes of a figure, in place of theirs: the entries of all, each once.

    Above them are the sentences that all of their notes have. For figures of several drawings, such as the same paths
    on several surfaces.

    Parameters
    ----------
    figure : Figure or SubFigure
        One with a constrained layout. Equal labels in it are taken to be of equal looks. Drawing on one of its Axes
        again brings the own legend of that back, until this is called again.

    Returns
    -------
    Legend or None
        None if there are no entries.

    Raises
    ------
    ValueError
        A figure that has no constrained layout, which alone makes room for it.

    See Also
    --------
    plot_contour : has a legend of its own

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from logreg import LossSurface, lab_data
    >>> from viz import plot_contour, share_legend
    >>> figure, both = plt.subplots(1, 2, layout="constrained")
    >>> for loss, ax in zip(("bce", "mse"), both):
    ...     drawn = plot_contour(LossSurface.compute(lab_data(), 15, 13, resolution=50, loss=loss), ax=ax)
    >>> len(share_legend(figure).get_texts())
    1
    """
    engine = figure.get_layout_engine()
    if not isinstance(engine, (ConstrainedLayoutEngine, YieldingLayout)):
        raise ValueError(f"figure has the layout {engine!r}; accepted: as of plt.subplots(layout='constrained')")
    for earlier in [legend for legend in figure.legends if legend.get_gid() == SHARED]:
        earlier.remove()
    feet = [artist for ax in figure.axes for artist in ax.get_children() if isinstance(artist, Foot)]
    looks = {label: look for foot in reversed(feet) for look, label in reversed(foot.entries)}
    entries = [(looks[label], label) for label in dict.fromkeys(label for foot in feet for _, label in foot.entries)]
    if not entries:
        return None
    common = [note for note in feet[0].notes if all(note in foot.notes for foot in feet)]
    for foot in feet:
        foot.give_up(common)
    legend = add_legend(figure, entries, small(), loc="outside lower center", title="\n".join(map(shown, common)))
    legend.set_gid(SHARED)
    return legend


def add_legend(
    owner: Axes | Figure | SubFigure, entries: Sequence[tuple[Any, str]], size: float, **place: Any
) -> Legend:
    """A legend under an Axes or a figure, without a frame, in as few rows as there is room for."""
    wide = WIDE * (cell_of(owner)[0] if isinstance(owner, Axes) else owner.bbox.width / root_figure(owner).dpi)
    style: dict[str, Any] = {"frameon": False, "loc": "upper center", "borderaxespad": 0, "fontsize": size}
    for rows in range(1, len(entries) + 1):
        legend = legend_of(owner, entries, ncols=-(-len(entries) // rows), title_fontsize=size, **style | place)
        fit(legend.get_title(), wide)
        too_long = legend.get_window_extent().width / root_figure(owner).dpi - wide
        if too_long <= 0:
            return legend
        if rows < len(entries):
            legend.remove()
    room = max(map(length_of, legend.get_texts())) - too_long
    for text in legend.get_texts():
        fit(text, room)
    return legend


def legend_of(owner: Axes | Figure | SubFigure, entries: Sequence[tuple[Any, str]], **options: Any) -> Legend:
    """The legend of an Axes, or of all of a figure, in letters that can be read; a pair of handles is drawn as one over
    the other."""
    handles, labels = [handle for handle, _ in entries], [shown(label) for _, label in entries]
    legend = owner.legend(handles, labels, handler_map={tuple: HandlerTuple(ndivide=1)}, **options)
    frame = legend.get_frame()
    alpha = frame.get_alpha()
    face = mixtures(frame.get_facecolor()[:3], 1 if alpha is None else alpha)
    ground = face if legend.get_frame_on() else under(owner if isinstance(owner, Axes) else owner.axes[0])
    for text in (*legend.get_texts(), legend.get_title()):
        text.set_color(visible(text.get_color(), ground, TEXT))
    return legend


def add_note(ax: Axes, note: str, size: float) -> Text:
    """A note of one sentence a line, or more of a long one."""
    color = visible(mpl.rcParams["text.color"], under(ax), TEXT)
    style: dict[str, Any] = {"fontsize": size, "color": color, "ha": "center", "va": "top"}
    text = Text(0, 0, shown(note), transform=IdentityTransform(), clip_on=False, **style)
    ax.add_artist(text)
    fit(text, WIDE * cell_of(ax)[0])
    return text


def small() -> float:
    """The size of letters in legends and notes, in points."""
    return 0.833 * points("legend.fontsize")
