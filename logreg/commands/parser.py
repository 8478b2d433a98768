"""How a command is asked for: its options, with help and errors that speak of them as they are typed."""

from __future__ import annotations

import argparse
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, Protocol

import kernels
from kernels.arguments.numbers import closest
from kernels.language import LANGUAGES
from logreg.language import said

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

WIDTH = 78  # characters of a line of help


class Texts(NamedTuple):
    """What help says of a command: in some words, in some sentences, and options that are an example."""

    summary: str
    description: str
    example: str


class Command(Protocol):
    """The module of a command. `run` takes the options that were typed, by their names without dashes before them and
    with `_` for those within; what it needs beyond these is imported when it runs."""

    def texts(self) -> Texts: ...

    def add_options(self, parser: Parser, /) -> None: ...

    def run(self, **given: Any) -> None: ...


class Help(argparse.RawDescriptionHelpFormatter):
    """Help that begins in the language that is spoken."""

    def add_usage(
        self, usage: str | None, actions: Iterable[argparse.Action], groups: Iterable[Any], prefix: str | None = None
    ) -> None:
        super().add_usage(usage, actions, groups, said("usage: ") if prefix is None else prefix)


class Parser(argparse.ArgumentParser):
    """The parser of the command for which `prog` is typed; `commands` are those that its help names, with summaries.

    Its errors are of the form that errors have everywhere here.
    """

    def __init__(self, prog: str, texts: Texts, commands: Mapping[str, str] | None = None) -> None:
        super().__init__(
            prog=prog,
            description=textwrap.fill(texts.description, WIDTH, break_on_hyphens=False),
            epilog=f"{listed(commands or {})}{said('example:')}\n  {prog} {texts.example}",
            formatter_class=Help,
            add_help=False,
            allow_abbrev=False,
            exit_on_error=False,
        )
        self.commands = commands or {}
        self.options = self.add_argument_group(said("options"))
        self.typed: dict[str, str] = {}
        self.add("-h", "--help", action="help", help=said("say this and stop"))
        version = f"logreg-kernels {kernels.__version__}"
        self.add("--version", action="version", version=version, help=said("say the version and stop"))
        self.choice("--language", "en", said("language of what is said and drawn"), LANGUAGES)

    def add(self, *names: str, **kind: Any) -> None:
        self.typed[self.options.add_argument(*names, default=argparse.SUPPRESS, **kind).dest] = names[-1]

    def option(self, name: str, default: object, text: str, **kind: Any) -> None:
        """Adds an option that is left out of what was given where it isn't typed."""
        text = said("{what} (default: {default})", what=text, default=default)
        self.add(name, help=text.replace("%", "%%"), **kind)

    def choice(self, name: str, default: str, text: str, accepted: Collection[str], **kind: Any) -> None:
        """Adds an option of which names are accepted: one, or, with `nargs`, several."""
        kind = {"metavar": f"{{{','.join(accepted)}}}"} | kind
        self.option(name, default, text, type=one_of(accepted), **kind)

    def given(self, words: Sequence[str]) -> dict[str, Any]:
        """{name of an option: its value} of those that were typed, but the language."""
        try:
            found, unknown = self.parse_known_args([as_value(word) for word in words])
        except argparse.ArgumentError as error:
            self.error(f"{error.argument_name} {error.message}")
        if unknown:
            self.refuse_word(unknown[0])
        return {name: value for name, value in vars(found).items() if name != "language"}

    def refuse_word(self, word: str) -> NoReturn:
        if word in self.commands:
            self.error(f"{word} is after options; accepted: a command before its options")
        self.refuse(word.partition("=")[0], "no option", self.typed.values())

    def refuse(self, word: str, what: str, accepted: Collection[str]) -> NoReturn:
        self.error(f"{word} is {what}; {instead(word, accepted)}")

    def as_typed(self, message: str) -> str:
        """The message of an error, where it begins with the name of an option as that is typed."""
        return re.sub(r"^\w+", lambda name: self.typed.get(name[0], name[0]), message)


def as_value(word: str) -> str:
    """What is typed, with a space before it where it is a number, such as -1e5, that argparse takes for an option."""
    return f" {word}" if word.startswith("-") and is_number(word) else word


def as_it_was(text: str) -> str:
    """What is typed, of what `as_value` made of it."""
    return text[1:] if text.startswith(" -") and is_number(text) else text


def language_first(arguments: Sequence[str]) -> tuple[str, list[str]]:
    """The language that is asked for, wherever that stands, or English; and the other arguments."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--language", nargs="?", default="en", const="")
    found, others = parser.parse_known_args(arguments)
    return found.language, others


def listed(commands: Mapping[str, str]) -> str:
    """A paragraph that names commands, if there are any."""
    if not commands:
        return ""
    width = max(map(len, commands))
    lines = (f"  {name:{width}}  {summary}\n" for name, summary in commands.items())
    return f"{said('commands, each with --help:')}\n{''.join(lines)}\n"


def one_of(accepted: Collection[str]) -> Callable[[str], str]:
    """A type of options: what is typed, if it is accepted."""

    def named(text: str) -> str:
        if text not in accepted:
            raise argparse.ArgumentTypeError(f"is {as_it_was(text)!r}; {instead(text, accepted)}")
        return text

    return named


def instead(text: str, accepted: Collection[str]) -> str:
    """What is accepted, and which of it may have been meant."""
    close = "".join(f"; did you mean {name}?" for name in closest(text, accepted))
    return f"accepted: {', '.join(accepted)}{close}"


def whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"is {as_it_was(text)!r}; accepted: a whole number") from None


def number(text: str) -> float:
    if not is_number(text):
        raise argparse.ArgumentTypeError(f"is {text!r}; accepted: a number")
    return float(text)


def folder(text: str) -> Path:
    return Path(as_it_was(text))


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
