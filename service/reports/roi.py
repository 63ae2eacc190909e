"""`/v1/roi`: what each channel cost and what it earned, from the union of spend and credit."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from service.kit.duck import fetch_columns
from service.kit.errors import ReconciliationError
from service.kit.money import count_to_number, to_number
from service.kit.time import to_micros
from service.reports.allocations import allocation_of
from service.reports.attribution import clock
from service.reports.caused import Calibrate, Measure, caused, no_tests
from service.reports.credited import MILLION, Allocation, counts, exact_sums
from service.reports.exchange import converted
from service.reports.exposure import NOT_KNOWN, spend_maturity
from service.reports.groups import Groups, Label
from service.reports.lags import LagBook
from service.reports.load import Loaded, load
from service.reports.meta import describe, ratio, spend_days
from service.reports.question import Question

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
STAGES = ("lead", "mql", "sql", "opportunity", "won")
COUNT_FIELDS = {
    "lead": "leads",
    "mql": "mqls",
    "sql": "sqls",
    "opportunity": "opportunities",
    "won": "won",
}


@dataclass
class Sums:
    """Whole numbers of one row: minor units, millionths of conversions, plain counts."""

    spend: int = 0
    impressions: int = 0
    clicks: int = 0
    visits: int = 0
    leads: int = 0
    mqls: int = 0
    sqls: int = 0
    opportunities: int = 0
    won: int = 0
    conversions: int = 0
    customers: int = 0
    revenue: int = 0
    margin: int = 0
    costed_revenue: int = 0

    def add(self, other: "Sums") -> None:
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


def roi(
    mart: duckdb.DuckDBPyConnection,
    question: Question,
    *,
    book: LagBook | None = None,
    loaded: Loaded | None = None,
    calibrate: Calibrate = no_tests,
) -> dict[str, Any]:
    """Spend, funnel counts, revenue and their ratios by row; unattributed apart; totals; meta; what
    would not have happened without a row, of a model that knows a baseline.

    Counts of a row are credits under the first of the question's models, so that rows and the
    unattributed row add up to the totals. Needs the table `factors`. Without `book` nothing is said
    of maturity. `loaded` spares loading the conversions of STAGES again.
    Raises: ReconciliationError rather than give rows that do not add up.
    """
    groups = Groups(mart, question)
    loaded = loaded or load(mart, question, STAGES)
    touch_rows = groups.rows_of(loaded.dimension_id, loaded.page_id, clock(loaded, question))
    spent = spend_of(mart, question)
    spent_at = noons(spent["day"], question)
    spend_rows = groups.rows_of(spent["dimension_id"], None, spent_at)
    visited = _visits(mart, question)
    visit_rows = groups.rows_of(visited["dimension_id"], visited["page_id"], visited["occurred_at"])
    count = len(groups.labels)
    table: dict[str, Ints] = {f.name: np.zeros(count, np.int64) for f in fields(Sums)}
    for name in ("spend", "impressions", "clicks"):
        table[name] += by_row(spend_rows, spent[name], count)
    table["visits"] += by_row(visit_rows, visited["visits"], count)
    rest = Sums()
    totals = Sums()
    allocation = allocation_of(mart, loaded, question, question.models[0])
    _credit(allocation, loaded, question, touch_rows, table, rest, totals)
    brought = caused(
        allocation,
        question,
        question.models[0],
        _measured(loaded, question, totals),
        (touch_rows, groups.labels),
        calibrate,
        table["spend"],
    )
    rows = [_row_sums(table, index) for index in range(count)]
    for row in rows:
        for name in ("spend", "impressions", "clicks", "visits"):
            setattr(totals, name, getattr(totals, name) + getattr(row, name))
    _reconcile(rows, rest, totals)
    coverage = {
        "value": ratio(totals.revenue - rest.revenue, totals.revenue),
        "conversions": ratio(totals.conversions - rest.conversions, totals.conversions),
        "spend": ratio(int(spent["spend"][spent["mapped"]].sum()), int(spent["spend"].sum())),
    }
    answer = _answer(mart, question, groups.labels, rows, rest, totals, coverage)
    answer["incremental"] = brought
    if book is not None:
        marks = spend_maturity(mart, question, book, spent, spend_rows, spent_at, count)
        _mark(answer, question, groups.labels, *marks)
    return answer


def _mark(
    answer: dict[str, Any],
    question: Question,
    labels: list[tuple[Label, ...]],
    of_rows: list[dict[str, Any]],
    of_all: dict[str, Any],
) -> None:
    """Say of each row and of the totals how much of their spend has had time to convert."""
    marks = dict(zip(labels, of_rows, strict=True))
    for row in answer["rows"]:
        row.update(marks[tuple(row[name] for name in question.group_by)])
    answer["totals"].update(of_all)


def _measured(loaded: Loaded, question: Question, totals: Sums) -> dict[str, Measure]:
    """What is asked of a model that knows a baseline."""
    stages = {"conversions": question.conversion, "customers": "won", "revenue": "won"}
    asked = measures_of(loaded, question)
    return {
        name: Measure(*asked[name], getattr(totals, name), stage) for name, stage in stages.items()
    }


def _credit(
    allocation: Allocation,
    loaded: Loaded,
    question: Question,
    rows: Ints,
    table: dict[str, Ints],
    rest: Sums,
    totals: Sums,
) -> None:
    for name, (amounts, chosen) in measures_of(loaded, question).items():
        credit = allocation.gather(amounts, rows, len(table[name]), chosen)
        table[name] += credit.rows
        setattr(rest, name, sum(credit.unattributed.values()))
        setattr(totals, name, credit.shown)


def measures_of(loaded: Loaded, question: Question) -> dict[str, tuple[Ints, Bools]]:
    """By measure what each conversion gives away (minor units or millionths), and which ones count.

    Args: loaded: conversions of STAGES, in this order.
    """
    columns = loaded.conversions
    reached = {name: columns["stage"] == place for place, name in enumerate(STAGES)}
    won = reached["won"]
    asked = (
        won & (columns["ordinal"] > 1)
        if question.conversion == "repeat"
        else reached[question.conversion]
    )
    one = counts(loaded)
    costed = won & columns["has_cost"]
    return {
        **{COUNT_FIELDS[s]: (one, reached[s]) for s in STAGES},
        "conversions": (one, asked),
        "customers": (one, won & (columns["ordinal"] == 1)),
        "revenue": (loaded.value, won),
        "margin": (loaded.value - columns["cost"], costed),
        "costed_revenue": (loaded.value, costed),
    }


def by_row(rows: Ints, amounts: Ints, count: int) -> Ints:
    kept = rows >= 0
    return exact_sums(rows[kept], amounts[kept].astype(np.int64), count)


def _row_sums(table: dict[str, Ints], index: int) -> Sums:
    return Sums(**{name: int(column[index]) for name, column in table.items()})


def _reconcile(rows: Sequence[Sums], rest: Sums, totals: Sums) -> None:
    added = Sums()
    for part in (*rows, rest):
        added.add(part)
    if added != totals:
        raise ReconciliationError("not_reconciled", f"rows make {added}, totals are {totals}")


def spend_of(mart: duckdb.DuckDBPyConnection, question: Question) -> dict[str, Any]:
    """Spend of the period by day and dimensions, in minor units of the question's currency."""
    return fetch_columns(
        mart,
        "SELECT dimension_id, day, channel, mapped, CAST(COALESCE(SUM(spend), 0) AS BIGINT) AS spend, "
        "CAST(SUM(impressions) AS BIGINT) AS impressions, CAST(SUM(clicks) AS BIGINT) AS clicks "
        f"FROM ({SPEND_LINES}) AS lines GROUP BY ALL ORDER BY day, dimension_id",
        spend_parameters(question),
    )


# `spend` is NULL where there is no exchange rate.
SPEND_LINES = f"""
SELECT s.seq, s.dimension_id, s.day, COALESCE(d.channel, '') AS channel,
    d.channel <> 'unassigned' AS mapped,
    {converted("s.amount_minor", "s.currency")} AS spend,
    COALESCE(s.impressions, 0) AS impressions, COALESCE(s.clicks, 0) AS clicks
FROM spend AS s JOIN dimensions AS d ON d.dimension_id = s.dimension_id
LEFT JOIN factors AS f ON f.currency = s.currency AND f.rate_day = s.day
WHERE s.day >= $first AND s.day < $past
"""


def spend_parameters(question: Question) -> dict[str, Any]:
    first, past = spend_days(question)
    return {"first": first, "past": past, "currency": question.currency}


def noons(days: Any, question: Question) -> Ints:
    """A moment inside each day of the zone: noon exists on every day, midnight does not."""
    zone = question.period.zone
    known = {
        d: to_micros(datetime.fromisoformat(d).replace(hour=12, tzinfo=zone)) for d in set(days)
    }
    return np.asarray([known[d] for d in days], np.int64)


def _visits(mart: duckdb.DuckDBPyConnection, question: Question) -> dict[str, Any]:
    """Visits that began in the period, by dimensions; by page and moment only where asked for."""
    fine = any(g in ("landing_page", "day", "week", "month") for g in question.group_by) or any(
        name == "landing_page" for name, _ in question.filters
    )
    columns = (
        "COALESCE(page_id, 0) AS page_id, occurred_at, 1 AS visits"
        if fine
        else ("0 AS page_id, CAST(0 AS BIGINT) AS occurred_at, COUNT(*) AS visits")
    )
    return fetch_columns(
        mart,
        f"SELECT dimension_id, {columns} FROM touchpoints WHERE {VISITED} "
        f"{'' if fine else 'GROUP BY dimension_id'}",
        [question.period.start_micros, question.period.end_micros],
    )


VISITED = "page_views > 0 AND occurred_at >= ? AND occurred_at < ?"


def _answer(
    mart: duckdb.DuckDBPyConnection,
    question: Question,
    labels: list[tuple[str | None, ...]],
    rows: list[Sums],
    rest: Sums,
    totals: Sums,
    coverage: dict[str, float | None],
) -> dict[str, Any]:
    by_time = question.group_by[0] in ("day", "week", "month")
    order = sorted(
        range(len(rows)),
        key=lambda i: (
            [x or "" for x in labels[i]]
            if by_time
            else [-rows[i].revenue, -rows[i].spend, [x or "" for x in labels[i]]]
        ),
    )
    shown = [
        {
            **dict(zip(question.group_by, labels[i], strict=True)),
            **figures(rows[i], question.currency),
        }
        for i in order
        if rows[i] != Sums()
    ]
    return {
        "rows": shown,
        "unattributed": figures(rest, question.currency),
        "totals": figures(totals, question.currency),
        "meta": describe(mart, question, coverage),
    }


def figures(sums: Sums, currency: str) -> dict[str, Any]:
    """The numbers of one row as readers see them (METRICS); a ratio without a base is None."""
    spend, revenue = sums.spend, sums.revenue
    margin = sums.margin if sums.costed_revenue or sums.margin else None
    return {
        "spend": to_number(spend, currency),
        "impressions": sums.impressions,
        "clicks": sums.clicks,
        "visits": sums.visits,
        "leads": count_to_number(sums.leads),
        "mqls": count_to_number(sums.mqls),
        "sqls": count_to_number(sums.sqls),
        "opportunities": count_to_number(sums.opportunities),
        "won": count_to_number(sums.won),
        "conversions": count_to_number(sums.conversions),
        "customers": count_to_number(sums.customers),
        "revenue": to_number(revenue, currency),
        "margin": None if margin is None else to_number(margin, currency),
        "margin_coverage": ratio(sums.costed_revenue, revenue),
        "cpl": unit_cost(spend, sums.leads, currency),
        "cpa": unit_cost(spend, sums.conversions, currency),
        "cac": unit_cost(spend, sums.customers, currency),
        "roas": ratio(revenue, spend),
        "roi": ratio(revenue - spend, spend),
        "romi": ratio(revenue - spend, spend),
        "romi_revenue": ratio(revenue - spend, spend),
        "romi_margin": None if margin is None else ratio(margin - spend, spend),
        "drr": ratio(spend, revenue),
        **NOT_KNOWN,
    }


def unit_cost(spend: int, millionths: int, currency: str) -> int | float | None:
    """Spend for one conversion, rounded half up to the minor unit; None without conversions."""
    if millionths == 0:
        return None
    return to_number((2 * spend * MILLION + millionths) // (2 * millionths), currency)
