"""What a table has of the contenders of a case."""

from bench.numbers import si, significant

OURS = (
    "kernels.loss_surface",
    "kernels.surface_on_plane",
    "kernels.plan_surface",
    "kernels",
    "kernels, direct",
    "kernels.sgd_run_",
    "kernels.bce_loss_grad",
    "kernels.sgd_step_",
    "kernels.linear_bce",
    "kernels.sgd_ensemble",
    "logreg.LossSurface.compute",
    "logreg.LossSurface.around",
    "viz.Explorer, drawn",
)
# as one would write it: what a table has of these first
EAGER = (
    "eager PyTorch, as written",
    "eager PyTorch",
    "the lab's loop",
    "eager PyTorch, autograd",
    "eager PyTorch, torch.optim.SGD",
)


def ours_of(entries):
    """Ours among contenders, or None."""
    by_name = {entry["extra_info"]["contender"]: entry for entry in entries}
    return next((by_name[name] for name in OURS if name in by_name), None)


def summary_cells(entries):
    """Those of SUMMARY for a case on one processor."""
    by_name = {entry["extra_info"]["contender"]: entry for entry in entries}
    ours = ours_of(entries)
    times = {contender: median(entry) / median(ours) for contender, entry in by_name.items()}
    others = {
        contender: entry
        for contender, entry in by_name.items()
        if not contender.startswith(("kernels", "logreg", "viz"))
    }
    peers = [contender for contender, entry in others.items() if entry["extra_info"]["error"] is not None]
    floors = [entry for contender, entry in others.items() if contender not in peers]
    fastest = min(peers or others, key=times.get, default=None)
    plain = next((contender for contender in EAGER if contender in peers), None)
    eager = significant(times[plain]) if plain else ""
    if "extra_bytes" in ours["extra_info"]:
        eager += f", memory {significant(extra_bytes(by_name[plain]) / extra_bytes(ours))}"
    return (
        si(median(ours), "s") + over_kernels(ours),
        fastest or "",
        significant(times[fastest]) if fastest else "",
        eager,
        significant(min(over(median(ours), entry) for entry in floors)) if peers and floors else "",
    )


def extra_bytes(entry):
    return entry["extra_info"]["extra_bytes"]


def over_kernels(entry):
    """What a call takes beside its kernels, where that was measured."""
    found = entry["extra_info"].get("over_kernels_s")
    return "" if found is None else f", {si(found, 's')} over its kernels"


def median(entry):
    """Seconds for the whole work."""
    return entry["stats"]["median"] * entry["extra_info"]["scaled_by"]


def over(ours, entry):
    """The time of a contender divided by ours: of calls that took turns, if that was measured."""
    return entry["extra_info"].get("over_ours", median(entry) / ours)
