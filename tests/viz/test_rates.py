"""Maps of learning rates and batch sizes."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.colors import LogNorm, Normalize

from kernels.language import speaking
from viz import plot_rates
from viz.rates import DEEPEST, columns_of, outline


def test_maps_share_axes_and_say_what_they_are(rates_of):
    plot = plot_rates(rates_of())
    assert [ax.get_title() for ax in plot.axes.values()] == ["cross-entropy", "mean squared error"]
    assert [ax.get_xlabel() for ax in plot.axes.values()] == ["learning rate"] * 2
    assert [ax.get_ylabel() for ax in plot.axes.values()] == ["batch size", ""]
    for ax in plot.axes.values():
        assert ax.get_xscale() == "log"
        np.testing.assert_allclose(ax.get_xlim(), [0.01, 100])
        assert ax.get_ylim() == (-0.5, 2.5)
    assert [text.get_text() for text in plot.axes["bce"].get_yticklabels()] == ["1", "3", "20"]
    assert plot.colorbar.ax.get_ylabel() == "mean final loss"


def test_in_spanish(rates_of):
    with speaking("es"):
        plot = plot_rates(rates_of(), quantity="steps")
    assert plot.axes["bce"].get_xlabel() == "tasa de aprendizaje"
    assert plot.axes["bce"].get_ylabel() == "tamaño de lote"
    assert plot.colorbar.ax.get_ylabel() == "media de pasos hasta acertar todas las muestras"
    assert [text.get_text() for text in plot.legend.get_texts()] == [
        "oscila",
        "diverge",
        "nunca acierta todas las muestras",
    ]


@pytest.mark.parametrize("quantity", ["loss", "accuracy", "steps"])
def test_cells_have_the_colours_of_their_values(quantity, rates_of):
    study = rates_of()
    plot = plot_rates(study, quantity=quantity)
    norm, cmap = plot.colorbar.norm, colormaps["viridis_r" if quantity == "steps" else "viridis"]
    for cost, mesh in plot.maps.items():
        values = getattr(study, quantity)[cost]
        plot.figure.draw_without_rendering()
        there = np.isfinite(values).ravel()
        np.testing.assert_allclose(mesh.get_facecolors()[there], cmap(norm(values.ravel()[there])))
        np.testing.assert_array_equal(mesh.get_array().mask.ravel(), ~there)
        corners = mesh.get_coordinates()
        np.testing.assert_allclose(corners[0, :, 0], columns_of(study.rates))
        np.testing.assert_array_equal(corners[:, 0, 1], [-0.5, 0.5, 1.5, 2.5])


@pytest.mark.parametrize("rates", [[0.1], [0.5, 2.0], [0.1, 1.0, 100.0], np.geomspace(1e-3, 1e3, 60)], ids=len)
def test_rates_are_within_their_columns(rates):
    borders = columns_of(np.array(rates))
    assert (borders[:-1] < rates).all()
    assert (rates < borders[1:]).all()
    if len(rates) > 1:
        np.testing.assert_allclose(borders[1:-1], np.sqrt(np.multiply(rates[1:], rates[:-1])))
        np.testing.assert_allclose(borders[[0, -1]], [rates[0] ** 2 / borders[1], rates[-1] ** 2 / borders[-2]])


def test_losses_have_the_colours_of_what_does_not_diverge(rates_of):
    """Those beyond are as bright as the highest, and the bar says so."""
    norm = plot_rates(rates_of()).colorbar.norm
    np.testing.assert_allclose([norm.vmin, norm.vmax], [0.01, 1.5])
    study = rates_of()
    study.loss["mse"] = study.loss["mse"] * 1e-9
    plot = plot_rates(study)
    np.testing.assert_allclose([plot.colorbar.norm.vmin, plot.colorbar.norm.vmax], [1.5 * DEEPEST, 1.5])
    assert plot.colorbar.extend == "both"
    everything = rates_of(behaviour={"bce": np.full((3, 4), 2), "mse": np.full((3, 4), 2)})
    np.testing.assert_allclose(plot_rates(everything).colorbar.norm.vmax, 50)


@pytest.mark.parametrize("value", [0.0, 0.7])
def test_maps_of_one_value(value, rates_of):
    same = {cost: np.full((3, 4), value) for cost in ("bce", "mse")}
    none = {cost: np.zeros((3, 4), int) for cost in ("bce", "mse")}
    for quantity in ("loss", "accuracy", "steps"):
        plot = plot_rates(rates_of(**{quantity: same, "behaviour": none}), quantity=quantity)
        plot.figure.canvas.draw()
        assert plot.stripes == plot.edges == {"bce": {}, "mse": {}}
        assert plot.legend is None


def test_stripes_are_over_what_oscillates_and_diverges(rates_of):
    study = rates_of()
    plot = plot_rates(study)
    columns = columns_of(study.rates)
    for cost, behaviour in study.behaviour.items():
        assert list(plot.stripes[cost]) == ["oscillating", "diverging"]
        for number, (kind, drawn) in enumerate(plot.stripes[cost].items(), 1):
            path, _ = drawn.get_clip_path().get_transformed_points_and_affine()
            cells = [outline(columns[j : j + 2], [i - 0.5, i + 0.5]) for i, j in np.argwhere(behaviour == number)]
            corners = np.vstack([cell.vertices for cell in cells])
            corners[:, 0] = np.log10(corners[:, 0])  # as the axis has them before its affine part
            np.testing.assert_allclose(path.vertices, corners)
            slopes = {float(np.sign(np.diff(line, axis=0).prod())) for line in drawn.get_segments()}
            assert slopes == ({1.0} if kind == "oscillating" else {1.0, -1.0})


def test_edges_are_between_behaviours(rates_of):
    """A line where training ceases to converge, a dashed one where from oscillating it diverges."""
    study = rates_of()
    plot = plot_rates(study)
    columns, behaviour = columns_of(study.rates), study.behaviour["bce"]
    found = {"converging": set(), "diverging": set()}
    for i, j in np.ndindex(3, 4):
        for k, n, ends in ((i, j + 1, ((j + 1, i), (j + 1, i + 1))), (i + 1, j, ((j, i + 1), (j + 1, i + 1)))):
            if k < 3 and n < 4 and behaviour[i, j] != behaviour[k, n]:
                kind = "converging" if 0 in (behaviour[i, j], behaviour[k, n]) else "diverging"
                found[kind].add(tuple((columns[column], row - 0.5) for column, row in ends))
    assert min(map(len, found.values())) > 0
    for kind, drawn in plot.edges["bce"].items():
        assert {tuple(map(tuple, line.tolist())) for line in drawn.get_segments()} == found[kind]
    dashes = [drawn.get_linestyle()[0][1] for drawn in plot.edges["bce"].values()]
    assert dashes[0] is None
    assert dashes[1] is not None


def test_without_colours_kinds_can_be_told(rates_of):
    """In grey what is striped is dark and light within a few pixels, of plain cells not."""
    study = rates_of(loss={cost: np.full((3, 4), 0.5) for cost in ("bce", "mse")})
    plot = plot_rates(study, colorbar=False)
    plot.figure.canvas.draw()
    grey = np.asarray(plot.figure.canvas.buffer_rgba())[..., :3] @ (0.2126, 0.7152, 0.0722)
    ax, columns = plot.axes["bce"], columns_of(study.rates)
    spread = {}
    for i, j in np.ndindex(3, 4):
        low, high = ax.transData.transform([(columns[j], i - 0.5), (columns[j + 1], i + 0.5)])
        (left, bottom), (right, top) = low + 6, high - 6
        cell = grey[len(grey) - int(top) : len(grey) - int(bottom), int(left) : int(right)]
        spread.setdefault(int(study.behaviour["bce"][i, j]), []).append(cell.std())
    assert max(spread[0]) < 1
    assert min(spread[1]) > 20
    assert min(spread[2]) > max(spread[1])


def test_the_legend_has_what_there_is(rates_of):
    def texts(quantity="loss", **changes):
        return [text.get_text() for text in plot_rates(rates_of(**changes), quantity=quantity).legend.get_texts()]

    assert texts() == ["oscillates", "diverges"]
    assert texts("steps") == ["oscillates", "diverges", "never every sample right"]
    ones = {cost: np.ones((3, 4), int) for cost in ("bce", "mse")}
    assert texts(behaviour=ones) == ["oscillates"]
    gaps = {cost: np.full((3, 4), np.nan) for cost in ("bce", "mse")}
    assert texts(behaviour=ones, loss=gaps) == ["oscillates", "leaves the range of numbers"]


def test_many_batch_sizes_have_few_labels(rates_of):
    many = {"batch_sizes": np.arange(1, 41)} | {
        name: {"bce": np.ones((40, 4), int)} for name in ("loss", "accuracy", "steps", "behaviour")
    }
    labels = [text.get_text() for text in plot_rates(rates_of(**many)).axes["bce"].get_yticklabels()]
    assert labels == ["1", "5", "9", "13", "17", "21", "25", "29", "33", "37"]


def test_keywords(rates_of):
    plot = plot_rates(
        rates_of(), map_kw={"alpha": 0.5}, edge_kw={"lw": 5, "color": "red"}, norm=Normalize(0, 3), cmap="magma"
    )
    assert plot.maps["bce"].get_alpha() == 0.5
    for drawn in plot.edges["bce"].values():
        assert drawn.get_linewidth() == 5
        np.testing.assert_array_equal(drawn.get_edgecolor(), [[1, 0, 0, 1]])
    assert isinstance(plot.maps["mse"].norm, Normalize)
    assert not isinstance(plot.maps["mse"].norm, LogNorm)
    assert plot.colorbar.cmap.name == "magma"
    plot.figure.canvas.draw()


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"quantity": "gradient"}, ValueError, "quantity is 'gradient'; accepted: 'loss', 'accuracy', 'steps'"),
        ({"rates": [1, 2, 2, 3]}, ValueError, r"study\.rates is .*; accepted: \(k,\) with k >= 1, positive and incr"),
        ({"rates": [0, 1, 2, 3]}, ValueError, r"study\.rates is .*; accepted"),
        ({"rates": []}, ValueError, r"study\.rates is \[\]; accepted"),
        ({"rates": [1, 2, np.nan, 3]}, ValueError, r"study\.rates has 1 NaN or infinite values; accepted"),
        ({"batch_sizes": [[1, 2, 3]]}, ValueError, r"study\.batch_sizes is .*; accepted"),
        (
            {"loss": {}, "behaviour": {}},
            ValueError,
            r"study\.loss has the costs \[\] and .*; accepted: .* at least one",
        ),
        ({"loss": {"bce": np.ones((3, 4))}}, ValueError, r"the costs \['bce'\] and study\.behaviour \['bce', 'mse'\]"),
        ({"loss": np.ones((3, 4))}, TypeError, r"study\.loss is a ndarray; accepted: \{cost: \(m, r\)\}"),
        (
            {"rates": [1, 2, 3]},
            ValueError,
            r"study\.loss of 'bce' has shape \(3, 4\) .*; accepted: \(m, r\) = \(3, 3\)",
        ),
        (
            {"behaviour": {cost: np.full((3, 4), 3) for cost in ("bce", "mse")}},
            ValueError,
            r"study\.behaviour of 'bce' has other values; accepted: 0, 1 and 2",
        ),
    ],
)
def test_bad_studies_are_refused(changes, error, message, rates_of):
    quantity = changes.pop("quantity", "loss")
    with pytest.raises(error, match=message):
        plot_rates(rates_of(**changes), quantity=quantity)
    assert plt.get_fignums() == []


def test_what_is_no_study_is_refused():
    with pytest.raises(TypeError, match=r"study is a tuple without rates, batch_sizes, .*; accepted: what has rates, "):
        plot_rates((1, 2))
