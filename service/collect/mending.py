"""Mending a message: values put in, paths taken out, as a sender's mistake is mended in many items.

A path names a place by the names and numbers on the way to it, joined by dots: `properties.order_id`,
`products.0.price`.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from service.kit.errors import Refusal


def mended(message: Any, replace: Mapping[str, Any], remove: Sequence[str] = ()) -> Any:
    """A copy of the message with the paths of `remove` taken out, then those of `replace` set.

    Objects on the way are made where there are none; a list's place must be there. Taking out what
    is not there changes nothing. Raises Refusal `bad_path`.
    """
    found = copy.deepcopy(message)
    for path in remove:
        *way, last = _steps(path)
        inner = _walk(found, way, path, make=False)
        if isinstance(inner, dict):
            inner.pop(last, None)
        elif isinstance(inner, list) and (place := _place(last, inner)) is not None:
            del inner[place]
    for path, value in replace.items():
        *way, last = _steps(path)
        inner = _walk(found, way, path, make=True)
        if isinstance(inner, dict):
            inner[last] = value
        elif isinstance(inner, list) and (place := _place(last, inner)) is not None:
            inner[place] = value
        else:
            raise _bad(path, f"there is no place {last!r}")
    return found


def _steps(path: str) -> list[str]:
    steps = path.split(".")
    if not all(steps):
        raise _bad(path, "a path is names and numbers joined by dots, such as deal.amount")
    return steps


def _walk(message: Any, way: Sequence[str], path: str, make: bool) -> Any:
    """The object or list at the end of the way; None where it is not there and may not be made."""
    inner = message
    for step in way:
        if isinstance(inner, dict):
            if step not in inner and not make:
                return None
            inner = inner.setdefault(step, {})
        elif isinstance(inner, list) and (place := _place(step, inner)) is not None:
            inner = inner[place]
        elif make:
            raise _bad(path, f"there is no place {step!r}")
        else:
            return None
    return inner


def _place(step: str, inner: Sequence[Any]) -> int | None:
    known = step.isascii() and step.isdigit() and len(step) < 7 and int(step) < len(inner)
    return int(step) if known else None


def _bad(path: str, why: str) -> Refusal:
    return Refusal("bad_path", path[:200], why)
