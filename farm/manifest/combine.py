"""The ``combine`` expression: how axes make a space. The grammar is OpenJD's combination expression.

expression  = element { "*" element }
element     = axis | "(" expression { "," expression } ")"
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(r"\s*([^\W\d]\w*|[*(),])")
_DEPTH = 20


@dataclass(frozen=True, slots=True)
class Product:
    """Every combination of its parts, the last varying fastest."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Zip:
    """Its parts side by side: the first of each, the second of each …; all of one length."""

    parts: tuple["Node", ...]


#: An expression: an axis by its name, or several expressions combined.
Node = str | Product | Zip


def parse(expression: str) -> Node:
    """The tree of an expression.

    Raises:
        ValueError: it is none; says what was expected where.
    """
    parser = _Parser(list(_tokens(expression)))
    tree = parser.product(0)
    if parser.here is not None:
        raise parser.unexpected("* or the end")
    return tree


def names(node: Node) -> list[str]:
    """The axes of an expression, in the order written."""
    return [node] if isinstance(node, str) else [name for part in node.parts for name in names(part)]


def _tokens(expression: str) -> Iterator[tuple[int, str]]:
    at, end = 0, len(expression.rstrip())
    while at < end:
        found = _TOKEN.match(expression, at)
        if not found:
            raise ValueError(
                f"has {expression[at:].strip()[:20]!r} at column {at + 1}, which is no axis and none of * ( , )."
            )
        yield found.start(1), found[1]
        at = found.end()


class _Parser:
    """Recursive descent, one method per rule of the grammar."""

    def __init__(self, tokens: list[tuple[int, str]]) -> None:
        self._tokens, self._next = tokens, 0

    @property
    def here(self) -> str | None:
        """The token that comes next; None at the end."""
        return self._tokens[self._next][1] if self._next < len(self._tokens) else None

    def unexpected(self, expected: str) -> ValueError:
        """The error at the token that comes next."""
        if self.here is None:
            return ValueError(f"ends too early: {expected} is missing.")
        return ValueError(f"has {self.here!r} at column {self._tokens[self._next][0] + 1}, where {expected} belongs.")

    def take(self, token: str) -> bool:
        """Whether this token came next; it is behind us then."""
        taken = self.here == token
        self._next += taken
        return taken

    def product(self, depth: int) -> Node:
        """Elements with ``*`` between them."""
        parts = [self.element(depth)]
        while self.take("*"):
            parts.append(self.element(depth))
        return parts[0] if len(parts) == 1 else Product(tuple(parts))

    def element(self, depth: int) -> Node:
        """An axis, or expressions in parentheses."""
        if depth > _DEPTH:
            raise ValueError(f"has more than {_DEPTH} parentheses inside each other.")
        if self.take("("):
            return self.association(depth)
        name = self.here
        if name is None or not name.isidentifier():
            raise self.unexpected("an axis or (")
        self._next += 1
        return name

    def association(self, depth: int) -> Node:
        """What follows an opening parenthesis."""
        parts = [self.product(depth + 1)]
        while self.take(","):
            parts.append(self.product(depth + 1))
        if not self.take(")"):
            raise self.unexpected(", or )")
        if len(parts) == 1:
            raise ValueError(
                f"has {', '.join(names(parts[0]))} alone in parentheses, which go side by side with a comma."
            )
        return Zip(tuple(parts))
