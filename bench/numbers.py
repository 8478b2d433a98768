"""Numbers as tables show them."""

PREFIXES = {1e12: "T", 1e9: "G", 1e6: "M", 1e3: "k", 1.0: "", 1e-3: "m", 1e-6: "µ", 1e-9: "n"}


def si(value, unit=""):
    """Three digits and a prefix: 1.52 ms, 13.8 G."""
    scale = next((scale for scale in PREFIXES if value >= 0.9995 * scale), 1e-9)
    return f"{significant(value / scale)} {PREFIXES[scale]}{unit}".rstrip()


def significant(value):
    """Three significant digits, without an exponent."""
    digits = 0 if value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:,.{digits}f}" if value >= 0.0995 else f"{value:.2g}"
