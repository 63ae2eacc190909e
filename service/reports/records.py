"""What stands behind the reports, as lists: spend lines and people."""

from typing import Any

import duckdb

from service.kit.errors import NotFound
from service.kit.money import to_number
from service.kit.time import iso
from service.reports.exchange import converted
from service.reports.journeys import decode_cursor, encode_cursor, identifier_dict
from service.reports.meta import describe, spend_days
from service.reports.question import Question

NOTHING = {"value": None, "conversions": None, "spend": None}


def spend_lines(
    mart: duckdb.DuckDBPyConnection, question: Question, limit: int = 100, cursor: str | None = None
) -> dict[str, Any]:
    """Spend of the period line by line as last stated, newest day first, in the currency billed
    and, where a rate exists, in the question's."""
    first, past = spend_days(question)
    after_day, after_seq = decode_cursor(cursor, str, int) if cursor else (None, None)
    rows = mart.execute(
        "SELECT s.day, sources.name, s.source, s.medium, s.campaign_id, s.campaign, s.ad_group, s.ad, "
        "s.term, s.amount_minor, s.currency, s.impressions, s.clicks, d.channel, s.seq, "
        f"{converted('s.amount_minor', 's.currency')} AS amount, "
        "(SELECT COUNT(*) FROM spend_facts AS p WHERE p.source_id = s.source_id AND p.subject = "
        "(SELECT subject FROM spend_facts AS own WHERE own.seq = s.seq)) AS statements, s.account "
        "FROM spend AS s JOIN sources ON sources.source_id = s.source_id "
        "JOIN dimensions AS d ON d.dimension_id = s.dimension_id "
        "LEFT JOIN factors AS f ON f.currency = s.currency AND f.rate_day = s.day "
        "WHERE s.day >= $first AND s.day < $past "
        "AND ($after_day IS NULL OR s.day < $after_day OR (s.day = $after_day AND s.seq > $after_seq)) "
        "AND (LEN($channels) = 0 OR list_contains($channels, d.channel)) "
        "ORDER BY s.day DESC, s.seq LIMIT $limit",
        {
            "currency": question.currency,
            "first": first,
            "past": past,
            "after_day": after_day,
            "after_seq": after_seq,
            "channels": list(dict(question.filters).get("channel", ())),
            "limit": limit + 1,
        },
    ).fetchall()
    items = [_line(row, question.currency) for row in rows[:limit]]
    return {
        "items": items,
        "next": encode_cursor(rows[limit - 1][0], rows[limit - 1][14])
        if len(rows) > limit
        else None,
        "meta": describe(mart, question, dict(NOTHING)),
    }


def _line(row: tuple[Any, ...], currency: str) -> dict[str, Any]:
    names = (
        "date",
        "sender",
        "source",
        "medium",
        "campaign_id",
        "campaign",
        "ad_group",
        "ad",
        "term",
    )
    return {
        **dict(zip(names, row[:9], strict=True)),
        "amount": to_number(row[9], row[10]),
        "currency": row[10],
        "amount_converted": None if row[15] is None else to_number(row[15], currency),
        "currency_converted": currency,
        "impressions": row[11],
        "clicks": row[12],
        "channel": row[13],
        "fact": row[14],
        "statements": row[16],
        "account": row[17],
    }


def person(mart: duckdb.DuckDBPyConnection, person_id: str) -> dict[str, Any]:
    """One person: identifiers, touchpoints, conversions. Any identifier's id finds its person.

    Raises NotFound.
    """
    found = mart.execute(
        "SELECT person_id, public_id, first_at, known FROM people WHERE public_id = $id "
        "UNION SELECT people.person_id, people.public_id, people.first_at, people.known "
        "FROM identifiers AS i JOIN identifier_people AS ip ON ip.identifier_id = i.identifier_id "
        "JOIN people ON people.person_id = ip.person_id "
        "WHERE 'p_' || SUBSTRING(MD5(i.identifier), 1, 16) = $id",
        {"id": person_id},
    ).fetchall()
    if not found:
        raise NotFound("no_such_person", f"There is no person {person_id[:100]!r}.")
    key, public_id, first_at, known = found[0]
    account = mart.execute(
        "SELECT account_key FROM person_accounts WHERE person_id = ?", [key]
    ).fetchall()
    return {
        "person_id": public_id,
        "first_at": iso(first_at),
        "known": known,
        "account_id": account[0][0] if account else None,
        "identifiers": _identifiers(mart, key, public_id),
        "touchpoints": _touchpoints(mart, key),
        "conversions": _conversions(mart, key),
    }


def _identifiers(mart: duckdb.DuckDBPyConnection, key: int, public_id: str) -> list[dict[str, Any]]:
    rows = mart.execute(
        "SELECT i.identifier, ip.shared, COUNT(DISTINCT o.identifier_id) FROM identifier_people AS ip "
        "JOIN identifiers AS i ON i.identifier_id = ip.identifier_id "
        "LEFT JOIN set_members AS m ON m.identifier_id = i.identifier_id "
        "LEFT JOIN set_members AS o ON o.set_id = m.set_id AND o.identifier_id <> i.identifier_id "
        "WHERE ip.person_id = ? GROUP BY ALL ORDER BY i.identifier LIMIT 1000",
        [key],
    ).fetchall()
    return [identifier_dict(row[0], row[1], row[2], public_id) for row in rows]


def _touchpoints(mart: duckdb.DuckDBPyConnection, key: int) -> list[dict[str, Any]]:
    rows = mart.execute(
        "SELECT t.occurred_at, d.touch_kind, d.channel, d.source, d.medium, d.campaign, "
        "pages.host || pages.path, t.page_views, t.seq FROM touchpoints AS t "
        "JOIN dimensions AS d ON d.dimension_id = t.dimension_id "
        "LEFT JOIN pages ON pages.page_id = t.page_id "
        "WHERE t.person_id = ? ORDER BY t.occurred_at, t.tie LIMIT 10000",
        [key],
    ).fetchall()
    names = (
        "kind",
        "channel",
        "source",
        "medium",
        "campaign",
        "landing_page",
        "page_views",
        "fact",
    )
    return [{"occurred_at": iso(r[0]), **dict(zip(names, r[1:], strict=True))} for r in rows]


def _conversions(mart: duckdb.DuckDBPyConnection, key: int) -> list[dict[str, Any]]:
    rows = mart.execute(
        "SELECT c.conversion_id, c.stage, c.occurred_at FROM conversions AS c "
        "JOIN conversion_people AS p ON p.conversion_key = c.conversion_key "
        "WHERE p.person_id = ? ORDER BY c.occurred_at, c.conversion_id LIMIT 10000",
        [key],
    ).fetchall()
    return [{"conversion_id": i, "stage": s, "occurred_at": iso(at)} for i, s, at in rows]
