"""Trees in forms: what PHP writes, and what nobody should be able to make of it."""

from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.collect.brackets import MAX_DEPTH, MAX_FIELDS, MAX_NAME, in_order, parse_brackets
from service.kit.errors import BadRequest


@pytest.mark.parametrize(
    ("form", "tree"),
    [
        ("a=1", {"a": "1"}),
        ("a[b]=1&a[c]=2", {"a": {"b": "1", "c": "2"}}),
        ("a[0][b]=1&a[1][b]=2", {"a": {"0": {"b": "1"}, "1": {"b": "2"}}}),
        ("a[]=x&a[]=y", {"a": {"0": "x", "1": "y"}}),
        ("a%5Bb%5D=%D0%B6+x", {"a": {"b": "ж x"}}),
        ("a[b]=1&a=2", {"a": {"b": "1"}}),
        ("a=2&a[b]=1", {"a": {"b": "1"}}),
        ("a[b]=1&a[b]=2", {"a": {"b": "2"}}),
        ("a[b][c]=1&a[b]=2", {"a": {"b": {"c": "1"}}}),
        ("a[b=1", {"a[b": "1"}),
        ("a]b=1&[c]=2", {"a]b": "1", "[c]": "2"}),
        ("a[b]c=1&a[b[c]]=2", {"a[b]c": "1", "a[b[c]]": "2"}),
        ("__proto__[x]=1", {"__proto__": {"x": "1"}}),
        ("a", {"a": ""}),
        ("", {}),
    ],
)
def test_trees(form: str, tree: Any) -> None:
    assert parse_brackets(form) == tree


def test_a_list_is_read_in_the_order_of_its_numbers() -> None:
    tree = parse_brackets("a[10]=c&a[2]=b&a[x]=d&a[0]=a")
    assert in_order(tree["a"]) == ["a", "b", "c", "d"]
    assert in_order("text") == in_order(None) == []
    assert in_order({"9" * 5_000: 1, "²": 2, "1": 0})[0] == 0


names = st.text(st.characters(categories=["L", "N"], max_codepoint=0x24F), min_size=1, max_size=5)


@given(
    st.recursive(
        st.text(max_size=5),
        lambda below: st.dictionaries(names, below, min_size=1, max_size=3),
        max_leaves=20,
    ).filter(lambda tree: isinstance(tree, dict))
)
def test_a_tree_written_out_is_read_back(tree: Any) -> None:
    def leaves(node: Any, name: str = "") -> Any:
        if isinstance(node, str):
            return [(name, node)]
        return [
            pair
            for key, below in node.items()
            for pair in leaves(below, f"{name}[{key}]" if name else key)
        ]

    pairs = leaves(tree)
    if any(name.count("[") >= MAX_DEPTH for name, _ in pairs):
        return
    assert parse_brackets(urlencode(pairs)) == tree


@given(st.text("ab[]=&01%5BD", max_size=60))
def test_nothing_breaks_it(form: str) -> None:
    parse_brackets(form)


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ("a" + "[b]" * MAX_DEPTH + "=1", "malformed_form"),
        ("a" * (MAX_NAME + 1) + "=1", "malformed_form"),
        ("&".join(["a[]=1"] * (MAX_FIELDS + 1)), "too_many_fields"),
        ("a" + "[" * 100_000, "malformed_form"),
    ],
)
def test_bombs(form: str, code: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_brackets(form)
    assert caught.value.code == code


def test_as_large_as_is_allowed() -> None:
    assert len(parse_brackets("&".join(["a[]=1"] * MAX_FIELDS))["a"]) == MAX_FIELDS
    deepest = "a" + "[b]" * (MAX_DEPTH - 1)
    assert parse_brackets(f"{deepest}=1") != {deepest: "1"}
