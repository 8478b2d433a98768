"""The table of the READMEs: a few workloads on the processor that has most of them, in both languages."""

import statistics

from bench.cells import summary_cells

# (workload, case): what it is called in English and in Spanish
ROWS = {
    ("Lab surface", "1024 x 1024 points, float64, all threads"): (
        "the lab's loss surface, 1024 x 1024 points",
        "la superficie de pérdida del laboratorio, 1024 x 1024 puntos",
    ),
    ("One feature, 20 samples", "4096 x 4096 points, 20 samples of 1 feature, all threads"): (
        "a loss surface of 20 samples, 4096 x 4096 points",
        "una superficie de pérdida de 20 muestras, 4096 x 4096 puntos",
    ),
    ("One feature, many samples", "4096 x 4096 points, 1,000,000 samples of 1 feature, all threads"): (
        "the same of a million samples",
        "la misma de un millón de muestras",
    ),
    ("30 features", "1024 x 1024 points, 100,000 samples of 30 features, all threads"): (
        "a plane through 30 features, 100,000 samples, 1024 x 1024 points",
        "un plano a través de 30 variables, 100,000 muestras, 1024 x 1024 puntos",
    ),
    ("Lab run", "700 steps, float32, threads: 1"): (
        "the lab's training run, 700 steps",
        "el entrenamiento del laboratorio, 700 pasos",
    ),
    ("Lab starts", "1,000,000 starts, 1 feature, batches of 3, float32, all threads"): (
        "a million such runs, each from its own start",
        "un millón de ellos, cada uno desde su propio inicio",
    ),
    ("Loss and gradient", "2,097,152 x 32, float32, all threads"): (
        "loss and gradient of 2 million samples of 32 features",
        "pérdida y gradiente de 2 millones de muestras de 32 variables",
    ),
}
HEADS = {
    "README.md": ("", "ours", "writing the result", "eager PyTorch", "the fastest other", "which"),
    "README.es.md": (
        "",
        "esta biblioteca",
        "escribir el resultado",
        "PyTorch eager",
        "el más rápido de los demás",
        "cuál",
    ),
}


def tables(cases):
    """{README: its table in Markdown} from {(workload, case): {processor: entries}}."""
    found = {key: cases[key] for key in ROWS if key in cases}
    processors = [of for entries in found.values() for of in entries]
    if not processors:
        return dict.fromkeys(HEADS, "")
    of = statistics.mode(processors)
    rows = {key: cells_of(entries[of]) for key, entries in found.items() if of in entries}
    return {readme: table(of, rows, number) for number, readme in enumerate(HEADS)}


def table(of, rows, language):
    head = list(HEADS.values())[language]
    lines = [head, ("---", *["---:"] * (len(head) - 2), "---")]
    lines += [(ROWS[key][language], *cells) for key, cells in rows.items()]
    return f"{of}:\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cells_of(entries):
    """Our time, and how many times as long others take: to move what is read or written, to compute it as one would
    write it, and the fastest."""
    ours, fastest, of_fastest, eager, floor = summary_cells(entries)
    return ours, *(f"{times} x" if times else "" for times in (floor, eager, of_fastest)), fastest
