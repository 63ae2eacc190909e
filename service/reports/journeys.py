"""`/v1/journeys`: what led to each conversion, as a list and one by one."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import duckdb
import numpy as np
import orjson

from service.kit.errors import NotFound, Refusal
from service.kit.money import count_to_number, to_number
from service.kit.time import iso
from service.reports.allocations import allocation_of
from service.reports.credited import MILLION, REASONS, Allocation
from service.reports.groups import Groups
from service.reports.load import MISSING, Loaded, load, lookback_micros
from service.reports.meta import describe
from service.reports.question import Question
from service.reports.wholes import LoadWhole

MAX_LIMIT = 1_000
DAY = 86_400_000_000

_LIST = """
SELECT c.conversion_key, c.conversion_id, c.kind, c.object_id, c.stage, c.occurred_at,
    people.public_id, c.account_key, c.state
FROM conversions AS c
LEFT JOIN people ON people.person_id = c.person_id
WHERE c.stage = $stage AND c.occurred_at >= $start AND c.occurred_at < $end
    AND ($before_at IS NULL OR (c.occurred_at, c.conversion_id) < ($before_at, $before_id))
    AND ($search = '' OR CONTAINS(LOWER(c.object_id), $search) OR people.public_id = $search
        OR CONTAINS(LOWER(COALESCE(c.account_key, '')), $search))
    AND ($dimensions IS NULL OR c.conversion_key IN (
        SELECT j.conversion_key FROM journeys AS j
        WHERE j.stage = $stage AND (j.of_person OR $scope = 'account')
            AND j.occurred_at >= j.converted_at - $lookback
            AND j.dimension_id IN (SELECT UNNEST($dimensions))
            AND ($pages IS NULL OR COALESCE(j.page_id, 0) IN (SELECT UNNEST($pages)))))
ORDER BY c.occurred_at DESC, c.conversion_id DESC
LIMIT $limit
"""


def encode_cursor(*parts: Any) -> str:
    return urlsafe_b64encode(orjson.dumps(parts)).decode().rstrip("=")


def decode_cursor(text: str, *kinds: type) -> list[Any]:
    """The parts of a cursor we gave. Raises Refusal for anything else."""
    try:
        parts = orjson.loads(urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)))
    except (ValueError, UnicodeError):
        parts = None
    if not isinstance(parts, list) or [type(p) for p in parts] != list(kinds):
        raise Refusal("bad_cursor", "cursor", "use the `next` of an earlier answer as it was given")
    return parts


def list_journeys(
    mart: duckdb.DuckDBPyConnection,
    question: Question,
    limit: int = 50,
    cursor: str | None = None,
    search: str = "",
) -> dict[str, Any]:
    """Conversions of the period, newest first, each with its journey in short.

    Filters keep journeys that hold such a touchpoint. `search` looks in object ids and
    accounts, or is a person's id. Needs the table `factors`.
    """
    before_at, before_id = decode_cursor(cursor, int, str) if cursor else (None, None)
    dimensions, pages = Groups(mart, question).kept() if question.filters else (None, None)
    rows = mart.execute(
        _LIST,
        {
            "stage": "won" if question.conversion == "repeat" else question.conversion,
            "start": question.period.start_micros,
            "end": question.period.end_micros,
            "before_at": before_at,
            "before_id": before_id,
            "search": search.strip().lower(),
            "dimensions": dimensions,
            "pages": pages,
            "lookback": lookback_micros(question),
            "scope": question.scope,
            "limit": limit + 1,
        },
    ).fetchall()
    page = rows[:limit]
    items = _items(mart, question, page)
    more = len(rows) > limit
    return {
        "items": items,
        "next": encode_cursor(page[-1][5], page[-1][1]) if more else None,
        "meta": describe(mart, question, {"value": None, "conversions": None, "spend": None}),
    }


def _items(
    mart: duckdb.DuckDBPyConnection, question: Question, rows: list[tuple[Any, ...]]
) -> list[dict[str, Any]]:
    """The conversions in short, in the order of `rows`."""
    loaded = load(mart, question, [rows[0][4]] if rows else [], [row[0] for row in rows])
    return _in_short(
        mart, question, rows, allocation_of(mart, loaded, question, question.models[0])
    )


def _in_short(
    mart: duckdb.DuckDBPyConnection,
    question: Question,
    rows: list[tuple[Any, ...]],
    allocation: Allocation,
) -> list[dict[str, Any]]:
    loaded, reasons = allocation.loaded, allocation.reasons()
    names = dimension_rows(mart, loaded.dimension_id)
    place = {int(key): index for index, key in enumerate(loaded.conversions["conversion_key"])}
    items = []
    for key, conversion_id, kind, object_id, stage, at, person, account, state in rows:
        index = place[key]
        start, end = loaded.journeys.offsets[index], loaded.journeys.offsets[index + 1]
        channels = [names[int(d)]["channel"] for d in loaded.dimension_id[start:end]]
        first = int(loaded.journeys.touched_at[start]) if channels else None
        items.append(
            {
                "conversion_id": conversion_id,
                "stage": stage,
                "state": state,
                "object": {"kind": kind, "id": object_id},
                "occurred_at": iso(at),
                "value": to_number(int(loaded.value[index]), question.currency),
                "currency": question.currency,
                "person_id": person,
                "account_id": account,
                "touchpoints": len(channels),
                "first_channel": channels[0] if channels else None,
                "last_channel": channels[-1] if channels else None,
                "channels": channels,
                "days_to_convert": None if first is None else round((at - first) / DAY, 2),
                "unattributed_reason": None if reasons[index] < 0 else REASONS[reasons[index]],
            }
        )
    return items


def dimension_rows(mart: duckdb.DuckDBPyConnection, ids: Any) -> dict[int, dict[str, Any]]:
    columns = (
        "touch_kind",
        "channel",
        "source",
        "medium",
        "campaign",
        "campaign_id",
        "content",
        "term",
    )
    rows = mart.execute(
        f"SELECT dimension_id, {', '.join(columns)} FROM dimensions WHERE dimension_id IN (SELECT UNNEST(?))",
        [[int(i) for i in set(ids.tolist())]],
    ).fetchall()
    return {row[0]: dict(zip(columns, row[1:], strict=True)) for row in rows}


def find(mart: duckdb.DuckDBPyConnection, conversion_id: str) -> tuple[Any, ...]:
    """The conversion's row as `_items` takes it. Raises NotFound."""
    rows = mart.execute(
        "SELECT c.conversion_key, c.conversion_id, c.kind, c.object_id, c.stage, c.occurred_at, "
        "people.public_id, c.account_key, c.state FROM conversions AS c "
        "LEFT JOIN people ON people.person_id = c.person_id WHERE c.conversion_id = ?",
        [conversion_id],
    ).fetchall()
    if not rows:
        raise NotFound(
            "no_such_conversion",
            f"There is no conversion {conversion_id[:200]!r}; /v1/journeys lists those there are.",
        )
    return tuple(rows[0])


def one_journey(
    mart: duckdb.DuckDBPyConnection,
    question: Question,
    conversion_id: str,
    load_whole: LoadWhole = load,
) -> dict[str, Any]:
    """One conversion: its touchpoints with the credit of each under each model, the milestones,
    what it is worth, and the identifiers that joined its people.

    Of each credit: the step of the path the model saw, or the path transform that dropped the
    touchpoint from it.
    """
    return journey_of(mart, question, find(mart, conversion_id), load_whole)[0]


def journey_of(
    mart: duckdb.DuckDBPyConnection,
    question: Question,
    row: tuple[Any, ...],
    load_whole: LoadWhole = load,
) -> tuple[dict[str, Any], list[Allocation]]:
    """`one_journey` of the conversion that `find` gave, and the allocation of each model."""
    loaded = load(mart, question, [row[4]], [row[0]], ordinals=False)
    allocations = [
        allocation_of(mart, loaded, question, model, load_whole) for model in question.models
    ]
    conversion = _in_short(mart, question, [row], allocations[0])[0]
    touchpoints = _touchpoints(mart, loaded)
    for model, allocation in zip(question.models, allocations, strict=True):
        value = allocation.value_credit()
        count = allocation.count_credit()
        standing = allocation.places()
        for index, (touchpoint, place) in enumerate(zip(touchpoints, standing, strict=True)):
            touchpoint["credit"][str(model)] = {
                "value": to_number(int(value[index]), question.currency),
                "conversions": count_to_number(int(count[index])),
                "weight": round(int(count[index]) / MILLION, 6),
                "step": place.step,
                "dropped_by": place.dropped_by,
            }
    milestones = _milestones(loaded)
    for milestone in milestones:
        if milestone["position"]:
            touchpoints[milestone["position"] - 1]["milestones"].append(milestone["stage"])
    journey = {
        "conversion": {**conversion, "amounts": _amounts(mart, row[0])},
        "touchpoints": touchpoints,
        "milestones": milestones,
        "identifiers": _identifiers(mart, row[0]),
        "unattributed_reason": conversion["unattributed_reason"],
        "meta": describe(mart, question, {"value": None, "conversions": None, "spend": None}),
    }
    return journey, allocations


def _touchpoints(mart: duckdb.DuckDBPyConnection, loaded: Loaded) -> list[dict[str, Any]]:
    kinds = dimension_rows(mart, loaded.dimension_id)
    seqs = [int(s) for s in loaded.touch_seq]
    details = {
        seq: (page, views, ended)
        for seq, page, views, ended in mart.execute(
            "SELECT t.seq, pages.host || pages.path, t.page_views, t.ended_at FROM touchpoints AS t "
            "LEFT JOIN pages ON pages.page_id = t.page_id WHERE t.seq IN (SELECT UNNEST(?))",
            [seqs],
        ).fetchall()
    }
    found = []
    for index, seq in enumerate(seqs):
        kind = kinds[int(loaded.dimension_id[index])]
        page, views, ended = details.get(seq, (None, 0, None))
        at = int(loaded.journeys.touched_at[index])
        found.append(
            {
                "position": index + 1,
                "occurred_at": iso(at),
                "kind": kind["touch_kind"],
                **{k: v for k, v in kind.items() if k != "touch_kind"},
                "landing_page": page,
                "page_views": views,
                "seconds": 0 if ended is None else (ended - at) // 1_000_000,
                "facts": [seq],
                "milestones": [],
                "credit": {},
            }
        )
    return found


def _milestones(loaded: Loaded) -> list[dict[str, Any]]:
    """Each with the position of the last touchpoint at or before it, or None."""
    found = []
    for stage, moments in loaded.journeys.milestones.items():
        moment = int(moments[0])
        if moment != MISSING:
            position = int(np.searchsorted(loaded.journeys.touched_at, moment, side="right"))
            found.append({"stage": stage, "occurred_at": iso(moment), "position": position or None})
    return sorted(found, key=lambda m: m["occurred_at"])


def _amounts(mart: duckdb.DuckDBPyConnection, key: int) -> list[dict[str, Any]]:
    rows = mart.execute(
        "SELECT part, amount_minor, currency, occurred_at FROM conversion_amounts "
        "WHERE conversion_key = ? ORDER BY occurred_at, part, amount_minor",
        [key],
    ).fetchall()
    return [
        {
            "kind": part,
            "amount": to_number(amount, currency),
            "currency": currency,
            "occurred_at": iso(at),
        }
        for part, amount, currency, at in rows
    ]


def _identifiers(mart: duckdb.DuckDBPyConnection, key: int) -> list[dict[str, Any]]:
    rows = mart.execute(
        "SELECT i.identifier, ip.shared, COUNT(DISTINCT o.identifier_id) AS links, people.public_id "
        "FROM conversion_people AS c "
        "JOIN identifier_people AS ip ON ip.person_id = c.person_id "
        "JOIN identifiers AS i ON i.identifier_id = ip.identifier_id "
        "JOIN people ON people.person_id = c.person_id "
        "LEFT JOIN set_members AS m ON m.identifier_id = i.identifier_id "
        "LEFT JOIN set_members AS o ON o.set_id = m.set_id AND o.identifier_id <> i.identifier_id "
        "WHERE c.conversion_key = ? GROUP BY ALL ORDER BY people.public_id, i.identifier LIMIT 200",
        [key],
    ).fetchall()
    return [identifier_dict(*row) for row in rows]


def identifier_dict(identifier: str, shared: bool, links: int, person: str) -> dict[str, Any]:
    """What may be shown of an identifier: hashed ones have no value."""
    kind, _, value = identifier.partition(":")
    if kind == "click":
        kind, _, value = identifier.rpartition(":")
    return {
        "kind": kind,
        "value": None if value.startswith("h1.") else value,
        "shared": shared,
        "links": links,
        "person_id": person,
    }
