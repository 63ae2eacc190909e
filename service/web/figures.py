"""The trend figure and the cards above it: the same points as numbers, sentence, table and line."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from markupsafe import Markup

from service.web import charts
from service.web.format import Formatter, Number
from service.web.summary import chart_summary
from service.web.table import Change, change_of
from service.web.words import CARDS, METRICS

Report = dict[str, Any]

CHOICES = {
    "money": ("Revenue and spend", ("revenue", "spend")),
    "leads": ("Leads", ("leads",)),
    "won": ("Won", ("won",)),
    "visits": ("Visits", ("visits",)),
}


@dataclass(frozen=True)
class Card:
    """One key figure with its move and its line."""

    key: str
    label: str
    means: str
    text: str
    title: str
    change: Change
    spark: Markup


@dataclass(frozen=True)
class Figure:
    """A chart that is a table first.

    Attributes:
        heads: the table's column headings.
        rows: (day as ISO text, day as shown, cells as shown) oldest first.
        data: for the interactive chart: the same numbers, and the texts to say for each.
        svg: the drawing that stands without scripts.
    """

    heading: str
    summary: str
    every: str
    heads: list[str]
    rows: list[tuple[str, str, list[str]]]
    data: dict[str, Any]
    svg: Markup
    keys: list[tuple[str, str]]


def build_cards(
    report: Report, before: Report | None, trend: Report, formatter: Formatter
) -> list[Card]:
    """The six key figures of a report's totals."""
    totals = report["totals"]
    old = before["totals"] if before else None
    cards = []
    for index, key in enumerate(CARDS):
        metric = METRICS[key]
        value = totals[key]
        shown = formatter.show(metric.kind, value)
        if metric.kind == "money":
            shown = formatter.short_money(value)
        elif metric.kind == "count":
            shown = formatter.short_count(value)
        values = [_value(point, key) for point in trend["points"]]
        cards.append(
            Card(
                key,
                metric.label,
                metric.means,
                shown,
                formatter.full(metric.kind, value),
                change_of(metric, totals, old, formatter),
                charts.sparkline(values, index),
            )
        )
    return cards


def build_figure(
    trend: Report, before: Report | None, every: str, choice: str, formatter: Formatter
) -> Figure:
    """The trend of one choice of CHOICES; an unknown choice shows money."""
    heading, keys = CHOICES.get(choice, CHOICES["money"])
    points = trend["points"]
    days = [date.fromisoformat(point[every]) for point in points]
    lines: list[tuple[str, str, list[Number | None]]] = [
        (key, METRICS[key].label, [point[key] for point in points]) for key in keys
    ]
    if before:
        # Points are compared by their place: the first day with the first day.
        old = [point[keys[0]] for point in before["points"]][: len(points)]
        old += [None] * (len(points) - len(old))
        lines.append(("before", f"{METRICS[keys[0]].label}, compared period", old))
    kind = METRICS[keys[0]].kind
    texts = [[formatter.show(kind, value) for value in values] for _, _, values in lines]
    shown_days = [formatter.day(day) for day in days]
    return Figure(
        heading,
        chart_summary(METRICS[keys[0]].label, kind, days, lines[0][2], every, formatter),
        every,
        [label for _, label, _ in lines],
        [
            (day.isoformat(), shown, [column[i] for column in texts])
            for i, (day, shown) in enumerate(zip(days, shown_days, strict=True))
        ],
        {
            "x": [int(datetime(d.year, d.month, d.day, tzinfo=UTC).timestamp()) for d in days],
            "days": shown_days,
            "kind": kind,
            "currency": formatter.currency,
            "locale": formatter.locale.replace("_", "-"),
            "series": [
                {"name": name, "label": label, "values": values, "texts": text}
                for (name, label, values), text in zip(lines, texts, strict=True)
            ],
        },
        charts.line_chart([(f"l-{name}", values) for name, _, values in reversed(lines)]),
        [(name, label) for name, label, _ in lines],
    )


def _value(point: Report, key: str) -> Number | None:
    """A point's number, also for the two quotients that a trend does not carry."""
    spend, revenue = point.get("spend") or 0, point.get("revenue") or 0
    if key == "roi":
        return (revenue - spend) / spend if spend else None
    if key == "cpl":
        leads = point.get("leads")
        return spend / leads if leads else None
    value: Number | None = point[key]
    return value
