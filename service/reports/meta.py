"""What every answer says about itself."""

from datetime import UTC
from typing import Any

import duckdb

from service.attribution.models import DEFINITIONS
from service.kit.money import to_number
from service.kit.time import format_duration, iso
from service.reports.applied import applied_edition, count_excluded
from service.reports.campaigns import prepared_rules
from service.reports.question import Question


def ratio(part: float, whole: float) -> float | None:
    """part ÷ whole to six decimals; None where there is nothing to divide by."""
    return None if whole == 0 else round(part / whole, 6)


def describe(
    mart: duckdb.DuckDBPyConnection, question: Question, coverage: dict[str, float | None]
) -> dict[str, Any]:
    """The `meta` object: the question in full, the state of the mart, and what stands apart."""
    rules_version, _ = prepared_rules(mart)
    watermark, configuration, fresh_to = mart.execute(
        "SELECT watermark, configuration, fresh_to FROM state"
    ).fetchall()[0]
    period = question.period
    return {
        "models": [m.to_dict() for m in question.models],
        "warnings": [
            {"model": str(model), "text": text}
            for model in question.models
            for text in DEFINITIONS[model.name].warnings
        ],
        "conversion": question.conversion,
        "lookback": format_duration(question.lookback),
        "basis": question.basis,
        "scope": question.scope,
        "period": {
            "from": period.start.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "to": period.end.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "tz": period.zone.key,
        },
        "currency": question.currency,
        "group_by": list(question.group_by),
        "include": ["bots"] if question.with_bots else [],
        "filters": {name: list(values) for name, values in question.filters},
        "configuration": configuration,
        "campaign_rules": rules_version,
        "settings": applied_edition(mart),
        "watermark": watermark,
        "fresh_to": iso(fresh_to),
        "coverage": coverage,
        "not_convertible": _not_convertible(mart, question),
        "excluded": _excluded(mart, question),
    }


def _not_convertible(mart: duckdb.DuckDBPyConnection, question: Question) -> list[dict[str, Any]]:
    rows = mart.execute(
        "SELECT 'revenue' AS kind, a.currency, CAST(SUM(a.amount_minor) AS BIGINT) AS amount, COUNT(*) AS parts "
        "FROM conversion_amounts AS a JOIN conversions AS c ON c.conversion_key = a.conversion_key "
        "LEFT JOIN factors AS f ON f.currency = a.currency AND f.rate_day = a.rate_day "
        "WHERE c.stage = $stage AND c.occurred_at >= $start AND c.occurred_at < $end "
        "AND a.currency <> $currency AND f.factor IS NULL GROUP BY a.currency "
        "UNION ALL "
        "SELECT 'spend', s.currency, CAST(SUM(s.amount_minor) AS BIGINT), COUNT(*) FROM spend AS s "
        "LEFT JOIN factors AS f ON f.currency = s.currency AND f.rate_day = s.day "
        "WHERE s.day >= $first AND s.day < $past AND s.currency <> $currency AND f.factor IS NULL "
        "GROUP BY s.currency",
        {
            "stage": "won" if question.conversion == "repeat" else question.conversion,
            "start": question.period.start_micros,
            "end": question.period.end_micros,
            "first": spend_days(question)[0],
            "past": spend_days(question)[1],
            "currency": question.currency,
        },
    ).fetchall()
    return [
        {
            "kind": kind,
            "currency": currency,
            "amount": to_number(int(amount), currency),
            "count": count,
        }
        for kind, currency, amount, count in sorted(rows)
    ]


def _excluded(mart: duckdb.DuckDBPyConnection, question: Question) -> list[dict[str, Any]]:
    """What is kept and counted, and part of no row: bots, refunds of unknown orders,
    touchpoints that the configuration excludes."""
    found = [
        {"reason": reason, "facts": int(facts)}
        for reason, facts in mart.execute(
            "SELECT reason, SUM(facts) FROM left_out GROUP BY reason"
        ).fetchall()
    ]
    lonely = mart.execute(
        "SELECT COUNT(*) FROM conversions WHERE stage = 'refund_without_order' "
        "AND occurred_at >= ? AND occurred_at < ?",
        [question.period.start_micros, question.period.end_micros],
    ).fetchall()[0][0]
    left = count_excluded(mart, question.period.start_micros, question.period.end_micros)
    if left:
        found.append({"reason": "excluded_by_configuration", "facts": left})
    if lonely:
        found.append({"reason": "refund_without_order", "facts": lonely})
    return found


def spend_days(question: Question) -> tuple[str, str]:
    """The first day of spend in the period and the day after its last: days that start in it."""
    zone = question.period.zone
    edges = []
    for moment in (question.period.start, question.period.end):
        local = moment.astimezone(zone)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        day = (
            local.date()
            if local == midnight
            else local.date().fromordinal(local.date().toordinal() + 1)
        )
        edges.append(day.isoformat())
    return edges[0], edges[1]
