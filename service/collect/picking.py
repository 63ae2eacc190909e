"""Picking values out of what senders sent, whatever they put there instead. Nothing here raises."""

from collections.abc import Mapping
from typing import Any, Final

MAX_TEXT: Final = 1_000
MAX_URL: Final = 8_000
MAX_PROPERTIES: Final = 100
MAX_VALUE: Final = 8_000


def mapping(value: object) -> dict[str, Any]:
    """The value where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def text(value: object, limit: int = MAX_TEXT) -> str:
    """Trimmed text of at most `limit` characters; empty where the value is no text."""
    return value.strip()[:limit] if isinstance(value, str) else ""


def number_or_text(value: object, limit: int = MAX_TEXT) -> str:
    """The same of a value that some senders write as a whole number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)[:limit]
    return text(value, limit)


def referred(value: object, limit: int = MAX_TEXT) -> str:
    """The number of what is referred to; empty for 0, which is how some senders say that nothing is."""
    found = number_or_text(value, limit)
    return found if found.strip("0") else ""


def first(values: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    """The first value that is there and not empty, by the order of the names; else None."""
    return next((v for n in names if (v := values.get(n)) not in (None, "")), None)


def scalars(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The properties that are plain values, at most MAX_PROPERTIES; no report reads nested ones."""
    plain: dict[str, Any] = {}
    for name, value in properties.items():
        if len(plain) == MAX_PROPERTIES:
            break
        if isinstance(value, str):
            value = value.replace("\0", "")[:MAX_VALUE]
        if len(name) <= MAX_TEXT and isinstance(value, str | int | float | bool):
            plain[name] = value
    return plain
