"""How long benchmarks will take, by their last results."""

from bench import processor
from bench.timing import WARM_UP


def forecast(names, measured, here):
    """Lines: each file of benchmarks and all of them; `measured` is what was read of all processors, `here` the folder
    of this one."""
    lasts = {name: last(name, measured, here) for name in names}
    known = {name: result for name, result in lasts.items() if result is not None}
    rows = [f"{name}: {in_words([known[name]]) if name in known else 'never measured'}" for name in names]
    if not known:
        return "\n".join([*rows, "In all: not known."])
    unknown = [name for name in names if name not in known]
    without = f" without {' and '.join(unknown)}" if unknown else ""
    return "\n".join([*rows, f"In all: {in_words(known.values())}{without}; longer where kernels aren't compiled yet."])


def last(name, measured, here):
    """The result of the nearest processor that has one: this, one with the same vectors, any; or None."""
    nearest = sorted(measured, key=lambda of: (of != here, processor.vectors(of) != processor.vectors(here)))
    return next((measured[of][name] for of in nearest if name in measured[of]), None)


def in_words(results):
    """Minutes of these results together."""
    seconds = sum(result.get("seconds", least_seconds(result)) for result in results)
    how = "about" if all("seconds" in result for result in results) else "more than"
    return f"{how} {seconds / 60:.1f} min"


def least_seconds(result):
    """What timing and compiling took, of the first results, which don't have the seconds of everything."""
    spent = 0.0
    for entry in result["benchmarks"]:
        stats = entry["stats"]
        spent += WARM_UP + stats["mean"] * stats["rounds"] * stats["iterations"]
    first_calls = {entry["extra_info"]["first_call_s"] or 0.0 for entry in result["benchmarks"]}  # one for many entries
    return spent + sum(first_calls)
