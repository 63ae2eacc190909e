"""A row and a mapping make events: values become what the native formats expect, or are refused.

Nothing is guessed: a moment without a zone needs one by name, a decimal comma has to be announced,
a word that the mapping does not list is refused.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from service.collect.mapping import EventMap, From, Plan, When
from service.kit.errors import Refusal

_MOMENTS = frozenset({"occurred_at", "stated_at"})
_AMOUNTS = frozenset({"deal.amount", "order.amount", "amount", "rate"})
_WHOLE = frozenset({"review.rating"})
_DATE_ONLY = re.compile(r"\d{4}-\d{2}-\d{2}")
_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True, slots=True)
class Conventions:
    """How the table writes moments and amounts. `zone`: of moments without an offset, and of days;
    without one they are refused."""

    zone: ZoneInfo | None = None
    decimal: str = "."


def items_of(
    values: Mapping[str, Any], plan: Plan, conventions: Conventions
) -> Iterator[tuple[EventMap, dict[str, Any] | Refusal]]:
    """Each event that the row gives, as a native item, or the reason why it gives none."""
    for event in plan.events:
        if not all(_holds(condition, values) for condition in event.when):
            continue
        try:
            yield event, _item(event, values, conventions)
        except Refusal as refusal:
            yield event, refusal


def flat(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Columns of nested objects by their path, such as `user.email`; lists stay whole."""
    if not any(isinstance(value, dict) for value in values.values()):
        return values
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            found.update({f"{key}.{inner}": v for inner, v in flat(value).items()})
        else:
            found[key] = value
    return found


def _holds(condition: When, values: Mapping[str, Any]) -> bool:
    if condition.present:
        return any(cell_text(values.get(column)) for column in condition.present)
    return (cell_text(values.get(condition.column)) or "").casefold() in condition.equals


def _item(event: EventMap, values: Mapping[str, Any], conventions: Conventions) -> dict[str, Any]:
    item: dict[str, Any] = {}
    for target, source in event.fields.items():
        value = _value(target, source, values, conventions)
        if value is None:
            continue
        *parents, last = target.split(".")
        place = item
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return item


def _value(target: str, source: From, values: Mapping[str, Any], conventions: Conventions) -> Any:
    """The value of one field; None where the row says nothing."""
    value = raw_value(source, values)
    if isinstance(value, str):
        value = value.strip() or None
    if source.values:
        value = _translated(target, source, cell_text(value))
    if value is None:
        value = source.default
    if not value and isinstance(value, str | None):
        return None
    if target in _MOMENTS:
        return moment_text(value, target, conventions.zone, source.format)
    if target == "date":
        return _day(value, source.format)
    if target in _AMOUNTS:
        return _amount(value, target, conventions.decimal)
    if target in _WHOLE:
        return _whole(value)
    if isinstance(value, str):
        return value
    # What is no text and no number stays as it is, for the reader of events to refuse by name.
    if not isinstance(value, int | float | Decimal | date) or value != value:
        return value
    typed = target.startswith(("segment.", "consent.")) and isinstance(value, int | float)
    return value if typed else cell_text(value)


def raw_value(source: From, values: Mapping[str, Any]) -> Any:
    """What a row says in the place that the source names, as it stands there."""
    if source.constant is not None:
        return source.constant
    if source.column is not None:
        return values.get(source.column)
    parts = {name: cell_text(values.get(name)) for name in source.columns}
    # A template with a hole is no value: "order-" would be the id of every order without a number.
    if not all(parts.values()):
        return None
    return _PLACEHOLDER.sub(lambda found: str(parts[found[1]]), source.template or "")


def _translated(target: str, source: From, text: str | None) -> str | None:
    if text is None:
        return None
    found = source.values.get(text.casefold(), source.other)
    if found is None:
        raise Refusal(
            "unmapped_value",
            target,
            f"{text[:60]!r} is not among the values that the mapping lists for {target}; add it",
        )
    return found


def cell_text(value: Any) -> str | None:
    """A cell as text without spaces around it; None where it is empty."""
    if isinstance(value, str):
        return value.strip() or None
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def moment_text(
    value: Any, field: str, zone: ZoneInfo | None, written_as: str | None = None
) -> str:
    """A moment with its offset. A day alone is its first moment in the zone; where a clock is put
    back, the first of two equal times is meant.

    Raises: Refusal `bad_timestamp`, or `naive_timestamp` where a zone is needed and not given.
    """
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, date):
        moment = datetime(value.year, value.month, value.day)  # noqa: DTZ001
    else:
        moment = _parsed(cell_text(value) or "", field, written_as)
    if moment.tzinfo is None:
        if zone is None:
            raise Refusal(
                "naive_timestamp",
                field,
                f"{cell_text(value)!r} has no time zone; name the zone of the file, "
                "such as --timezone Europe/Berlin",
            )
        moment = moment.replace(tzinfo=zone)
    try:
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except OverflowError:
        raise Refusal("bad_timestamp", field, f"{value!s} lies outside the calendar") from None


def _parsed(text: str, field: str, written_as: str | None) -> datetime:
    try:
        if written_as:
            return datetime.strptime(text, written_as)  # noqa: DTZ007
        return datetime.fromisoformat(text)
    except ValueError:
        raise Refusal(
            "bad_timestamp",
            field,
            f"{text[:64]!r} is not {f'written as {written_as}' if written_as else 'ISO 8601'}; "
            "a mapping file can give the `format` of a column, such as %d.%m.%Y",
        ) from None


def _day(value: Any, written_as: str | None) -> str:
    if isinstance(value, date):  # a datetime is one too
        return value.isoformat()[:10]
    text = cell_text(value) or ""
    return _parsed(text, "date", written_as).date().isoformat() if written_as else text


def _amount(value: Any, field: str, decimal: str) -> Any:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if not isinstance(value, str):
        return value
    text = value.strip()
    if decimal == ",":
        if "." in text:
            raise Refusal(
                "bad_amount", field, f"{text[:40]!r} has a point where decimals follow a comma"
            )
        return text.replace(",", ".")
    if "," in text:
        raise Refusal(
            "bad_amount",
            field,
            f"{text[:40]!r} holds a comma; write 1200.00, or say that decimals follow a comma "
            "(--decimal , in a table delimited by semicolons)",
        )
    return text


def _whole(value: Any) -> Any:
    text = cell_text(value) or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else value
