"""Draws results: a loss surface, a training path on it, the data and the model. Loads NumPy and matplotlib only.

Every function draws on the Axes that it is given, or on a new figure, and returns the artists that it drew.
None calls `plt.show` or changes `rcParams`; only the lab's class shows what it draws, as figures that aren't pyplot's.
Under any style letters and lines have the contrast to what is under them that WCAG asks for, in the style's colours
where these have it; `tight_layout`, `subplots_adjust` and layout engines can be used after all of them; under
`text.usetex` what isn't a formula is escaped.
"""

from viz.contour import ContourPlot, plot_contour
from viz.explorer.window import Explorer, explore
from viz.film.animation import RunAnimation, animate
from viz.foot import share_legend
from viz.line import LinePlot, plot_line
from viz.notebook import PlotStuff, plot_error_surfaces
from viz.rates import RatesPlot, plot_rates
from viz.starts import StartsPlot, plot_starts
from viz.surface import SurfacePlot, plot_surface
from viz.training import DataPlot, EpochsPlot, plot_data, plot_epochs

__all__ = [
    "ContourPlot",
    "DataPlot",
    "EpochsPlot",
    "Explorer",
    "LinePlot",
    "PlotStuff",
    "RatesPlot",
    "RunAnimation",
    "StartsPlot",
    "SurfacePlot",
    "animate",
    "explore",
    "plot_contour",
    "plot_data",
    "plot_epochs",
    "plot_error_surfaces",
    "plot_line",
    "plot_rates",
    "plot_starts",
    "plot_surface",
    "share_legend",
]
