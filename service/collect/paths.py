"""Where a value stands in somebody's document: `lead.contact.email`, `items[0].id`, `["odd.name"]`,
`fields[email]`.

A beginning `$` may be written and means nothing, as in JSONPath. A form has flat names; so a path
that is itself a name there means that field.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

MAX_STEPS: Final = 20

_STEP: Final = re.compile(
    r"""\.?(?P<name>[^.\[\]"']+)|\[(?P<place>-?[0-9]{1,6})\]|\[(?P<quote>["'])(?P<quoted>.*?)(?P=quote)\]|\[(?P<word>[^\[\]"']+)\]"""
)


@lru_cache(maxsize=4096)
def steps_of(path: str) -> Sequence[str | int]:
    """The names and places of a path, in order. Raises ValueError."""
    rest = path.strip().removeprefix("$")
    found: list[str | int] = []
    at = 0
    while at < len(rest):
        step = _STEP.match(rest, at)
        if step is None or len(found) == MAX_STEPS:
            raise ValueError(f"{path[:80]!r} is no path such as lead.contact.email or items[0].id")
        place = step["place"]
        found.append(
            int(place)
            if place is not None
            else step["quoted"] or step["name"] or step["word"] or ""
        )
        at = step.end()
    if not found:
        raise ValueError("a path names at least one field")
    return tuple(found)


def value_at(document: Any, path: str) -> Any:
    """What stands there; None where nothing does."""
    if isinstance(document, dict) and path in document:
        return document[path]
    for step in steps_of(path):
        if isinstance(step, int):
            if not isinstance(document, list) or not -len(document) <= step < len(document):
                return None
            document = document[step]
        elif not isinstance(document, dict) or step not in document:
            return None
        else:
            document = document[step]
    return document


def first_at(document: Any, paths: str) -> Any:
    """The first value that is there and not empty, of paths with `|` between them; else None."""
    for path in paths.split("|"):
        if (value := value_at(document, path.strip())) not in (None, ""):
            return value
    return None
