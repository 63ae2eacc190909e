"""The parts of a cell as readers see them: conversions with their touchpoints, spend lines, visits."""

from collections.abc import Callable
from typing import Any

import duckdb
import numpy as np

from service.kit.money import to_number
from service.kit.time import iso
from service.reports.cell_parts import Drill, Ints
from service.reports.credited import REASONS
from service.reports.journeys import dimension_rows

Item = dict[str, Any]
Show = Callable[[int], int | float]


def conversion_items(
    mart: duckdb.DuckDBPyConnection, drill: Drill, measure: str, keys: Ints, parts: Ints, show: Show
) -> list[Item]:
    """Each conversion with its part of the cell, its whole, and the touchpoints that give the part.

    `weight ÷ sum_of_weights × whole` is a touchpoint's exact share, its credit that in whole units;
    a model of all journeys has no weights of one.
    """
    loaded, allocation = drill.loaded, drill.allocation
    places = np.searchsorted(loaded.conversions["conversion_key"], keys)
    amounts, credit, weights = drill.amounts(measure), drill.credit(measure), allocation.weights
    offsets, reasons = loaded.journeys.offsets, allocation.reasons()
    given = [
        offsets[p] + np.flatnonzero(credit[offsets[p] : offsets[p + 1]]) for p in places.tolist()
    ]
    touched = np.concatenate(given) if given else np.zeros(0, np.int64)
    names = dimension_rows(mart, loaded.dimension_id[touched])
    told = _told(mart, keys)
    items = []
    for place, key, part, touches in zip(
        places.tolist(), keys.tolist(), parts.tolist(), given, strict=True
    ):
        first = int(offsets[place])
        whole = None if weights is None else int(weights[first : offsets[place + 1]].sum())
        reason = int(reasons[place])
        items.append(
            {
                "kind": "conversion",
                **told[key],
                "part": show(part),
                "whole": show(int(amounts[place])),
                "reason": REASONS[reason] if reason >= 0 else None,
                "touchpoints": [
                    {
                        "position": touch - first + 1,
                        "occurred_at": iso(int(loaded.journeys.touched_at[touch])),
                        **names[int(loaded.dimension_id[touch])],
                        "weight": None if weights is None else int(weights[touch]),
                        "sum_of_weights": whole,
                        "credit": show(int(credit[touch])),
                        "facts": [int(loaded.touch_seq[touch])],
                    }
                    for touch in touches.tolist()
                ],
            }
        )
    return items


def _told(mart: duckdb.DuckDBPyConnection, keys: Ints) -> dict[int, Item]:
    rows = mart.execute(
        "SELECT c.conversion_key, c.conversion_id, c.stage, c.state, c.kind, c.object_id, "
        "c.occurred_at, people.public_id, c.account_key FROM conversions AS c "
        "LEFT JOIN people ON people.person_id = c.person_id "
        "WHERE c.conversion_key IN (SELECT UNNEST(?))",
        [keys.tolist()],
    ).fetchall()
    return {
        key: {
            "conversion_id": conversion_id,
            "stage": stage,
            "state": state,
            "object": {"kind": kind, "id": object_id},
            "occurred_at": iso(at),
            "person_id": person,
            "account_id": account,
        }
        for key, conversion_id, stage, state, kind, object_id, at, person, account in rows
    }


def spend_items(mart: duckdb.DuckDBPyConnection, keys: Ints, parts: Ints, show: Show) -> list[Item]:
    """Each line as last stated, in the currency billed; `statements` counts it and those before."""
    rows = mart.execute(
        "SELECT s.seq, s.day, sources.name, d.channel, s.source, s.medium, s.campaign_id, "
        "s.campaign, s.ad_group, s.ad, s.term, s.account, s.amount_minor, s.currency, "
        "s.impressions, s.clicks, said.statements, said.stated_at "
        "FROM spend AS s JOIN sources ON sources.source_id = s.source_id "
        "JOIN dimensions AS d ON d.dimension_id = s.dimension_id "
        "JOIN (SELECT own.seq, COUNT(*) AS statements, ANY_VALUE(own.stated_at) AS stated_at "
        "FROM spend_facts AS own JOIN spend_facts AS every ON every.source_id = own.source_id "
        "AND every.subject = own.subject WHERE own.seq IN (SELECT UNNEST($keys)) GROUP BY own.seq) "
        "AS said ON said.seq = s.seq",
        {"keys": keys.tolist()},
    ).fetchall()
    names = ("date", "sender", "channel", "source", "medium", "campaign_id", "campaign",
             "ad_group", "ad", "term", "account")  # fmt: skip
    told = {row[0]: row for row in rows}
    items = []
    for key, part in zip(keys.tolist(), parts.tolist(), strict=True):
        row = told[key]
        items.append(
            {
                "kind": "spend_line",
                **dict(zip(names, row[1:12], strict=True)),
                "part": show(part),
                "amount": to_number(row[12], row[13]),
                "currency": row[13],
                "impressions": row[14],
                "clicks": row[15],
                "statements": row[16],
                "restated": row[16] > 1,
                "stated_at": iso(row[17]),
                "facts": [key],
            }
        )
    return items


def visit_items(mart: duckdb.DuckDBPyConnection, keys: Ints, parts: Ints, show: Show) -> list[Item]:
    """Each visit with where it came from and where it began."""
    rows = mart.execute(
        "SELECT t.seq, t.occurred_at, t.ended_at, t.page_views, d.channel, d.source, d.medium, "
        "d.campaign, d.content, d.term, pages.host || pages.path, people.public_id "
        "FROM touchpoints AS t JOIN dimensions AS d ON d.dimension_id = t.dimension_id "
        "LEFT JOIN pages ON pages.page_id = t.page_id "
        "LEFT JOIN people ON people.person_id = t.person_id "
        "WHERE t.page_views > 0 AND t.seq IN (SELECT UNNEST(?))",
        [keys.tolist()],
    ).fetchall()
    names = ("channel", "source", "medium", "campaign", "content", "term", "landing_page",
             "person_id")  # fmt: skip
    told = {row[0]: row for row in rows}
    return [
        {
            "kind": "visit",
            "occurred_at": iso(told[key][1]),
            **dict(zip(names, told[key][4:], strict=True)),
            "page_views": told[key][3],
            "seconds": (told[key][2] - told[key][1]) // 1_000_000,
            "part": show(part),
            "facts": [key],
        }
        for key, part in zip(keys.tolist(), parts.tolist(), strict=True)
    ]
