"""Rows of a table as the items that the readers of events, spend lines and rates take."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from service.collect.body import Unreadable, parse_json, raw_text
from service.collect.filling import Conventions, flat, items_of
from service.collect.headings import default_plan
from service.collect.mapping import SCHEMAS, Kind, Plan, with_fields
from service.collect.presets.lines import ShapedItems
from service.collect.presets.recognise import Recognised, recognise
from service.collect.rows import Reading, Row
from service.collect.tabular import Table, read_table
from service.kit.errors import BadRequest, Refusal, TooLarge
from service.kit.time import zone_of


class RowItems:
    """Turns rows into items. JSON rows of events, spend and rates are items already, unless there
    is a mapping; a JSON row of another kind is mapped by its own keys.

    `defaults`: values of fields that rows lack. `unused`: columns of the table that the mapping
    leaves out.
    Raises: BadRequest or Refusal where the mapping does not go with the columns.
    """

    def __init__(
        self,
        kind: Kind,
        columns: Iterable[str] | None,
        plan: Plan | None = None,
        fields: Iterable[str] = (),
        conventions: Conventions | None = None,
        defaults: Mapping[str, str] | None = None,
    ) -> None:
        self._kind: Kind = kind
        self._defaults = dict(defaults or {})
        self._given = plan
        self._fields = tuple(fields)
        self._conventions = conventions or Conventions()
        self._known: dict[tuple[str, ...], Plan] = {}
        self._rows_seen = Occurrences()
        self._as_sent = columns is None and plan is None and kind not in ("leads", "deals")
        self._plan: Plan | None = None
        self.unused: list[str] = []
        if self._as_sent and self._fields:
            raise Refusal("bad_mapping", "map", "JSON rows are taken as they are; map by a file")
        if columns is not None:
            names = tuple(columns)
            self._plan = self._plan_of(names)
            self.unused = self._plan.check_columns(names)

    def items(self, row: Row) -> list[Any]:
        """The items of one row, in their order; none where no condition of the mapping holds."""
        if row.refusal:
            return [Unreadable(row.refusal, row.raw)]
        if self._as_sent:
            sent = {**self._defaults, **row.values}
            return [self._with_id(sent, row, str(row.values.get("type", "event")))]
        values = flat(row.values)
        try:
            plan = self._plan or self._plan_of(tuple(values))
        except BadRequest as error:
            return [Unreadable(Refusal(error.code, "", error.detail), raw_text(dict(values)))]
        return self._mapped(row, values, plan)

    def pass_by(self, row: Row) -> None:
        """Remember a row that was imported before, for the ids of rows that equal it."""
        if not row.refusal and self._kind not in SCHEMAS:
            self._rows_seen.name(row.values)

    def _plan_of(self, columns: tuple[str, ...]) -> Plan:
        if columns not in self._known:
            given = [field.partition("=")[0].strip() for field in self._fields]
            given += self._defaults
            plan = self._given or default_plan(self._kind, columns, given)
            self._known[columns] = with_fields(plan, self._fields, self._kind)
        return self._known[columns]

    def _mapped(self, row: Row, values: Mapping[str, Any], plan: Plan) -> list[Any]:
        items: list[Any] = []
        name = ""
        for event, item in items_of(values, plan, self._conventions):
            if isinstance(item, Refusal):
                items.append(Unreadable(item, raw_text(dict(values))))
            elif self._kind in SCHEMAS or "id" in event.fields:
                items.append({**self._defaults, **item})
            else:
                name = name or self._rows_seen.name(row.values)
                items.append({"id": f"{event.name}:{name}", **item})
        return items

    def _with_id(self, item: dict[str, Any], row: Row, name: str) -> dict[str, Any]:
        if self._kind in SCHEMAS or "id" in item:
            return item
        return {"id": f"{name[:40]}:{self._rows_seen.name(row.values)}", **item}


class Occurrences:
    """Names rows by their content and by how often it occurred before, so that a file read again
    gives the same names, and two equal rows two different ones. Holds about 80 bytes a row."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._again: Counter[int] = Counter()

    def name(self, values: Mapping[str, Any]) -> str:
        """`sha256:n`, n from 1; neither the order of columns nor how they are quoted matters."""
        digest = hashlib.sha256(_canonical(values))
        # A shortened key may only ever count too many: the whole digest is in the name.
        key = int.from_bytes(digest.digest()[:8], "big")
        if key in self._seen:
            self._again[key] += 1
        self._seen.add(key)
        return f"{digest.hexdigest()}:{self._again[key] + 1 if key in self._again else 1}"


def _canonical(values: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(values, default=str, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # lone surrogates and numbers beyond 64 bits
        return ascii(sorted(values.items(), key=lambda cell: cell[0])).encode()


def settings_of(
    plan: Plan | None,
    reading: Reading,
    timezone: str | None,
) -> tuple[Reading, Conventions]:
    """How to read a table: what is given, else what the mapping says, else the defaults.

    Raises: Refusal `unknown_timezone`.
    """
    named = plan.settings if plan else {}
    default = Reading()
    merged = replace(
        reading,
        encoding=_first(reading.encoding, default.encoding, named.get("encoding")),
        delimiter=reading.delimiter or named.get("delimiter"),
        decimal=_first(reading.decimal, default.decimal, named.get("decimal")),
    )
    return merged, Conventions(zone_of(timezone or named.get("timezone")), merged.decimal)


def _first(given: str, default: str, named: str | None) -> str:
    return named if named and given == default else given


def open_items(
    data: bytes | Path,
    kind: Kind,
    plan: Plan | None = None,
    fields: Iterable[str] = (),
    reading: Reading | None = None,
    timezone: str | None = None,
    defaults: Mapping[str, str] | None = None,
) -> tuple[Table, RowItems | ShapedItems]:
    """Open a table together with what makes items of its rows; close the table in the end.

    Spend without a mapping is looked at first: a platform's own report is known by its header.
    Args: defaults: values of fields that rows lack.
    Raises: BadRequest, Refusal, OSError; nothing stays open then.
    """
    reading, conventions = settings_of(plan, reading or Reading(), timezone)
    if kind == "spend" and plan is None and (found := recognise(data, reading)):
        return open_recognised(found, fields, reading, defaults)
    table = read_table(data, reading)
    try:
        return table, RowItems(kind, table.columns, plan, fields, conventions, defaults)
    except BaseException:
        table.close()
        raise


def open_recognised(
    found: Recognised,
    fields: Iterable[str] = (),
    reading: Reading | None = None,
    defaults: Mapping[str, str] | None = None,
) -> tuple[Table, ShapedItems]:
    """The same for a report that was recognised."""
    decimal = (reading or Reading()).decimal
    table = read_table(found.data, found.reading)
    try:
        columns = table.columns
        if columns is None:  # of JSON, whose rows all have the same
            first = found.data.partition(b"\n")[0] if isinstance(found.data, bytes) else b"{}"
            columns = tuple(parse_json(first))
        return table, ShapedItems(found.shape, columns, fields, defaults, decimal)
    except BaseException:
        table.close()
        raise


def read_items(
    data: bytes,
    kind: Kind,
    limit: int,
    reading: Reading | None = None,
    timezone: str | None = None,
    defaults: Mapping[str, str] | None = None,
) -> list[Any]:
    """The items of a body that is a table, in the order of its rows; of a row that cannot be read
    an Unreadable that names its line.

    Raises: BadRequest or Refusal where nothing can be read, TooLarge beyond `limit` items.
    """
    opened = open_items(data, kind, reading=reading, timezone=timezone, defaults=defaults)
    return items_of_table(*opened, limit)


def items_of_table(table: Table, rows: RowItems | ShapedItems, limit: int) -> list[Any]:
    """The items of all rows; closes the table. Raises TooLarge beyond `limit` items."""
    items: list[Any] = []
    with table:
        for row in table:
            items += [_with_line(item, row.line) for item in rows.items(row)]
            if len(items) > limit:
                raise TooLarge(
                    "too_many_items", f"One request may hold {limit} items; send more requests."
                )
    return items


def _with_line(item: Any, line: int) -> Any:
    if not isinstance(item, Unreadable):
        return item
    refusal = item.refusal
    return Unreadable(
        Refusal(refusal.code, refusal.field, f"line {line}: {refusal.detail}"), item.raw
    )
