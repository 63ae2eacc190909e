"""Rows of a platform's report as spend lines.

What platforms do to numbers is undone here: thousands separators, millionths, `--` for none, sums
among the rows. Fractions of a minor unit, which nobody can be billed, are rounded half up, each
line by itself, so that a day asked for again gives the same words. A row that covers several days
is spread over them evenly, to the last minor unit.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from service.collect.body import Unreadable, raw_text
from service.collect.filling import cell_text, raw_value
from service.collect.mapping import EventMap, From, Plan, with_fields
from service.collect.presets import Shape
from service.collect.rows import Row
from service.kit.currencies import minor_digits, parse_currency
from service.kit.errors import BadRequest, Refusal
from service.kit.money import allocate, to_text

LONGEST_RANGE = 366
"""Days that one row may cover."""

NEEDED = ("date", "source", "amount", "currency")
COUNTS = ("impressions", "clicks")
NOTHING = frozenset({"", "-", "--", "—"})
_LONGEST_NUMBER = 40
_FOOTER = re.compile(r'"?(?:Total rows: \d+|©.*)"?', re.DOTALL)
_TOTAL = re.compile(r"(?:grand )?total\b", re.IGNORECASE)
_SIGNS = re.compile(r"[€$£₽¥\s\u00a0\u202f']")
_WITH_POINT = re.compile(r"[+-]?(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.\d*)?")
_WITH_COMMA = re.compile(r"[+-]?(?:\d+|\d{1,3}(?:\.\d{3})+)(?:,\d*)?")
_SMALLEST_MICROS = 10_000


class ShapedItems:
    """Turns the rows of a table of a known shape into items of `POST /v1/spend`.

    Args: fields: as `target=source`, over the shape; defaults: values of fields that rows lack;
    decimal: the decimal sign of amounts.
    Raises: BadRequest `unknown_columns` where a field that lines need stands nowhere.
    """

    def __init__(
        self,
        shape: Shape,
        columns: Iterable[str],
        fields: Iterable[str] = (),
        defaults: Mapping[str, str] | None = None,
        decimal: str = ".",
    ) -> None:
        names = list(columns)
        given = tuple(fields)
        self._shape, self._decimal = shape, decimal
        # What a preset takes for granted gives way to what the caller says of his report.
        self._defaults = {**shape.constants, **(defaults or {})}
        plan = with_fields(Plan((EventMap("line", _sources(shape, names)),)), given, "spend")
        self._sources: Mapping[str, From] = plan.events[0].fields
        own = {field.partition("=")[0].strip() for field in given}
        self._places = {t: p for t, p in shape.fields.items() if t not in own}
        self.unused = plan.check_columns(names)
        self._check()

    def _check(self) -> None:
        for field in NEEDED:
            if field not in self._sources and field not in self._defaults:
                raise BadRequest(
                    "unknown_columns",
                    f"A table of {self._shape.title} says nothing of its {field}; say it once for "
                    f"all rows: --map {field}==VALUE, or ?{field}=VALUE over HTTP.",
                )

    def items(self, row: Row) -> list[Any]:
        """The lines of one row: one for each day it covers, none where it only sums others up."""
        if row.refusal:
            if _FOOTER.fullmatch(row.raw.strip()):
                return []
            return [Unreadable(row.refusal, row.raw)]
        values = {name: _said(value) for name, value in row.values.items()}
        try:
            cells = {target: self._cell(target, values) for target in self._sources}
            return [] if self._is_sum(cells, values) else list(self._lines(cells))
        except Refusal as refusal:
            return [Unreadable(refusal, raw_text(dict(row.values)))]

    def pass_by(self, row: Row) -> None:
        """Lines are named by what they say; rows before them change nothing."""

    def _cell(self, target: str, values: Mapping[str, Any]) -> Any:
        source = self._sources[target]
        found = raw_value(source, values)
        place = self._places.get(target)
        if place is None or found is None:
            return found
        text = cell_text(found)
        if place.pattern and text is not None:
            matched = place.pattern.search(text)
            return matched[1] if matched else None
        if place.remove and text is not None:
            for sign in (place.remove,) if len(place.remove) > 2 else place.remove:
                text = text.replace(sign, "")
            return text or None
        return found

    def _is_sum(self, cells: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
        day = cell_text(cells.get("date"))
        if day is None or _TOTAL.match(day):
            return any(isinstance(v, str) and _TOTAL.match(v.strip()) for v in values.values())
        named = [target for target in self._shape.summary if target in self._sources]
        return bool(named) and not any(cell_text(cells[target]) for target in named)

    def _lines(self, cells: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        line: dict[str, Any] = dict(self._defaults)
        for target, value in cells.items():
            if target not in ("date", "until", "amount", *COUNTS) and (text := cell_text(value)):
                line[target] = text
        days = self._days(cells)
        counts = {n: c for n in COUNTS if (c := self._count(cells.get(n), n)) is not None}
        currency = parse_currency(line.get("currency"))
        minor = self._minor(cells.get("amount"), currency)
        even = [1] * len(days)
        parts = {name: allocate(count, even) for name, count in counts.items()}
        for place, (day, amount) in enumerate(zip(days, allocate(minor, even), strict=True)):
            shares = {name: part[place] for name, part in parts.items()}
            yield {
                **line,
                "date": day.isoformat(),
                "amount": to_text(amount, currency),
                **shares,
            }

    def _days(self, cells: Mapping[str, Any]) -> list[date]:
        text = cell_text(cells.get("date")) or ""
        first, slash, last = text.partition("/")
        if slash and len(first) == len("2026-03-01"):
            start, end = self._day(first), self._day(last)
        else:
            start = self._day(text)
            until = cell_text(cells.get("until"))
            end = self._day(until) if until else start
        length = (end - start).days + 1
        if not 1 <= length <= LONGEST_RANGE:
            raise Refusal(
                "bad_date",
                "date",
                f"{start} to {end} is no range of 1 to {LONGEST_RANGE} days; ask for daily rows",
            )
        return [start + timedelta(days=n) for n in range(length)]

    def _day(self, text: str) -> date:
        for written in self._shape.date_formats:
            try:
                return datetime.strptime(text.strip(), written).date()  # noqa: DTZ007
            except ValueError:
                continue
        raise Refusal(
            "bad_date", "date", f"{text[:40]!r} is not a day as {self._shape.title} writes it"
        )

    def _minor(self, value: Any, currency: str) -> int:
        """Minor units. A cell that says nothing cost nothing."""
        amount = self._number(value, "amount")
        if amount is None:
            return 0
        written = cell_text(value) or ""
        if self._shape.unit == "micros" or (
            self._shape.unit == "micros_unless_point" and not {".", ","} & set(written)
        ):
            if 0 < abs(amount) < _SMALLEST_MICROS and self._shape.unit != "micros":
                raise Refusal(
                    "bad_amount",
                    "amount",
                    f"{written[:40]!r} is less than a hundredth in millionths; ask for the report "
                    "either in micros or with two decimals",
                )
            amount = amount.scaleb(-6)
        if amount.adjusted() > 20:
            raise Refusal("amount_out_of_range", "amount", f"{written[:40]} is too large")
        return int(amount.scaleb(minor_digits(currency)).to_integral_value(ROUND_HALF_UP))

    def _count(self, value: Any, field: str) -> int | None:
        number = self._number(value, field)
        if number is None:
            return None
        if number < 0 or number.adjusted() > 15:
            raise Refusal("out_of_range", field, f"{cell_text(value)!r} is no number of {field}")
        if number != number.to_integral_value():
            raise Refusal("wrong_type", field, f"{cell_text(value)!r} is not a whole number")
        return int(number)

    def _number(self, value: Any, field: str) -> Decimal | None:
        if value is None or isinstance(value, Decimal):
            return value
        try:
            if isinstance(value, int | float) and not isinstance(value, bool):
                number = Decimal(repr(value))
                if number.is_finite():
                    return number
            text = _SIGNS.sub("", cell_text(value) or "").removesuffix("%")
            comma = self._decimal == ","
            if len(text) <= _LONGEST_NUMBER and (_WITH_COMMA if comma else _WITH_POINT).fullmatch(
                text
            ):
                plain = text.replace(".", "").replace(",", ".") if comma else text.replace(",", "")
                return Decimal(plain)
        except InvalidOperation:
            pass
        why = (
            f"{cell_text(value)!r} is not a number with the decimal sign {self._decimal!r}; say which "
            "one the report has (--decimal , in a table delimited by semicolons)"
        )
        if field == "amount":
            raise Refusal("bad_amount", field, why)
        raise Refusal("wrong_type", field, why)


def _said(value: Any) -> Any:
    """A cell; None where the platform writes that there is nothing."""
    return None if isinstance(value, str) and value.strip() in NOTHING else value


def _sources(shape: Shape, columns: list[str]) -> dict[str, From]:
    found: dict[str, From] = {}
    for target, place in shape.fields.items():
        if place.template and set(From(template=place.template).columns) <= set(columns):
            found[target] = From(template=place.template)
        elif column := shape.column(place, columns):
            found[target] = From(column=column)
            if place.heading and (matched := place.heading.fullmatch(column)):
                found.setdefault("currency", From(constant=matched[1].upper()))
    return found
