"""The explore command: a loss surface under the mouse, in a window or on a page for a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from logreg.choices import DATA_SETS
from logreg.commands.parser import Texts, whole
from logreg.language import said

if TYPE_CHECKING:
    from logreg.commands.parser import Parser


def texts() -> Texts:
    return Texts(
        said("drag the start over the loss surface"),
        said(
            "Shows the loss surface with a start that can be dragged, and all that follows from it at once: the path "
            "of training, the model over the data, loss and accuracy. Learning rate, batches, momentum, epochs, the "
            "order of the samples and the cost can be changed. Real data is shown on a plane through its trained model."
        ),
        "--web",
    )


def add_options(parser: Parser) -> None:
    parser.choice("--data", "lab", said("the data; all but lab need scikit-learn"), DATA_SETS)
    parser.add("--web", action="store_true", help=said("serve it on a page of this machine, for a browser"))
    parser.option("--port", said("any that is free"), said("port of the page"), type=whole, metavar="N")
    parser.add("--open", action="store_true", help=said("open the page in the browser, too"))


def run(data: str = "lab", web: bool = False, **of_page: Any) -> None:
    from logreg.commands.exploring import on_a_page, on_screen

    if web or of_page:
        on_a_page(data, **of_page)
    else:
        on_screen(data)
