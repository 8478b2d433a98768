"""Writes what surfaces and starts take on many workers into docs/scale.md and docs/scale.png, by the model of
`bench.cost` with rates that `bench.engines` measured: `python -m bench.scale`, from the checkout."""

import argparse
import json
import math
import sys

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from bench import busy, cost, processor, simulation
from bench.cost import Assumed, Engine, Rates, Round, Surface
from bench.measured import RESULTS, ROOT
from bench.numbers import si, significant
from bench.report import replaced
from bench.tasks import BLOCKS, NODES

WORKERS = 1, 10, 100, 1000
DRAWN = 1, 2, 3, 5, 10, 20, 32, 50, 64, 100, 128, 200, 256, 400, 512, 700, 1000
AS = "Dask"  # what takes most for a task
LARGE, SMALL = {"rows": 1e9, "features": 100, "blocks": 10_000}, {"rows": 1e6, "features": 100, "blocks": 10_000}
SURFACES = {
    "10⁹ rows, 64² nodes": Surface(**LARGE, nodes=64),
    "10⁹ rows, 256² nodes": Surface(**LARGE, nodes=256),
    "10⁹ rows, 4096² direct": Surface(**LARGE, nodes=4096),
    "10⁶ rows, 64² nodes": Surface(**SMALL, nodes=64),
    "10⁶ rows, 256² nodes": Surface(**SMALL, nodes=256),
    "10⁶ rows, 4096² direct": Surface(**SMALL, nodes=4096),
}
STARTS = 1e9
COLORS = "#0072B2", "#56B4E9", "#D55E00", "#009E73", "#CC79A7", "#666666"
UNITS = {"d": 86400, "h": 3600, "min": 60}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--provisional", action="store_true", help="take what was measured on a busy machine, and say so"
    )
    options = parser.parse_args()
    try:
        measured = publishable(options.provisional)
        page = ROOT / "docs" / "scale.md"
        for name, text in parts(measured).items():
            page.write_text(replaced(page, name, text), encoding="utf-8")
        figure(measured).savefig(ROOT / "docs" / "scale.png", dpi=90)
    except (OSError, ValueError, LookupError) as error:
        sys.exit(f"bench.scale: {type(error).__name__}: {error}")


def publishable(provisional):
    """The newest result of `bench.engines`."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("*/engines.json"))]
    if not found:
        raise FileNotFoundError(f"there is no engines.json in the folders of {RESULTS}")
    measured = max(found, key=lambda result: result["machine"]["date"])
    others = measured["elsewhere"] or 0.0
    if others > busy.MOST and not provisional:
        raise ValueError(
            f"engines.json of {measured['machine']['processor']} was measured on a busy machine: others had "
            f"{others:.2g} processors; accepted: at most {busy.MOST:g}. Measure again where nothing else runs: "
            "python -m bench.engines"
        )
    return measured


def parts(measured):
    """{marker of the page: Markdown}."""
    return {
        "machine": place(measured),
        "rates": table(("one worker, one thread", "a second"), rate_rows(measured["rates"])),
        "engines": table(ENGINE_COLUMNS, engine_rows(measured)),
        "assumed": table(("what", "assumed"), assumed_rows(Assumed())),
        "times": table(TIME_COLUMNS, time_rows(measured)),
        "simulated": table(SIMULATED_COLUMNS, simulated_rows(measured)),
        "run": table(("engine", *(f"{count} worker{'s' * (count > 1)}" for count in RUN)), run_rows(measured)),
        "starts": table(("", *map(in_workers, WORKERS), "sent"), start_rows(measured)),
    }


def table(header, rows):
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def place(measured):
    machine, others = measured["machine"], measured["elsewhere"]
    named = ", ".join(f"{name} {machine[name]}" for name in ("numpy", "numba", "distributed", "mpi4py", "mpich"))
    text = f"{processor.title(machine['processor'], machine['cpu'])}: {machine['processors']} processors, {named}, "
    text += f"{machine['date']}."
    if others and others > busy.MOST:
        text += f" **Provisional**: others had {others:.2g} processors meanwhile."
    return text


def rate_rows(rates):
    return [
        ("bytes of a memory map to logits, 100 features, float32, in memory", si(rates["bytes_read_100"], "B")),
        ("the same of 8 features", si(rates["bytes_read_8"], "B")),
        ("rows in the round of ranges", si(rates["rows_ranges"])),
        ("evaluations, rows times nodes, in the round of sums", si(rates["evaluations"])),
        ("rows of one feature, compressed", si(rates["rows_compressed"])),
        ("bytes of grids added, with what is lost", si(rates["bytes_added"], "B")),
        ("starts of the lab, 700 steps each", si(rates["starts"])),
    ]


ENGINE_COLUMNS = ("engine", "workers", "start", "first kernel", "one task", "a task of many", "32 KB", "1 MB", "8 MB")


def engine_rows(measured):
    for name, by_workers in measured["engines"].items():
        for workers, found in by_workers.items():
            seconds = [si(found[key], "s") for key in ("start_s", "first_kernel_s", "alone_s", "per_task_s")]
            yield name, workers, *seconds, *(f"{si(back, 'B')}/s" for back in found["back"].values())


def assumed_rows(assumed):
    return [
        ("workers on a machine, of one thread each", str(assumed.workers_a_machine)),
        ("storage, for all workers of a machine", f"{si(assumed.storage, 'B')}/s"),
        ("network into the caller", f"{si(assumed.network, 'B')}/s"),
        ("spread of the tasks' times (standard deviation of the logarithm)", significant(assumed.spread)),
    ]


TIME_COLUMNS = ("surface", "read", "sent", *(f"{count:,}" for count in WORKERS), f"what limits {WORKERS[-1]:,}")


def time_rows(measured):
    rates, engine = rates_of(measured), engine_of(measured, AS)
    for name, surface in SURFACES.items():
        rounds = cost.rounds_of(surface, rates, engine, Assumed())
        times = [duration(cost.time_of(rounds, engine, workers)) for workers in WORKERS]
        limit = cost.limit_of(surface, rates, engine, Assumed(), WORKERS[-1])
        yield name, si(surface.bytes_read, "B"), si(surface.bytes_sent, "B"), *times, limit


SIMULATED_COLUMNS = ("simulated ÷ formula", *(f"{count:,}" for count in WORKERS), f"{WORKERS[-1]:,}, with spread")


def simulated_rows(measured):
    rates, engine = rates_of(measured), engine_of(measured, AS)
    for name, surface in SURFACES.items():
        rounds = cost.rounds_of(surface, rates, engine, Assumed())
        equal = [significant(simulated(rounds, count) / on_paper(rounds, count)) for count in WORKERS]
        spread = simulated(rounds, WORKERS[-1], Assumed().spread) / on_paper(rounds, WORKERS[-1])
        yield name, *equal, significant(spread)


def on_paper(rounds, workers):
    return sum(max(cost.bounds_of(of, workers)) for of in rounds)


def simulated(rounds, workers, spread=0.0):
    return sum(simulation.time_of(of, workers, spread, seed) for seed, of in enumerate(rounds))


RUN = 1, 2


def run_rows(measured):
    for name in measured["engines"]:
        ratios = []
        for workers in RUN:
            found = measured["engines"][name][str(workers)]["surface_s"]
            ratios.append(
                f"{si(found, 's')}, {significant(found / on_paper(rounds_that_ran(measured, name), workers))}"
            )
        yield name, *ratios


def rounds_that_ran(measured, name):
    """Those of the surface of `bench.tasks`."""
    engine, rates, sent = engine_of(measured, name), measured["rates"], 8 * NODES**2
    return [
        Round(BLOCKS, rates["block_ranges_s"], engine.per_task, 0.0, 0.0),
        Round(BLOCKS, rates["block_sums_s"], engine.per_task, sent / engine.back, sent / rates["bytes_added"]),
    ]


def start_rows(measured):
    rates, engine = rates_of(measured), engine_of(measured, AS)
    back = measured["rates"]["bytes_a_start"] * STARTS
    each = STARTS / cost.MOST_TASKS / rates.starts
    placed = rates._replace(bytes_added=math.inf)  # ends are not added up
    rounds = [cost.round_of(cost.MOST_TASKS, each, back / cost.MOST_TASKS, placed, engine, Assumed())]
    times = [duration(cost.time_of(rounds, engine, workers)) for workers in WORKERS]
    yield "10⁹ starts of the lab", *times, si(back, "B")


def rates_of(measured):
    rates = measured["rates"]
    named = {name: rates[name] for name in Rates._fields if name != "bytes_read"}
    return Rates(bytes_read=rates["bytes_read_100"], **named)


def engine_of(measured, name):
    """As it was with two workers: with more than processors a task waits for its turn."""
    found = measured["engines"][name]["2"]
    return Engine(found["start_s"], found["first_kernel_s"], found["per_task_s"], max(found["back"].values()))


def in_workers(count):
    return f"{count:,} worker{'s' * (count > 1)}"


def duration(seconds):
    unit = next((unit for unit, of in UNITS.items() if seconds >= 2 * of), None)
    return f"{significant(seconds / UNITS[unit])} {unit}" if unit else si(seconds, "s")


def figure(measured):
    """Seconds by workers: lines by the formula, points simulated with spread, dots what one worker's time promises."""
    rates, engine = rates_of(measured), engine_of(measured, AS)
    drawn, axes = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    for place, (name, surface) in enumerate(SURFACES.items()):
        rounds = cost.rounds_of(surface, rates, engine, Assumed())
        begin = engine.start + engine.first_kernel
        ax, color = axes[place // 3], COLORS[place % 3]
        ax.plot(DRAWN, [cost.time_of(rounds, engine, count) for count in DRAWN], color=color, label=name)
        found = [begin + simulated(rounds, count, Assumed().spread) for count in DRAWN]
        ax.plot(DRAWN, found, "o", color=color, markersize=4)
        ax.plot(DRAWN, [cost.time_of(rounds, engine, 1) / count for count in DRAWN], ":", color=color, linewidth=1)
    for ax in axes:
        ax.set(xscale="log", yscale="log", xlabel="workers of one thread", ylabel="seconds")
        ax.grid(alpha=0.3)
        ax.legend(fontsize="small")
    return drawn


if __name__ == "__main__":
    main()
