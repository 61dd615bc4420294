"""The combination expression, beside OpenJD's own parser."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm.manifest.combine import Node, Product, Zip, names, parse


@pytest.mark.parametrize(
    ("expression", "tree"),
    [
        ("a", "a"),
        ("a * b", Product(("a", "b"))),
        ("(a, b) * c", Product((Zip(("a", "b")), "c"))),
        ("(a * b, c)", Zip((Product(("a", "b")), "c"))),
        ("((a, b), c)", Zip((Zip(("a", "b")), "c"))),
        ("a*b*c", Product(("a", "b", "c"))),
        ("  a  *  ( b , c )  ", Product(("a", Zip(("b", "c"))))),
    ],
)
def test_an_expression_is_a_tree(expression: str, tree: Node) -> None:
    """Products outside, zips in parentheses, in any depth."""
    assert parse(expression) == tree
    assert names(parse(expression)) == re.findall(r"\w+", expression)


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("", "ends too early: an axis or ( is missing"),
        ("a *", "ends too early"),
        ("* a", "has '*' at column 1, where an axis or ( belongs"),
        ("a b", "has 'b' at column 3, where * or the end belongs"),
        ("(a, b", "ends too early: , or ) is missing"),
        ("a)", "has ')' at column 2"),
        ("(,a)", "has ',' at column 2"),
        ("(a)", "has a alone in parentheses"),
        ("(a * b)", "has a, b alone in parentheses"),
        ("()", "has ')' at column 2"),
        ("a + b", "which is no axis"),
        ("1a", "which is no axis"),
        ("(" * 30 + "a" + ")" * 30, "more than 20 parentheses"),
        ("(" * 100_000, "more than 20 parentheses"),
    ],
)
def test_what_is_no_expression(expression: str, said: str) -> None:
    """The column, and what belongs there."""
    with pytest.raises(ValueError, match=re.escape(said)):
        parse(expression)


def _ours(node: Node) -> Any:
    if isinstance(node, str):
        return node
    return (type(node).__name__, *(_ours(part) for part in node.parts))


def _theirs(node: Any) -> Any:
    kind = type(node).__name__
    if kind == "IdentifierNode":
        return node.parameter
    return ("Zip" if kind == "AssociationNode" else "Product", *(_theirs(child) for child in node.children))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(["a", "bc", "*", "*", ",", "(", ")", " "]), max_size=12).map("".join))
def test_openjd_reads_the_same(expression: str) -> None:
    """What they take we take, with the same tree; what they refuse we refuse."""
    theirs = pytest.importorskip("openjd.model._internal._combination_expr")
    try:
        expected = _theirs(theirs.Parser().parse(expression))
    except Exception as error:  # noqa: BLE001 theirs has errors of several kinds
        assert type(error).__name__ in {"TokenError", "ExpressionError"}  # noqa: PT017 it is their refusal that counts
        with pytest.raises(ValueError, match=" "):
            parse(expression)
        return
    assert _ours(parse(expression)) == expected


_TREES: st.SearchStrategy[Node] = st.recursive(
    st.just("x"),
    lambda inner: (
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: Zip(tuple(parts)))
        | st.lists(inner.filter(lambda part: not isinstance(part, Product)), min_size=2, max_size=3).map(
            lambda parts: Product(tuple(parts))
        )
    ),
    max_leaves=8,
)


def _written(node: Node) -> str:
    """An expression that means a tree."""
    if isinstance(node, str):
        return node
    if isinstance(node, Product):
        return " * ".join(_written(part) for part in node.parts)
    return f"({', '.join(_written(part) for part in node.parts)})"


@given(_TREES)
def test_a_tree_that_is_written_is_read_back(tree: Node) -> None:
    """Every tree the grammar has."""
    assert parse(_written(tree)) == tree
