"""Which column of a table becomes which field of an event or a spend line.

A mapping is a list of events that a row gives, each with its fields:

    timezone = "Europe/Berlin"

    [[event]]
    name = "order"                              # begins the default id; the type, if left out
    when = { column = "paid", equals = "1" }    # also `present = ["a", "b"]`; a list means all
    type = "=order"                             # a constant
    occurred_at = "time"                        # a column
    order.id = "{customer}-{time}"              # a template
    order.status = { column = "state", values = { Paid = "completed" }, default = "completed" }

A table as a source may hold `column`, `constant` or `template`, and `values` (sent word → ours, in
any letter case), `other` (for words not listed; without it they are refused), `default` (where the
cell is empty), `format` (of a moment, as strptime has it). Pure: reads no file.
"""

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from pydantic import BaseModel

from service.collect.rates import RateLine
from service.collect.schemas import PARTS, Event
from service.collect.spend import SpendLine
from service.kit.errors import BadRequest, Refusal

Kind = Literal["events", "leads", "deals", "spend", "rates"]
SCHEMAS: dict[str, type[BaseModel]] = {"spend": SpendLine, "rates": RateLine}

_OPEN_ENDED = frozenset({"identifiers", "segment", "consent", "touch.click_ids"})
_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
_SOURCE_KEYS = frozenset({"column", "constant", "template", "values", "other", "default", "format"})
_SETTINGS = frozenset({"timezone", "encoding", "delimiter", "decimal", "event", "line"})


@dataclass(frozen=True, slots=True)
class From:
    """Where the value of a field comes from: exactly one of column, constant and template."""

    column: str | None = None
    constant: str | None = None
    template: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    other: str | None = None
    default: str | None = None
    format: str | None = None

    @property
    def columns(self) -> list[str]:
        """The columns it reads."""
        if self.template is not None:
            return _PLACEHOLDER.findall(self.template)
        return [] if self.column is None else [self.column]


@dataclass(frozen=True, slots=True)
class When:
    """A condition on a row: `column` holds one of `equals`, or any of `present` holds something."""

    column: str = ""
    equals: tuple[str, ...] = ()
    present: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EventMap:
    """One event that a row may give."""

    name: str
    fields: Mapping[str, From]
    when: tuple[When, ...] = ()

    @property
    def type(self) -> str | None:
        """The type where it is the same for all rows."""
        source = self.fields.get("type")
        return source.constant if source else None

    def columns(self) -> Iterator[str]:
        """Every column it reads."""
        for source in self.fields.values():
            yield from source.columns
        for condition in self.when:
            yield from ([condition.column] if condition.column else condition.present)


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole mapping. `settings`: timezone, encoding, delimiter, decimal, as far as it names them."""

    events: tuple[EventMap, ...]
    settings: Mapping[str, str] = field(default_factory=dict)

    def check_columns(self, columns: Iterable[str]) -> list[str]:
        """The table's columns that nothing reads. Raises BadRequest for one that it lacks."""
        there = list(columns)
        read = {column for event in self.events for column in event.columns()}
        if missing := sorted(read - set(there)):
            raise BadRequest(
                "missing_columns",
                f"The table has no column {missing[0]!r}; its columns are "
                f"{', '.join(there)[:400]}. Check the mapping and the delimiter.",
            )
        return [column for column in there if column not in read]


def parse_mapping(text: str, kind: Kind, is_json: bool = False) -> Plan:
    """The plan of a mapping file. Raises BadRequest `bad_mapping` with the place that is wrong."""
    try:
        document = json.loads(text) if is_json else tomllib.loads(text)
    except ValueError as error:
        raise _bad(f"the file cannot be read: {error}") from error
    if not isinstance(document, dict) or (unknown := document.keys() - _SETTINGS):
        raise _bad(
            f"{sorted(unknown)[0]!r} is not known"
            if isinstance(document, dict)
            else "it is a table with a list `event`"
        )
    blocks = document.get("event") or document.get("line")
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise _bad("it holds no [[event]]")
    settings = {k: document[k] for k in _SETTINGS - {"event", "line"} if k in document}
    if wrong := [key for key, value in settings.items() if not isinstance(value, str)]:
        raise _bad(f"{wrong[0]} is a text")
    events = tuple(_event(dict(block), kind) for block in blocks)
    return Plan(_named_apart(events), settings)


def with_fields(plan: Plan, options: Iterable[str], kind: Kind) -> Plan:
    """The plan with fields given as `target=source`, such as `order.currency==EUR`.

    A field of a part (`touch.channel`) goes to the events of that type, any other to all.
    Raises: Refusal `bad_mapping`.
    """
    events = list(plan.events)
    for option in options:
        target, separator, text = option.partition("=")
        if not separator or not target.strip() or not text:
            raise Refusal("bad_mapping", "map", f"{option!r} is not target=column or target==text")
        target, source = target.strip(), parse_source(text)
        _check_target(target, kind)
        part = target.partition(".")[0]
        meant = [i for i, e in enumerate(events) if part not in PARTS or e.type in (part, None)]
        if not meant:
            raise Refusal("bad_mapping", "map", f"no row of this mapping gives a {part}: {target}")
        for i in meant:
            events[i] = replace(events[i], fields={**events[i].fields, target: source})
    _check_ids(events)
    return replace(plan, events=tuple(events))


def parse_source(text: str) -> From:
    """A source written as text: `=constant`, `template with {column}`, or a column."""
    if text.startswith("="):
        return From(constant=text[1:])
    return From(template=text) if _PLACEHOLDER.search(text) else From(column=text)


def _event(block: dict[str, Any], kind: Kind) -> EventMap:
    name = block.pop("name", None)
    conditions = block.pop("when", [])
    found = [conditions] if isinstance(conditions, dict) else conditions
    if not isinstance(found, list):
        raise _bad("`when` is a table or a list of tables")
    fields = dict(_fields(block, ""))
    for target in fields:
        _check_target(target, kind)
    if kind not in SCHEMAS and "type" not in fields:
        parts = sorted({t.partition(".")[0] for t in fields} & set(PARTS))
        if len(parts) != 1:
            raise _bad('an event needs its type, such as type = "=touch"')
        fields["type"] = From(constant=parts[0])
    event = EventMap("", fields, tuple(_when(condition) for condition in found))
    if name is not None and not isinstance(name, str):
        raise _bad("`name` is a text")
    return replace(event, name=name or event.type or "event")


def _fields(table: Mapping[str, Any], path: str) -> Iterator[tuple[str, From]]:
    for key, value in table.items():
        target = f"{path}{key}"
        if isinstance(value, str):
            yield target, parse_source(value)
        elif isinstance(value, dict) and value.keys() & {"column", "constant", "template"}:
            yield target, _source(value, target)
        elif isinstance(value, dict):
            yield from _fields(value, f"{target}.")
        else:
            raise _bad(f'{target} is a column, "=constant", a template or a table')


def _source(table: dict[str, Any], target: str) -> From:
    values = table.get("values", {})
    texts = [v for k, v in table.items() if k != "values"]
    texts += list(values.values()) if isinstance(values, dict) else [None]
    if table.keys() - _SOURCE_KEYS or not all(isinstance(text, str) for text in texts):
        raise _bad(f"{target} may hold {', '.join(sorted(_SOURCE_KEYS))}, all of them texts")
    if len(table.keys() & {"column", "constant", "template"}) != 1:
        raise _bad(f"{target} has one of column, constant and template")
    return From(**{**table, "values": {k.strip().casefold(): v for k, v in values.items()}})


def _when(table: Any) -> When:
    if not isinstance(table, dict) or not table or table.keys() - {"column", "equals", "present"}:
        raise _bad("`when` holds column and equals, or present")
    equals, present = (_texts(table.get(key, [])) for key in ("equals", "present"))
    column = table.get("column", "")
    if not isinstance(column, str) or bool(column) != bool(equals) or bool(column) == bool(present):
        raise _bad("`when` holds column and equals, or present")
    return When(column, tuple(text.strip().casefold() for text in equals), tuple(present))


def _texts(value: Any) -> list[str]:
    texts = value if isinstance(value, list) else [value]
    if not all(isinstance(text, str) for text in texts):
        raise _bad('`when` compares texts: write equals = "1"')
    return texts


def _check_target(target: str, kind: Kind) -> None:
    model: type[BaseModel] | None = SCHEMAS.get(kind, Event)
    steps = target.split(".")
    for depth, step in enumerate(steps, 1):
        if ".".join(steps[: depth - 1]) in _OPEN_ENDED and depth == len(steps) and step:
            return
        if model is None or step not in model.model_fields:
            raise _bad(
                f"{target!r} is not a field of an event"
                if kind not in SCHEMAS
                else f"{target!r} is not a field of a line of {kind}"
            )
        model = _inner(model.model_fields[step].annotation)
    if model is not None or target in _OPEN_ENDED:
        raise _bad(f"{target!r} has fields of its own; name one, such as {target}.id")


def _inner(annotation: Any) -> type[BaseModel] | None:
    """The schema inside `Part | None`, None where the field is a plain value."""
    for option in (annotation, *get_args(annotation)):
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    return None


def _named_apart(events: tuple[EventMap, ...]) -> tuple[EventMap, ...]:
    """Names begin ids, and two events of a row must never share an id."""
    _check_ids(events)
    named: list[EventMap] = []
    for event in events:
        taken = {other.name for other in named}
        number = next(n for n in range(1, len(events) + 1) if _numbered(event.name, n) not in taken)
        named.append(replace(event, name=_numbered(event.name, number)))
    return tuple(named)


def _check_ids(events: Iterable[EventMap]) -> None:
    ids = [event.fields["id"] for event in events if "id" in event.fields]
    if any(one == other for i, one in enumerate(ids) for other in ids[:i]):
        raise _bad('two events take the same id; write one as a template such as "{id}-order"')


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}-{number}"


def _bad(detail: str) -> BadRequest:
    return BadRequest("bad_mapping", f"The mapping is wrong: {detail}.")
