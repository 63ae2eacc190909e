"""Forms whose field names hold their place in a tree, as PHP writes them: `leads[add][0][id]=7`.

Lists are written like objects whose names are numbers, and stay so; `in_order` gives their values.
"""

from typing import Any, Final
from urllib.parse import parse_qsl

from service.kit.errors import BadRequest

MAX_FIELDS: Final = 20_000
MAX_DEPTH: Final = 12
MAX_NAME: Final = 500
"""Characters of one whole name. PHP itself takes 1,000 fields and 64 levels."""

Tree = dict[str, Any]


def parse_brackets(text: str) -> Tree:
    """The tree of a form; a value is text or another tree.

    Where one place is given a text and a tree, the tree stays; of two texts the last. A name whose
    brackets do not match is a plain name. Takes time in proportion to the text.
    Raises BadRequest for too many fields, or names too long or too deep.
    """
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise BadRequest(
            "too_many_fields", f"A form holds at most {MAX_FIELDS} fields; send more requests."
        ) from error
    tree: Tree = {}
    for name, value in pairs:
        _put(tree, _path_of(name), value)
    return tree


def in_order(node: object) -> list[Any]:
    """The values of a list, which is a tree with numbers for names; of anything else none."""
    if not isinstance(node, dict):
        return []
    return [node[name] for name in sorted(node, key=_place)]


def _place(name: str) -> tuple[bool, int, str]:
    number = name.isascii() and name.isdecimal() and len(name) < 10
    return (not number, int(name) if number else 0, name)


def _path_of(name: str) -> list[str]:
    if len(name) > MAX_NAME:
        raise BadRequest("malformed_form", f"A name in a form has at most {MAX_NAME} characters.")
    first, bracket, rest = name.partition("[")
    if not bracket or not first or not rest.endswith("]"):
        return [name]
    path = [first, *rest[:-1].split("][")]
    if any("[" in step or "]" in step for step in path):
        return [name]
    if len(path) > MAX_DEPTH:
        raise BadRequest("malformed_form", f"A name in a form has at most {MAX_DEPTH} levels.")
    return path


def _put(tree: Tree, path: list[str], value: str) -> None:
    for step in path[:-1]:
        step = step or str(len(tree))
        below = tree.get(step)
        if not isinstance(below, dict):
            below = tree[step] = {}
        tree = below
    last = path[-1] or str(len(tree))
    if not isinstance(tree.get(last), dict):
        tree[last] = value
