"""One-sentence readings of a report, written on the server.

They say what a reader would see first, in figures that stand on the page, and promise no cause.
"""

from datetime import date
from operator import itemgetter
from typing import Any

from service.web.format import Formatter, Number, exact_sum
from service.web.table import change_of
from service.web.why import Sentence, Told, row_cell
from service.web.words import METRICS, Metric

Report = dict[str, Any]


def headline(report: Report, before: Report | None, formatter: Formatter) -> Sentence:
    """What came of the money, and which way revenue went."""
    totals = report["totals"]
    spend, revenue = totals["spend"] or 0, totals["revenue"] or 0
    spent = Told(formatter.round_money(spend), "total", "spend")
    earned = Told(formatter.round_money(revenue), "total", "revenue")
    text: Sentence
    if not spend and not revenue:
        return ["No money was spent and none came in during these days."]
    if not spend:
        text = [earned, " came in, and no spend is known for these days."]
    elif not revenue:
        text = [spent, " was spent and nothing came back yet."]
    else:
        roas = Told(formatter.money(totals["roas"]), "total", "roas")
        one = formatter.money(1, places=0)
        text = [spent, " of spend brought ", earned, " of revenue: "]
        text += [roas, f" for each {one} spent."]
    change = change_of(METRICS["revenue"], totals, before["totals"] if before else None, formatter)
    if change.arrow:
        moved = f" Revenue is {'up' if change.arrow == '↑' else 'down'} "
        text += [moved, Told(change.text, "total", "revenue"), "."]
    return text


def findings(report: Report, formatter: Formatter) -> list[tuple[str, str, Sentence]]:
    """At most three things worth a look: (tone, channel, what is said of it after its name)."""
    found: list[tuple[str, str, Sentence]] = []
    rows = report["rows"]

    def figure(row: Report, measure: str, kind: str = "money") -> Told:
        text = formatter.show(kind, row[measure])
        return Told(text, row_cell("channel", row["channel"]), measure)

    earners = [row for row in rows if (row["revenue"] or 0) > 0]
    if earners:
        best = max(earners, key=lambda row: row["revenue"])
        told: Sentence = [" earned the most: ", figure(best, "revenue"), "."]
        found.append(("good", best["channel"], told))
    idle = [row for row in rows if (row["spend"] or 0) > 0 and not (row["revenue"] or 0)]
    if idle:
        worst = max(idle, key=lambda row: row["spend"])
        early = worst.get("too_early")
        end = (
            " and has sold nothing yet; it is too early to judge."
            if early
            else " and sold nothing."
        )
        told = [" spent ", figure(worst, "spend"), end]
        found.append(("soft" if early else "bad", worst["channel"], told))
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
        told = [" has not earned its spend back: ROI ", figure(row, "roi", "percent"), "."]
        found.append(("bad", row["channel"], told))
    return found


def chart_summary(
    metric: Metric,
    points: list[tuple[Number | None, date]],
    unattributed: Report,
    every: str,
    formatter: Formatter,
) -> Sentence:
    """The total and the best stretch of one line, and what the line cannot show."""
    known = [(value, day) for value, day in points if value]
    if not known:
        return [f"{metric.label}: nothing in these days."]

    def figure(value: Number, cell: str) -> Told:
        return Told(formatter.show(metric.kind, value), cell, metric.key)

    rest = unattributed.get(metric.key)
    total = exact_sum([*(value for value, _ in known), rest])
    best, day = max(known, key=itemgetter(0))
    stretch = {"day": "day", "week": "week, beginning", "month": "month, beginning"}[every]
    text: Sentence = [f"{metric.label} ", figure(total, "total"), " in total"]
    if rest:
        text += [", ", figure(rest, "unattributed"), " of it unattributed and not drawn"]
    text += [f"; the best {stretch} {formatter.day(day)}, with "]
    return [*text, figure(best, row_cell(every, day.isoformat())), "."]
