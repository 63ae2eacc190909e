"""Which conversions a platform can be told of: those with one of its click ids, or of people whom it
may match. Credit comes from the same allocation as every report."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import duckdb
import numpy as np
import orjson
from sqlalchemy import Engine, bindparam, text

from service.kit.db import reading
from service.outbound.platform import MILLION, Platform, Statement
from service.reports.allocations import allocation_of
from service.reports.credited import counts
from service.reports.load import Loaded, load
from service.reports.question import Question

AT_ONCE = 500
Clicked = Mapping[int, tuple[str, str]]

_WITH_CLICKS = """
SELECT dimension_id FROM dimensions
WHERE LIST_HAS_ANY(STRING_SPLIT(COALESCE(NULLIF(touch, '') ->> '$.clicks', ''), ','), $names)
"""
_PEOPLE = """
SELECT DISTINCT c.conversion_key, i.identifier
FROM conversion_people AS c
JOIN identifier_people AS p ON p.person_id = c.person_id AND NOT p.shared
JOIN identifiers AS i ON i.identifier_id = p.identifier_id
WHERE c.conversion_key IN (SELECT UNNEST($keys))
    AND LIST_CONTAINS($kinds, STRING_SPLIT(i.identifier, ':')[1])
ORDER BY c.conversion_key, i.identifier
"""


@dataclass(frozen=True, slots=True)
class Touch:
    """A touchpoint with a click id; `credit` in millionths of the conversion."""

    click: tuple[str, str]
    clicked_at: int
    credit: int


def statements_of(
    mart: duckdb.DuckDBPyConnection, engine: Engine, question: Question, platform: Platform
) -> list[Statement]:
    """What the platform may be told of the question's conversions, oldest first.

    A conversion part of whose amount has no exchange rate is left out: it would be told too small.
    `mart` needs the table `factors`.
    """
    loaded = load(mart, question, [question.conversion], ordinals=False)
    keys = loaded.conversions["conversion_key"]
    touches = _touches(mart, engine, question, platform, loaded)
    people = _people(mart, keys.tolist(), platform.identifiers)
    names = dict(
        mart.execute(
            "SELECT conversion_key, conversion_id FROM conversions "
            "WHERE conversion_key IN (SELECT UNNEST($keys))",
            {"keys": keys.tolist()},
        ).fetchall()
    )
    found: list[Statement] = []
    columns = zip(
        keys.tolist(),
        loaded.conversions["occurred_at"].tolist(),
        loaded.value.tolist(),
        loaded.conversions["amountless"].tolist(),
        strict=True,
    )
    for place, (key, occurred_at, value, amountless) in enumerate(columns):
        known = people.get(key, {})
        if amountless or not (touches[place] or known):
            continue
        whole = Statement(
            order_id=names[key],
            conversion_id=names[key],
            occurred_at=occurred_at,
            value_minor=value,
            currency=question.currency,
            identifiers=known,
            model=str(question.models[0]),
        )
        found += _by_click(whole, touches[place], platform)
    return sorted(found, key=lambda s: (s.occurred_at, s.order_id))


def _by_click(whole: Statement, touches: Sequence[Touch], platform: Platform) -> list[Statement]:
    """A share for each click where the platform takes shares; else the whole to the last click."""
    if not touches:
        return [whole]
    if not platform.fractional:
        last = touches[-1]
        return [_replaced(whole, whole.order_id, last.click, last.clicked_at, MILLION)]
    shares: dict[tuple[str, str], list[Touch]] = defaultdict(list)
    for touch in touches:
        if touch.credit > 0:
            shares[touch.click].append(touch)
    return [
        _replaced(
            whole,
            f"{whole.order_id}:{blake2b(click[1].encode(), digest_size=6).hexdigest()}",
            click,
            parts[-1].clicked_at,
            sum(part.credit for part in parts),
        )
        for click, parts in shares.items()
    ]


def _replaced(
    whole: Statement, order_id: str, click: tuple[str, str], clicked_at: int, credit: int
) -> Statement:
    return Statement(
        order_id=order_id,
        conversion_id=whole.conversion_id,
        occurred_at=whole.occurred_at,
        value_minor=whole.value_minor,
        currency=whole.currency,
        credit=credit,
        click=click,
        clicked_at=clicked_at,
        identifiers=whole.identifiers,
        model=whole.model,
    )


def _touches(
    mart: duckdb.DuckDBPyConnection,
    engine: Engine,
    question: Question,
    platform: Platform,
    loaded: Loaded,
) -> list[list[Touch]]:
    """Per conversion its touchpoints with one of the platform's click ids, oldest first."""
    allocation = allocation_of(mart, loaded, question, question.models[0])
    credit = allocation.credit_of(counts(loaded))
    rows = mart.execute(_WITH_CLICKS, {"names": list(platform.clicks)}).fetchnumpy()
    places = np.flatnonzero(np.isin(loaded.dimension_id, rows["dimension_id"]))
    offsets = loaded.journeys.offsets
    owners = np.searchsorted(offsets, places, side="right") - 1
    clicked = _clicked(engine, loaded.touch_seq[places].tolist(), platform.clicks)
    found: list[list[Touch]] = [[] for _ in range(len(offsets) - 1)]
    columns = zip(
        owners.tolist(),
        loaded.touch_seq[places].tolist(),
        loaded.journeys.touched_at[places].tolist(),
        credit[places].tolist(),
        strict=True,
    )
    for owner, seq, at, share in columns:
        if seq in clicked:
            found[owner].append(Touch(clicked[seq], at, share))
    return found


def _clicked(engine: Engine, seqs: Sequence[int], names: Sequence[str]) -> Clicked:
    """Name and value of the strongest click id of each fact, by its seq. The mart knows the names
    alone: the values are as many as clicks and rest in the ledger."""
    found: dict[int, tuple[str, str]] = {}
    asked = text("SELECT seq, payload FROM facts WHERE seq IN :seqs").bindparams(
        bindparam("seqs", expanding=True)
    )
    wanted = sorted(set(seqs))
    with reading(engine).connect() as connection:
        for start in range(0, len(wanted), AT_ONCE):
            for seq, payload in connection.execute(
                asked, {"seqs": wanted[start : start + AT_ONCE]}
            ):
                ids = orjson.loads(payload).get("click_ids", {})
                name = next((n for n in names if ids.get(n)), None)
                if name is not None:
                    found[seq] = (name, ids[name])
    return found


def _people(
    mart: duckdb.DuckDBPyConnection, keys: Sequence[int], kinds: Sequence[str]
) -> dict[int, dict[str, list[str]]]:
    """By conversion_key the values of the wanted kinds that its people have."""
    found: dict[int, dict[str, list[Any]]] = defaultdict(dict)
    if kinds:
        rows = mart.execute(_PEOPLE, {"keys": list(keys), "kinds": list(kinds)}).fetchall()
        for key, identifier in rows:
            kind, _, value = identifier.partition(":")
            found[key].setdefault(kind, []).append(value)
    return found
