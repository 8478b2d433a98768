"""What the explore command does: shows the explorer in a window, or serves it."""

from __future__ import annotations

import webbrowser
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.backend_bases import FigureManagerBase

import viz
from logreg.clash import require_ours
from logreg.language import said

require_ours(viz, "explore")

from viz.explorer.web import serve
from viz.explorer.window import read

REACH = 0.75  # of the window around the path of training, in which a start is dragged about, to all sides


def on_screen(data: str) -> None:
    """Shows the explorer in a window until that is closed; ValueError where there can't be one."""
    arguments, asked = explored(data)
    try:
        explorer = viz.explore(*arguments, **asked)
    except ImportError as error:  # of a backend that was asked for
        raise ValueError(no_window(str(error))) from None
    manager: Any = explorer.figure.canvas.manager
    if type(manager).show is FigureManagerBase.show:
        plt.close(explorer.figure)
        raise ValueError(no_window(f"matplotlib draws by {plt.get_backend()}"))
    plt.show()


def no_window(why: str) -> str:
    return f"web is left out, but there is no window to draw in ({why}); accepted: --web, for a browser"


def on_a_page(data: str, port: int = 0, open: bool = False) -> None:
    """Serves the explorer to browsers on this machine until Ctrl-C, and says where."""
    arguments, asked = explored(data)

    def tell(address: str) -> None:
        print(said("The explorer is at {address} until Ctrl-C.", address=address), flush=True)
        if open:
            webbrowser.open(address)

    serve(*read(*arguments, asked), port, tell)


def explored(data: str) -> tuple[tuple[Any, Any], dict[str, Any]]:
    """(data, surface) as `viz.explore` takes them, and settings: of real data a plane through its trained model, on
    which training is from the model's own start."""
    if data == "lab":
        return (None, None), {}
    from logreg import datasets
    from logreg.commands.planes import TRAINING
    from logreg.model import seeded_model
    from logreg.surface import LossSurface
    from logreg.training import train

    x, y = datasets.load(data)
    history = train(seeded_model(x.shape[1], 0).double(), (x, y), **TRAINING)
    surface = LossSurface.around(history, (x, y), directions="pca", resolution=2)
    s, t, *_ = surface.project(history)
    across, up = (axis.mean() + REACH * np.ptp(surface.s) * np.array([-1, 1]) for axis in (surface.s, surface.t))
    surface = surface.at(tuple(across), tuple(up), 2)
    return ((x, y), surface), {"start": (s[0], t[0])}
