"""amoCRM's forms as another package reads them: the same trees, the same changes.

The package is young and is not among the locked ones; where it is installed, it has a say.
"""

from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.collect.brackets import parse_brackets
from service.collect.formats.amocrm import messages
from tests.collect.sending import call
from tests.collect.test_amocrm import contact, field, form, lead

theirs = pytest.importorskip("aioamocrm._webhooks", reason="aioamocrm is not installed")

BODIES = [
    form(leads_status=[lead(), lead(6, 143)], leads_add=[lead(7, custom_fields=[])]),
    form(contacts_update=[contact()], contacts_add=[contact(id=4)]),
    form(leads_update=[lead(custom_fields=[field(1, "Имя & co", "a=b", "c[d]", code="X")])]),
    form(unsorted_add=[{"uid": "u", "data": {"leads": [{"id": 1}], "contacts": [{"id": 2}]}}]),
]


def listed(node: Any) -> Any:
    """Objects whose names are all numbers, as lists."""
    if not isinstance(node, dict):
        return node
    if node and all(name.isdecimal() for name in node):
        return [listed(node[name]) for name in sorted(node, key=int)]
    return {name: listed(below) for name, below in node.items()}


@pytest.mark.parametrize("body", BODIES)
def test_the_same_changes(body: bytes) -> None:
    told = [(e.entity, e.action, e.payload) for e in theirs.parse_webhook(body).events]
    ours = [(m["object"], m["action"], listed(m["item"])) for m in messages(call("/x", body))]
    assert ours == told


names = st.lists(st.sampled_from(["a", "b", "0", "1", "7", "é"]), min_size=1, max_size=4)


@given(st.lists(st.tuples(names, st.text(max_size=3)), max_size=12))
def test_the_same_trees(pairs: list[tuple[list[str], str]]) -> None:
    """But where a place is given a text and a tree, for there we keep the tree."""
    paths = [tuple(path) for path, _ in pairs]
    if any(a != b and b[: len(a)] == a for a in paths for b in paths):
        return
    body = urlencode([(p[0] + "".join(f"[{s}]" for s in p[1:]), v) for p, v in pairs])
    assert listed(parse_brackets(body)) == theirs.parse_form(body)
