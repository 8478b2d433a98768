"""What pictures call losses and quantities, by the tables of kernels, which are looked at when something is drawn.

Titles are those of the tables, in the language spoken.
"""

from __future__ import annotations

import numpy as np

from viz.language import said


def names() -> tuple[str, ...]:
    """Those of the losses that there are."""
    from kernels.losses import LOSSES

    return tuple(LOSSES)


def title_of(loss: str) -> str:
    """A loss in words; an unknown one as it is."""
    from kernels.losses import LOSSES

    return said(LOSSES[loss].title) if loss in LOSSES else loss


def mean_label(loss: str, added: str = "") -> str:
    """The mean of a loss in words, with what is added to it, and its unit."""
    from kernels.losses import LOSSES

    title, unit = LOSSES[loss].title, LOSSES[loss].unit
    mean = said(title if title.startswith("mean ") else f"mean {title}")
    return f"{mean}{added}{f' ({unit})' if unit else ''}"


def mean_at(loss: str, z: np.ndarray, y: np.ndarray) -> float:
    """The mean of a loss over logits z (n,) and labels y (n,)."""
    from kernels.losses import LOSSES, parts_of

    return float(np.mean(LOSSES[loss].value(parts_of(z, y))))


def quantities() -> tuple[str, ...]:
    """Names of the quantities of a plane's surface."""
    from kernels.quantities import QUANTITIES

    return tuple(QUANTITIES)


def heights() -> tuple[str, ...]:
    """Those that are one number at each point."""
    from kernels.quantities import QUANTITIES

    return tuple(name for name, quantity in QUANTITIES.items() if not quantity.lead)


def lead_of(quantity: str) -> tuple[int, ...]:
    """The axes of a quantity before those of the grid."""
    from kernels.quantities import QUANTITIES

    return QUANTITIES[quantity].lead if quantity in QUANTITIES else ()


def is_share(quantity: str) -> bool:
    """Whether it is a share of samples, a step function."""
    from kernels.quantities import QUANTITIES

    return not QUANTITIES[quantity].smooth


def quantity_label(quantity: str, loss: str, added: str) -> str:
    """A quantity in words; that of a loss, and of what is drawn for its derivatives, with what is added to it."""
    from kernels.losses import LOSSES
    from kernels.quantities import QUANTITIES

    if QUANTITIES[quantity].of_loss:
        return mean_label(loss, added)
    return mean_label(quantity) if quantity in LOSSES else said(QUANTITIES[quantity].title)


def label_along_line(quantity: str, loss: str, added: str) -> str:
    """A quantity along a line in words; of its derivatives, which they are."""
    if lead_of(quantity):
        return said("{derivative} of the loss along the line", derivative=short_name(quantity))
    return quantity_label(quantity, loss, added)


def short_name(quantity: str) -> str:
    """A quantity along a line in a word or two."""
    from kernels.quantities import QUANTITIES

    derivatives = {"gradient": said("derivative"), "hessian": said("second derivative")}
    return derivatives.get(quantity) or said(QUANTITIES[quantity].title)
