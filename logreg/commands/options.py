"""Options that several commands have, and whether there is room for what they ask for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kernels.arguments import memory
from logreg.choices import LAB_TRAINING
from logreg.commands.parser import folder, number, whole
from logreg.language import said

if TYPE_CHECKING:
    from logreg.commands.parser import Parser

OUT = Path("out")


def add_training(parser: Parser) -> None:
    parser.option("--epochs", LAB_TRAINING["epochs"], said("passes over the data"), type=whole, metavar="N")
    parser.option("--lr", LAB_TRAINING["lr"], said("learning rate"), type=number, metavar="RATE")
    parser.option("--batch-size", LAB_TRAINING["batch_size"], said("samples a step"), type=whole, metavar="N")


def add_out(parser: Parser) -> None:
    parser.option("--out", OUT, said("folder for the pictures"), type=folder, metavar="DIR")


def add_seed(parser: Parser, text: str) -> None:
    parser.option("--seed", 0, text, type=whole, metavar="N")


def add_device(parser: Parser) -> None:
    parser.choice("--device", "cpu", said("where to train and to evaluate"), ["cpu", "cuda"])


def check_room(name: str, value: int, shape: tuple[int, ...]) -> None:
    """Refuses the value of an option where an array of float64 that it asks for doesn't fit into memory."""
    try:
        memory.check_fits(shape, np.float64)
    except MemoryError as error:
        raise MemoryError(f"{name} is {value}; accepted: less, as {error}") from None
