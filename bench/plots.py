"""Draws time against samples and against resolution from the results: `python -m bench.plots`, from the checkout."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from bench.cells import median
from bench.measured import RESULTS, ROOT, publishable

PANELS = {  # workload: the number along x, title
    "Time by samples": ("samples", "512 x 512 points, a plane of 30 features"),
    "Time by samples, one feature": ("samples", "512 x 512 points, one feature"),
    "Time by resolution": ("points", "1,000 samples of 30 features"),
}
LABELS = {"samples": "samples", "points": "points along each axis"}
STYLES = {
    "kernels": ("#0072B2", "o-", "method auto, tol 1e-10"),
    "kernels, direct": ("#56B4E9", "s-", "method direct"),
    "eager PyTorch": ("#D55E00", "^-", "eager PyTorch"),
    "fill of np.empty": ("#666666", ":", "writing the array"),
}


def main():
    figure_of(publishable(RESULTS)).savefig(ROOT / "docs" / "scaling.png", dpi=90)


def figure_of(measured):
    """A row of panels for each processor on which something was measured that they show."""
    shown = {processor: entries for processor, results in measured.items() if (entries := entries_shown(results))}
    size = {"figsize": (13, 4.2 * len(shown)), "layout": "constrained"}
    figure, rows = plt.subplots(len(shown), len(PANELS), **size, sharey=True, squeeze=False)
    for axes, (processor, entries) in zip(rows, shown.items(), strict=True):
        for ax, (workload, (along, title)) in zip(axes, PANELS.items(), strict=True):
            draw(ax, entries, workload, along)
            ax.set(xscale="log", yscale="log", xlabel=LABELS[along], title=title)
            ax.grid(alpha=0.3)
        axes[0].set_ylabel(f"seconds, {processor}")
    rows[0, 0].legend(fontsize="small")
    return figure


def entries_shown(results):
    entries = (entry for result in results for entry in result["benchmarks"])
    return [entry for entry in entries if entry["extra_info"]["workload"] in PANELS]


def draw(ax, entries, workload, along):
    for contender, (color, style, label) in STYLES.items():
        found = [
            (entry["extra_info"][along], median(entry))
            for entry in entries
            if (entry["extra_info"]["workload"], entry["extra_info"]["contender"]) == (workload, contender)
        ]
        if found:
            ax.plot(*zip(*sorted(found), strict=True), style, color=color, label=label, markersize=4)


if __name__ == "__main__":
    main()
