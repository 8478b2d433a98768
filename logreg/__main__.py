"""The command line: python -m logreg, or logreg."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from kernels.language import LANGUAGES, speaking
from logreg.commands import explore, lab, rates, starts, surface
from logreg.commands.parser import Parser, language_first
from logreg.language import said

if TYPE_CHECKING:
    from collections.abc import Sequence

    from logreg.commands.parser import Command

COMMANDS: dict[str, Command] = {
    "lab": lab,
    "surface": surface,
    "starts": starts,
    "rates": rates,
    "explore": explore,
}
DEFAULT = "lab"
WRONG = ValueError, TypeError, OSError, ArithmeticError, MemoryError  # what wrong values of options lead to


def main(arguments: Sequence[str] | None = None) -> None:
    """Does what a command line asks for; it ends the process with 2 where it can't be, with 130 after Ctrl-C."""
    language, words = language_first(sys.argv[1:] if arguments is None else arguments)
    with speaking(language if language in LANGUAGES else "en"):
        named = words and not words[0].startswith("-")
        name, options = (words[0], words[1:]) if named else (DEFAULT, words)
        parser = parser_of(name)
        given = parser.given([*options, f"--language={language}"])
        try:
            COMMANDS[name].run(**given)
        except WRONG as error:
            parser.error(parser.as_typed(str(error)))
        except KeyboardInterrupt:
            print(said("interrupted"), file=sys.stderr)
            sys.exit(130)


def parser_of(name: str) -> Parser:
    """The parser of a command, of which the default's names the others; it refuses another name."""
    command = COMMANDS.get(name, COMMANDS[DEFAULT])
    program = "logreg" if Path(sys.argv[0]).name == "logreg" else "python -m logreg"
    if command is COMMANDS[DEFAULT]:
        parser = Parser(program, command.texts(), {name: one.texts().summary for name, one in COMMANDS.items()})
    else:
        parser = Parser(f"{program} {name}", command.texts())
    command.add_options(parser)
    if name not in COMMANDS:
        parser.refuse(name, "no command", COMMANDS)
    return parser


if __name__ == "__main__":
    main()
