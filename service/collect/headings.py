"""The mapping of a table that names its columns in the usual way (`headings.toml`)."""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache, partial
from importlib import resources

from service.collect.mapping import EventMap, From, Kind, Plan, When
from service.collect.schemas import PARTS
from service.kit.errors import BadRequest

Words = Mapping[str, list[str]]

_NEEDED = {
    "events": ("occurred_at",),
    "leads": ("lead.id", "occurred_at"),
    "deals": ("deal.id",),
    "spend": ("date", "source", "amount", "currency"),
    "rates": ("date", "base", "quote", "rate"),
}


def default_plan(kind: Kind, columns: Iterable[str], given: Iterable[str] = ()) -> Plan:
    """The plan for a table of these columns.

    Args: given: targets that the caller maps himself, which no column need provide.
    Raises: BadRequest `unknown_columns` where a column that the kind needs is not to be found.
    """
    names = list(columns)
    found = _Headings(names)
    events = _MAKERS[kind](found)
    have = {target for event in events for target in event.fields} | set(given)
    if lacking := [target for target in _NEEDED[kind] if target not in have]:
        words = _table(kind).get(lacking[0], [lacking[0]])
        raise BadRequest(
            "unknown_columns",
            f"No column is known to hold {lacking[0]} ({', '.join(words[:5])}); the columns are "
            f"{', '.join(names)[:300]}. Name it with --map {lacking[0]}=COLUMN, or check the "
            "delimiter.",
        )
    return Plan(tuple(events))


class _Headings:
    """Looks columns up by the words of the table of headings."""

    def __init__(self, columns: Iterable[str]) -> None:
        self._columns: dict[str, str] = {}
        for column in columns:
            self._columns.setdefault(plain(column), column)

    def column(self, words: Iterable[str]) -> str | None:
        """The first of the words that is a column, as the table writes it."""
        return next((self._columns[word] for word in words if word in self._columns), None)

    def fields(self, *tables: str) -> dict[str, From]:
        """The fields whose columns are there; a column named like a field is that field."""
        found = {}
        for table in tables:
            for target, words in _table(table).items():
                if column := self.column([plain(target), *words]):
                    found[target] = From(column=column)
        return found

    def paths(self) -> dict[str, From]:
        """Columns that are written as the path of a field, such as `order.amount`."""
        return {
            column: From(column=column)
            for column in self._columns.values()
            if column.partition(".")[0] in (*PARTS, "identifiers", "account", "segment", "context")
            and "." in column
        }


def _events(found: _Headings) -> list[EventMap]:
    fields = found.fields("events", "identifiers", "account") | found.paths()
    types = sorted({target.partition(".")[0] for target in fields} & set(PARTS))
    if "type" not in fields and len(types) > 1:
        raise BadRequest(
            "unknown_columns",
            f"There are columns of {' and '.join(types)}; a column `type` has to say what a row is.",
        )
    fields.setdefault("type", From(constant=types[0] if types else "touch"))
    constant = fields["type"].constant
    if constant in ("touch", None):
        fields = found.fields("touch") | fields
    if constant == "touch":
        fields.setdefault("touch.kind", From(constant="click"))
    return [EventMap(constant or "event", fields)]


def _leads(found: _Headings) -> list[EventMap]:
    lead = {"type": From(constant="lead")} | found.fields("leads")
    people = found.fields("identifiers", "account")
    if "lead.id" in lead and not any(target.startswith("identifiers.") for target in people):
        # The lead stands for its person, apart from the ids of the CRM's other things.
        people["identifiers.crm_contact_id"] = From(template=f"lead:{{{lead['lead.id'].column}}}")
    if "lead.stage" in lead:
        listed = {word: word for word in _table("lead_stages")}
        lead["lead.stage"] = replace(lead["lead.stage"], values=listed)
    else:
        lead["lead.stage"] = From(constant="lead")
    events = [EventMap("lead", lead | people)]
    if touch := found.fields("touch"):
        said = [name for name in touch if name != "touch.kind"]
        guess = "offline" if said == ["touch.channel"] else "click"
        touch = {"type": From(constant="touch"), "touch.kind": From(constant=guess)} | touch
        touch |= people | {k: v for k, v in lead.items() if k == "occurred_at"}
        present = tuple(column for name in said for column in touch[name].columns)
        if present:
            events.insert(0, EventMap("touch", touch, (When(present=present),)))
    return events


def _deals(found: _Headings) -> list[EventMap]:
    column = {name: found.column(words) for name, words in _table("deal_columns").items()}
    opened, ended = column["opened"], column["closed"] or column["moment"]
    state = column["stage"] or column["won"]
    if not ended and (state or not opened):
        raise BadRequest(
            "unknown_columns",
            "No column is known to hold when a deal was closed (closed_at, won_date); "
            "write a mapping file.",
        )
    deal = {"type": From(constant="deal")} | found.fields("identifiers", "account", "deals")
    events = []
    if opened:
        stage = {"deal.stage": From(constant="opportunity")}
        events.append(EventMap("opened", deal | stage | {"occurred_at": From(column=opened)}))
    if ended:
        stage, when = _outcome(state, ended, bool(opened))
        if column["reason"]:
            stage["deal.reason"] = From(column=column["reason"])
        events.append(EventMap("closed", deal | stage | {"occurred_at": From(column=ended)}, when))
    return events


def _outcome(
    state: str | None, ended: str, has_opened: bool
) -> tuple[dict[str, From], tuple[When, ...]]:
    """The stage of a deal at its end, and when a row has reached it. A deal that is still open may
    bear a date all the same: the day on which somebody hopes to close it."""
    if state is None:
        return {"deal.stage": From(constant="won")}, (When(present=(ended,)),)
    stages = _table("deal_stages")
    values = {word: name for name, words in stages.items() for word in words}
    over = (*stages["won"], *stages["lost"])
    when = (When(column=state, equals=over),) if has_opened else ()
    return {"deal.stage": From(column=state, values=values)}, when


def _lines(found: _Headings, table: str) -> list[EventMap]:
    return [EventMap("line", found.fields(table))]


_MAKERS: dict[str, Callable[[_Headings], list[EventMap]]] = {
    "events": _events,
    "leads": _leads,
    "deals": _deals,
    "spend": partial(_lines, table="spend"),
    "rates": partial(_lines, table="rates"),
}


def plain(name: str) -> str:
    """A column's name as names are compared."""
    return re.sub(r"[\s.\-]+", "_", name.strip().lower())


@cache
def _tables() -> dict[str, dict[str, list[str]]]:
    text = resources.files("service.collect").joinpath("headings.toml").read_text("utf-8")
    return tomllib.loads(text)


def _table(name: str) -> Words:
    return _tables()[name]
