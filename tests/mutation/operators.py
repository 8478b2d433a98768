"""Mutants of Python source: every small change of one place that could be a slip, by its position in the text.

Left alone are docstrings and other strings, annotations, decorators, imports, and what an error says.
"""

import ast
from collections.abc import Iterator
from typing import NamedTuple

COMPARISONS = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}
ARITHMETIC = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "*"),
    ast.Pow: ("**", "*"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
    ast.LShift: ("<<", ">>"),
    ast.RShift: (">>", "<<"),
}
CONNECTIVES = {ast.And: ("and", "or"), ast.Or: ("or", "and")}
COUNTERPARTS = {
    "min": "max",
    "max": "min",
    "minimum": "maximum",
    "maximum": "minimum",
    "argmin": "argmax",
    "argmax": "argmin",
    "any": "all",
    "all": "any",
    "floor": "ceil",
    "ceil": "floor",
    "zeros": "ones",
    "ones": "zeros",
}
BRANCHES = ("where", "select")  # functions whose second and third argument could be exchanged


class Mutant(NamedTuple):
    """The bytes [start, stop) of a source, which begin on a line, become `text`."""

    line: int
    start: int
    stop: int
    text: str

    def of(self, source):
        return source[: self.start] + self.text.encode() + source[self.stop :]


def mutants(source, left_out=frozenset()):
    """Every Mutant of the bytes of a source, by its place; it may fail to compile.

    Nothing is changed in what assigns, defines, calls or compares with a name that is `left_out`, nor in arguments and
    values of dictionaries that have it for a name.
    """
    found = set(Mutator(source, left_out).module())
    return sorted(mutant for mutant in found if source[mutant.start : mutant.stop] != mutant.text.encode())


def compiles(source):
    try:
        compile(source, "mutant", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


class Mutator:
    """The mutants of one source."""

    def __init__(self, source, left_out):
        self.source, self.left_out = source, left_out
        lengths = [len(line) for line in source.splitlines(keepends=True)]
        self.starts = [sum(lengths[:k]) for k in range(len(lengths) + 1)]

    def module(self):
        yield from self.inside(ast.parse(self.source))

    def inside(self, node) -> Iterator[Mutant]:
        """Mutants of a node and all that it holds."""
        if self.left_out & set(names_of(node)) or is_for_types(node):
            return
        yield from getattr(self, f"of_{type(node).__name__}", nothing)(node)
        if isinstance(node, ast.stmt):
            yield from self.without(node)
        for child in mutated(node, self.left_out):
            yield from self.inside(child)

    # Places in the text

    def at(self, line, column):
        return self.starts[line - 1] + column

    def start(self, node):
        return self.at(node.lineno, node.col_offset)

    def stop(self, node):
        return self.at(node.end_lineno, node.end_col_offset)

    def text(self, node):
        return self.source[self.start(node) : self.stop(node)].decode()

    def instead(self, node, text):
        return Mutant(node.lineno, self.start(node), self.stop(node), text)

    def sign(self, left, right, old, new):
        """Another operator between two nodes."""
        start = self.source.find(old.encode(), self.stop(left), self.start(right))
        if start >= 0:
            line = left.end_lineno + self.source.count(b"\n", self.stop(left), start)
            yield Mutant(line, start, start + len(old), new)

    # Expressions

    def of_Compare(self, node):
        for left, operator, right in zip([node.left, *node.comparators], node.ops, node.comparators, strict=False):
            yield from self.sign(left, right, *COMPARISONS[type(operator)])

    def of_BinOp(self, node):
        if not any(is_text(side) for side in (node.left, node.right)) and type(node.op) in ARITHMETIC:
            yield from self.sign(node.left, node.right, *ARITHMETIC[type(node.op)])
            yield self.instead(node, self.text(node.left))
            if isinstance(node.op, ast.Add | ast.Mult):
                yield self.instead(node, self.text(node.right))

    def of_BoolOp(self, node):
        for left, right in zip(node.values, node.values[1:], strict=False):
            yield from self.sign(left, right, *CONNECTIVES[type(node.op)])

    def of_UnaryOp(self, node):
        if isinstance(node.op, ast.Not | ast.USub | ast.Invert):
            yield self.instead(node, f"({self.text(node.operand)})")

    def of_Constant(self, node):
        value = node.value
        if isinstance(value, bool):
            yield self.instead(node, str(not value))
        elif isinstance(value, int):
            yield from (self.instead(node, str(other)) for other in {value + 1, 0 if value == 1 else value + 1})
        elif isinstance(value, float):
            yield from (self.instead(node, repr(other)) for other in ((value * 2, value / 2) if value else (1.0,)))

    def of_IfExp(self, node):
        yield from self.negated(node.test)

    def of_Call(self, node):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
        if name in COUNTERPARTS:
            stop = self.stop(node.func)
            yield Mutant(node.func.end_lineno, stop - len(name), stop, COUNTERPARTS[name])
        if name == "abs" and node.args:
            yield self.instead(node, f"({self.text(node.args[0])})")
        if name == "range" and node.args:
            stop = node.args[min(1, len(node.args) - 1)]
            yield self.instead(stop, f"{self.text(stop)} - 1")
        swapped = node.args[1:] if name in BRANCHES else node.args
        if len(swapped) == 2 and (name in BRANCHES or all(isinstance(value, ast.Name) for value in swapped)):
            yield self.swapped(*swapped)
        if node.keywords and node.keywords[-1].arg not in (None, *self.left_out):
            yield from self.without_keyword(node)

    def without_keyword(self, node):
        last = node.keywords[-1]
        before = [*node.args, *node.keywords[:-1]]
        start = max((self.stop(other) for other in before), default=self.start(last))
        yield Mutant(last.lineno, start, self.stop(last), "")

    def of_Slice(self, node):
        if node.upper is not None and not isinstance(node.upper, ast.Constant):
            yield self.instead(node.upper, f"{self.text(node.upper)} - 1")
        if node.lower is not None and not isinstance(node.lower, ast.Constant):
            yield self.instead(node.lower, f"{self.text(node.lower)} + 1")

    def of_comprehension(self, node):
        for test in node.ifs:
            yield from self.negated(test)

    def negated(self, test):
        if not any(isinstance(node, ast.Name) and node.id in self.left_out for node in ast.walk(test)):
            yield self.instead(test, f"(not ({self.text(test)}))")

    # Statements

    def of_If(self, node):
        yield from self.negated(node.test)
        if node.orelse and not isinstance(node.orelse[0], ast.If):
            yield Mutant(node.orelse[0].lineno, self.start(node.orelse[0]), self.stop(node.orelse[-1]), "pass")

    def of_While(self, node):
        yield from self.negated(node.test)

    def of_AugAssign(self, node):
        if type(node.op) in ARITHMETIC:
            old, new = (f"{sign}=" for sign in ARITHMETIC[type(node.op)])
            yield from self.sign(node.target, node.value, old, new)

    def of_Return(self, node):
        if isinstance(node.value, ast.Tuple) and len(node.value.elts) > 1:
            yield self.swapped(*node.value.elts[:2])

    def swapped(self, one, other):
        between = self.source[self.stop(one) : self.start(other)].decode()
        return Mutant(one.lineno, self.start(one), self.stop(other), self.text(other) + between + self.text(one))

    def without(self, node):
        """The statement left out, where what follows may run without it."""
        is_call = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.YieldFrom)
        is_store = isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript | ast.Attribute)
        if is_call or is_store or isinstance(node, ast.AugAssign | ast.Raise | ast.Continue | ast.Break):
            yield self.instead(node, "pass")


def nothing(node):
    return ()


def is_for_types(node):
    """Whether a statement only says of what type something is: imports for type checkers, names of types."""
    about = node.test if isinstance(node, ast.If) else node.annotation if isinstance(node, ast.AnnAssign) else None
    return isinstance(about, ast.Name) and about.id in ("TYPE_CHECKING", "TypeAlias")


def is_text(node):
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def names_of(node):
    """Names that a node assigns, defines, calls as a statement, or compares."""
    if isinstance(node, ast.FunctionDef):
        return [node.name]
    if isinstance(node, ast.keyword):
        return [node.arg]
    if isinstance(node, ast.Compare):
        return [side.id for side in (node.left, *node.comparators) if isinstance(side, ast.Name)]
    if isinstance(node, ast.Assign):
        return [name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)]
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return [getattr(node.value.func, "id", None)]
    return []


def mutated(node, left_out):
    """The nodes in a node that are to be changed, too."""
    if isinstance(node, ast.Raise | ast.Import | ast.ImportFrom | ast.JoinedStr | ast.arg):
        return
    if isinstance(node, ast.Dict):
        yield from (
            value
            for key, value in zip(node.keys, node.values, strict=True)
            if not (isinstance(key, ast.Constant) and key.value in left_out)
        )
        return
    for field, value in ast.iter_fields(node):
        if field not in ("annotation", "returns", "decorator_list", "type_params"):
            yield from (
                child for child in (value if isinstance(value, list) else [value]) if isinstance(child, ast.AST)
            )
