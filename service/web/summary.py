"""One-sentence readings of a report, written on the server.

They say what a reader would see first, in figures that stand on the page, and promise no cause.
"""

from datetime import date
from operator import itemgetter
from typing import Any

from service.web import words
from service.web.format import Formatter, Number, exact_sum
from service.web.table import change_of
from service.web.words import METRICS, Metric

Report = dict[str, Any]


def headline(report: Report, before: Report | None, formatter: Formatter) -> str:
    """What came of the money, and which channel earned most."""
    totals = report["totals"]
    spend, revenue = totals["spend"] or 0, totals["revenue"] or 0
    if not spend and not revenue:
        return "No money was spent and none came in during these days."
    if not spend:
        text = f"{formatter.round_money(revenue)} came in, and no spend is known for these days."
    elif not revenue:
        text = f"{formatter.round_money(spend)} was spent and nothing came back yet."
    else:
        text = (
            f"{formatter.round_money(spend)} of spend brought {formatter.round_money(revenue)} "
            f"of revenue: {formatter.money(totals['roas'])} for each {formatter.money(1, places=0)} spent."
        )
    change = change_of(METRICS["revenue"], totals, before["totals"] if before else None, formatter)
    if change.arrow:
        text = f"{text} Revenue is {'up' if change.arrow == '↑' else 'down'} {change.text}."
    return text


def findings(report: Report, formatter: Formatter) -> list[tuple[str, str, str]]:
    """At most three things worth a look: (tone, sentence, channel it is about)."""
    found: list[tuple[str, str, str]] = []
    rows = report["rows"]
    earners = [row for row in rows if (row["revenue"] or 0) > 0]
    if earners:
        best = max(earners, key=lambda row: row["revenue"])
        name, earned = words.channel(best["channel"]), formatter.round_money(best["revenue"])
        found.append(("good", f"{name} earned the most: {earned}.", best["channel"]))
    idle = [row for row in rows if (row["spend"] or 0) > 0 and not (row["revenue"] or 0)]
    if idle:
        worst = max(idle, key=lambda row: row["spend"])
        name, spent = words.channel(worst["channel"]), formatter.round_money(worst["spend"])
        said = (
            ("soft", f"{name} spent {spent} and has sold nothing yet; it is too early to judge.")
            if worst.get("too_early")
            else ("bad", f"{name} spent {spent} and sold nothing.")
        )
        found.append((*said, worst["channel"]))
    losing = [
        row
        for row in rows
        if row["roi"] is not None
        and row["roi"] < 0
        and row not in idle
        and not row.get("too_early")
    ]
    if losing:
        row = max(losing, key=lambda row: row["spend"])
        name, roi = words.channel(row["channel"]), formatter.percent(row["roi"])
        found.append(("bad", f"{name} has not earned its spend back: ROI {roi}.", row["channel"]))
    return found


def chart_summary(
    metric: Metric,
    points: list[tuple[Number | None, date]],
    unattributed: Report,
    every: str,
    formatter: Formatter,
) -> str:
    """The total and the best stretch of one line, and what the line cannot show."""
    known = [(value, day) for value, day in points if value]
    if not known:
        return f"{metric.label}: nothing in these days."
    total = formatter.show(metric.kind, exact_sum([value for value, _ in known]))
    best, day = max(known, key=itemgetter(0))
    stretch = {"day": "day", "week": "week, beginning", "month": "month, beginning"}[every]
    text = (
        f"{metric.label} {total} in total; the best {stretch} {formatter.day(day)}, "
        f"with {formatter.show(metric.kind, best)}."
    )
    if rest := unattributed.get(metric.key):
        text += f" A further {formatter.show(metric.kind, rest)} is unattributed and not drawn."
    return text
