"""`/v1/sources/quality`: spend that no touch answers to, and paid touches that nobody billed, with the
money at stake. Where the two do not meet, returns by campaign are wrong, and silently so."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import duckdb
import numpy as np

from service.kit.duck import fetch_columns
from service.kit.errors import Refusal
from service.kit.money import parse_amount, to_number
from service.reports.groups import Groups
from service.reports.meta import describe, ratio, spend_days
from service.reports.question import DIMENSIONS, Question
from service.reports.roi import roi

DEFAULT_GROUPS = ("source", "campaign")
PAID = 1
SPEND_ALONE, TOUCHES_ALONE = "spend_without_touches", "touches_without_spend"
Key = tuple[str | None, ...]


@dataclass
class _Seen:
    """What a row's facts are: billed lines, touches, those of paid channels, and the channels."""

    lines: int = 0
    touches: int = 0
    paid: int = 0
    channels: set[str] = field(default_factory=set)


def quality(mart: duckdb.DuckDBPyConnection, question: Question) -> dict[str, Any]:
    """Rows where spend and touches do not meet, the dearest first; totals of all rows; meta.

    `finding` of a row: `spend_without_touches` (something was billed and nobody came),
    `touches_without_spend` (somebody came by a paid channel and nothing was billed). Figures are
    those of `/v1/roi`, so they add up with it. Needs the tables of `roi`.
    Raises: Refusal for a grouping by anything but dimensions.
    """
    if bad := [name for name in question.group_by if name not in DIMENSIONS]:
        raise Refusal(
            "unknown_group", "group_by", f"{bad[0]} cannot be looked at here; dimensions can"
        )
    answer = roi(mart, question)
    figures = {tuple(row[n] for n in question.group_by): row for row in answer["rows"]}
    seen = _seen(mart, question)
    rows = [
        _row(key, finding, found, figures.get(key, {}), question)
        for key, found in seen.items()
        if (finding := _finding(found))
    ]
    rows.sort(key=lambda row: (-abs(row["spend"]), -row["value"], -row["paid_touches"], _text(row)))
    totals = _totals(rows, seen, answer["totals"], question.currency)
    coverage = {
        **answer["meta"]["coverage"],
        "spend": ratio(
            _minor(totals["spend"], question.currency)
            - _minor(totals[SPEND_ALONE], question.currency),
            _minor(totals["spend"], question.currency),
        ),
    }
    return {"rows": rows, "totals": totals, "meta": describe(mart, question, coverage)}


def _finding(found: _Seen) -> str | None:
    if found.lines and not found.touches:
        return SPEND_ALONE
    return TOUCHES_ALONE if found.paid and not found.lines else None


def _seen(mart: duckdb.DuckDBPyConnection, question: Question) -> dict[Key, _Seen]:
    groups = Groups(mart, question)
    first, past = spend_days(question)
    touched = fetch_columns(
        mart,
        "SELECT t.dimension_id, COUNT(*) AS touches, "
        f"CAST(SUM(CASE WHEN d.channel_class = {PAID} THEN 1 ELSE 0 END) AS BIGINT) AS paid "
        "FROM touchpoints AS t JOIN dimensions AS d ON d.dimension_id = t.dimension_id "
        "WHERE t.occurred_at >= ? AND t.occurred_at < ? "
        "GROUP BY t.dimension_id ORDER BY t.dimension_id",
        [question.period.start_micros, question.period.end_micros],
    )
    # Lines and not amounts: what has no exchange rate was billed all the same.
    billed = fetch_columns(
        mart,
        "SELECT dimension_id, COUNT(*) AS lines FROM spend "
        "WHERE day >= ? AND day < ? AND amount_minor <> 0 "
        "GROUP BY dimension_id ORDER BY dimension_id",
        [first, past],
    )
    channels = dict(mart.execute("SELECT dimension_id, channel FROM dimensions").fetchall())
    found: dict[Key, _Seen] = defaultdict(_Seen)
    for columns, names in ((touched, ("touches", "paid")), (billed, ("lines",))):
        ids = columns["dimension_id"]
        numbers = groups.rows_of(ids, None, np.zeros(len(ids), np.int64))
        labels = groups.labels
        for place, number in enumerate(numbers.tolist()):
            if number < 0:
                continue
            row = found[labels[number]]
            row.channels.add(channels[int(ids[place])])
            for name in names:
                setattr(row, name, getattr(row, name) + int(columns[name][place]))
    return dict(found)


def _row(
    key: Key, finding: str, found: _Seen, figures: dict[str, Any], question: Question
) -> dict[str, Any]:
    return {
        "finding": finding,
        **dict(zip(question.group_by, key, strict=True)),
        "channels": ", ".join(sorted(found.channels)),
        "spend": figures.get("spend", 0),
        "impressions": figures.get("impressions", 0),
        "clicks": figures.get("clicks", 0),
        "spend_lines": found.lines,
        "touches": found.touches,
        "paid_touches": found.paid,
        "conversions": figures.get("conversions", 0),
        "value": figures.get("revenue", 0),
    }


def _totals(
    rows: list[dict[str, Any]], seen: dict[Key, _Seen], all_rows: dict[str, Any], currency: str
) -> dict[str, Any]:
    def money(finding: str, name: str) -> int | float:
        found = (_minor(row[name], currency) for row in rows if row["finding"] == finding)
        return to_number(sum(found), currency)

    return {
        "spend": all_rows["spend"],
        SPEND_ALONE: money(SPEND_ALONE, "spend"),
        "paid_touches": sum(found.paid for found in seen.values()),
        TOUCHES_ALONE: sum(r["paid_touches"] for r in rows if r["finding"] == TOUCHES_ALONE),
        "value": all_rows["revenue"],
        "value_without_spend": money(TOUCHES_ALONE, "value"),
    }


def _minor(amount: float, currency: str) -> int:
    return parse_amount(amount, currency)


def _text(row: dict[str, Any]) -> list[str]:
    return [str(value or "") for value in row.values()]
