"""What a reader must know of a run: what failed, what is right, how fast it is, and what to do next."""

import math
from collections import Counter
from datetime import date

from bench.card.journal import latest, unfinished
from bench.numbers import si, significant

PRESENT = "as it is"  # how a sweep calls the constants that nobody changed
STAGES = ("limits", "smoke", "compile", "speed", "variants", "tests", "profile")
FAR = 0.5  # of its limit: below it a kernel is worth a look
BETTER = 0.95  # of the present time: a variant that takes less is worth taking
ERROR_LINES = 12
MEANING = (
    "Times are medians of calls between two events, each after its result was checked, with nothing of it in the L2 "
    "cache; those of kernels alone leave out what waits for the host. A limit is the time that the bytes of a "
    "workload, or the operations of its method, take at the least, at the rates measured in the same run."
)


def text(lines, device):
    """The whole report."""
    ends = latest(lines)
    title = "A card" if device != "cpu" else "No card: CPU tensors stand in, times mean nothing"
    parts = {
        title: machine(ends),
        "Failed": failures(ends, unfinished(lines)),
        "Right": counts(ends),
        "Speed": speed_table(ends),
        "Variants": winners(ends),
        "Where the time goes": kernels(ends),
        "What to do next": advice(ends, unfinished(lines), device),
    }
    return "\n\n".join(f"# {heading}\n{part}" for heading, part in parts.items() if part)


def machine(ends):
    """What it is, and its limits."""
    found = ends.get(("limits", "machine"), {})
    names = ("device", "capability", "cuda", "python", "torch", "triton", "numpy")
    known = ", ".join(f"{name} {found[name]}" for name in names if found.get(name))
    rates = [
        f"{name} {si(rate_of(end))}{'B' if 'bytes_per_s' in end else ''}/s"
        for (stage, name), end in ends.items()
        if stage == "limits" and end["ok"] and name not in ("machine", "launch")
    ]
    launch = ends.get(("limits", "launch"), {})
    if launch.get("ok"):
        rates.append(f"launch {si(launch['launch_s'], 's')}, to its end {si(launch['round_trip_s'], 's')}")
    return f"{known}; limits: {', '.join(rates)}" if rates else known


def rate_of(end):
    """Bytes or operations in a second."""
    return end.get("bytes_per_s", end.get("operations_per_s"))


def failures(ends, stages):
    """Errors, and stages that didn't reach all of their items."""
    rows = [f"- {stage}: {how}" for stage, how in stages.items()]
    for (stage, name), end in ends.items():
        if not end["ok"]:
            rows.append(f"- {stage}/{name}")
            rows += [f"    {line}" for line in end["error"].strip().splitlines()[-ERROR_LINES:]]
    return "\n".join(rows) or "nothing"


def counts(ends):
    rows = ["stage: right, wrong, skipped; seconds of all items; compiled of them, in seconds"]
    for of in STAGES:
        some = [end for (stage, _), end in ends.items() if stage == of]
        right = sum(end["ok"] and not end.get("skipped") for end in some)
        skipped, wrong = sum(bool(end.get("skipped")) for end in some), sum(not end["ok"] for end in some)
        seconds = sum(end.get("seconds", 0) for end in some)
        rows.append(f"{of}: {right}, {wrong}, {skipped}; {seconds:.0f} s; {compiled(some)}")
    return "\n".join(rows)


def compiled(ends):
    """Words for what was compiled."""
    total = Counter()
    for end in ends:
        total.update(end.get("compiled", {}))
    kinds = ("graphs", "kernels")
    made = [f"{total[kind]} {kind} in {total[kind + '_s']:.0f} s" for kind in kinds if total[kind]]
    return ", ".join(made) or "nothing"


def timed(ends):
    """{workload: {contender: end}} of what was right."""
    found = {}
    for (stage, name), end in ends.items():
        if stage == "speed" and end["ok"]:
            workload, contender = name.rsplit(": ", 1)
            found.setdefault(workload, {})[contender] = end
    return found


def ours_of(contenders):
    return next((name for name in contenders if name.startswith("kernels")), None)


def limit_of(end, ends):
    """Seconds that the work takes at the least, by the limits measured; None where one is missing."""
    seconds = []
    for what, amount in end["needs"].items():
        limit = ends.get(("limits", what), {})
        if not limit.get("ok"):
            return None
        seconds.append(amount / rate_of(limit))
    return max(seconds, default=None)


def rows_of(ends):
    """(workload, {contender: its end}, contender of ours, seconds of the limit) of each workload."""
    for workload, contenders in timed(ends).items():
        if name := ours_of(contenders):
            yield workload, contenders, name, limit_of(contenders[name], ends)


def speed_table(ends):
    """Markdown."""
    header = "| workload | ours | its kernels alone | limit ÷ ours | eager PyTorch ÷ ours | torch.compile ÷ ours |"
    rows = [header, "| --- | ---: | ---: | ---: | ---: | ---: |"]
    for workload, contenders, name, limit in rows_of(ends):
        ours = contenders[name]
        eager, compiled = (fastest(contenders, kind) for kind in ("eager", "torch.compile"))
        kernels_s = kernel_seconds(f"{workload}: {name}", ends)
        cells = [
            si(ours["median_s"], "s"),
            si(kernels_s, "s") if kernels_s else "",
            *(significant(value / ours["median_s"]) if value else "" for value in (limit, eager, compiled)),
        ]
        rows.append(f"| {workload} | {' | '.join(cells)} |")
    return "\n".join(rows) if len(rows) > 2 else ""


def published(lines):
    """(for the README, for the tables): what a reader of the project sees of results on a card."""
    ends = latest(lines)
    where, day = machine(ends), date.fromtimestamp(ends["limits", "machine"]["at"])
    notes = f"{where}; {day}, commit {ends['limits', 'machine']['commit']}. {MEANING}"
    table = speed_table(ends)
    return f"{notes}\n\n{table}", "\n\n".join(part for part in (notes, table, winners(ends)) if part)


def fastest(contenders, kind):
    """Seconds of the fastest of a kind, if there is one."""
    return min((end["median_s"] for name, end in contenders.items() if name.startswith(kind)), default=None)


def kernel_seconds(name, ends):
    """Seconds of the kernels of a call, if it was profiled."""
    return ends.get(("profile", name), {}).get("kernels_s")


def furthest(lines):
    """Names of ours, the furthest from their limit first, those without one last."""
    ratios = [
        (limit / contenders[name]["median_s"] if limit else math.inf, f"{workload}: {name}")
        for workload, contenders, name, limit in rows_of(latest(lines))
    ]
    return [name for _, name in sorted(ratios)]


def variants_of(ends):
    """{sweep: {label: median seconds}}"""
    found = {}
    for (stage, name), end in ends.items():
        if stage == "variants" and end["ok"]:
            sweep, label = name.split(": ", 1)
            found.setdefault(sweep, {})[label] = end["median_s"]
    return found


def winners(ends):
    rows = []
    for sweep, times in variants_of(ends).items():
        best = min(times, key=times.get)
        present = times.get(PRESENT)
        over = f", {significant(times[best] / present)} of the present" if present else ""
        rows.append(f"- {sweep}: {best}, {si(times[best], 's')}{over}")
    return "\n".join(rows)


def kernels(ends):
    rows = []
    for (stage, name), end in ends.items():
        if stage == "profile" and end["ok"] and end["kernels"]:
            rows.append(name)
            rows += [f"    {si(k['seconds'], 's')} {k['calls']:.0f} x {k['name']}" for k in end["kernels"]]
            rows += [
                f"    {k['name']}: {k['registers']} registers, {k['spilled']} spilled, {k['programs']} programs at once"
                for k in end.get("binaries", [])
            ]
    return "\n".join(rows)


def advice(ends, stages, device):
    """What to do next; where times mean nothing, only what failed."""
    wrong = sorted({stage for (stage, _), end in ends.items() if not end["ok"]} | set(stages))
    todo = [f"mend what failed or was not reached in {', '.join(wrong)}, then go on with --skip-done"] if wrong else []
    return "\n".join(f"- {line}" for line in [*todo, *(slow(ends) if device != "cpu" else ())]) or "nothing"


def slow(ends):
    """What is far from its limit, slower than a peer or slower than a variant."""
    todo = []
    for workload, contenders, name, limit in rows_of(ends):
        ours = contenders[name]
        if limit and limit < FAR * ours["median_s"]:
            kernels_s = kernel_seconds(f"{workload}: {name}", ends)
            why = "the host" if kernels_s and kernels_s < 0.5 * ours["median_s"] else "its kernels"
            todo.append(f"{workload}: {significant(limit / ours['median_s'])} of its limit; look at {why}")
        for peer, end in contenders.items():
            if not peer.startswith("kernels") and end["median_s"] < ours["median_s"]:
                todo.append(f"{workload}: {peer} takes {significant(end['median_s'] / ours['median_s'])} of our time")
    for sweep, times in variants_of(ends).items():
        best = min(times, key=times.get)
        if PRESENT in times and times[best] < BETTER * times[PRESENT]:
            todo.append(f"{sweep}: take {best}, {significant(times[best] / times[PRESENT])} of the present time")
    return todo
