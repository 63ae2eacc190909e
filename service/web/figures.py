"""The trend figure and the cards above it: the same points as numbers, sentence, table and line."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from markupsafe import Markup

from service.web import charts
from service.web.format import WHOLE_FROM, Formatter, Number, exact
from service.web.summary import chart_summary
from service.web.table import Change, change_of
from service.web.why import Sentence, Told, row_cell
from service.web.words import CARDS, METRICS

Report = dict[str, Any]
Shown = str | Told

CHOICES = {
    "money": ("Revenue and spend", ("revenue", "spend")),
    "leads": ("Leads", ("leads",)),
    "won": ("Won", ("won",)),
    "visits": ("Visits", ("visits",)),
}


@dataclass(frozen=True)
class Card:
    """One key figure with its move and its line; `value` is for machines, empty when undefined."""

    key: str
    label: str
    means: str
    text: str
    title: str
    value: str
    change: Change
    spark: Markup


@dataclass(frozen=True)
class Figure:
    """A chart that is a table first.

    Attributes:
        heads: the table's column headings.
        rows: (day as ISO text, day as shown, cells as shown) oldest first; a cell without a number
            is an empty text.
        data: for the interactive chart: the same numbers, and the texts to say for each.
        svg: the drawing that stands without scripts.
    """

    heading: str
    summary: Sentence
    every: str
    heads: list[str]
    rows: list[tuple[str, str, list[Shown]]]
    data: dict[str, Any]
    svg: Markup
    keys: list[tuple[str, str]]


def fill_gaps(points: list[Report], days: tuple[date, date], every: str) -> list[Report]:
    """Every day, week or month of the inclusive days, with zeros where nothing happened.

    Weeks begin on Monday and months on their first day, as in the reports; the first may begin
    before the period.
    """
    known = {point[every]: point for point in points}
    empty = dict.fromkeys(METRICS, 0)
    filled, day = [], _start(days[0], every)
    while day <= days[1]:
        label = day.isoformat()
        filled.append(known.get(label) or {every: label} | empty)
        day = _start(day + timedelta(days={"day": 1, "week": 7, "month": 31}[every]), every)
    return filled


def _start(day: date, every: str) -> date:
    if every == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if every == "month" else day


def build_cards(
    totals: Report, old: Report | None, points: list[Report], formatter: Formatter
) -> list[Card]:
    """The six key figures.

    Args:
        totals: the figures of the chosen days.
        old: those of the compared days, or None.
        points: the trend without gaps, for the lines.
        formatter: writes the numbers.
    """
    cards = []
    for key in CARDS:
        metric = METRICS[key]
        value = totals[key]
        shown = formatter.show(metric.kind, value)
        if metric.kind == "money":
            shown = formatter.short_money(value)
        elif metric.kind == "count":
            shown = formatter.short_count(value)
        values = [_value(point, key) for point in points]
        cards.append(
            Card(
                key,
                metric.label,
                metric.means,
                shown,
                formatter.full(metric.kind, value),
                "" if value is None else str(exact(value)),
                change_of(metric, totals, old, formatter),
                charts.sparkline(values),
            )
        )
    return cards


def build_figure(
    points: list[Report],
    before: list[Report],
    unattributed: Report,
    every: str,
    choice: str,
    formatter: Formatter,
) -> Figure:
    """The trend of one choice of CHOICES; an unknown choice shows money.

    Args:
        points: the chosen days without gaps.
        before: the compared days without gaps; empty when nothing is compared.
        unattributed: the figures that belong to no channel, and so to no point.
        every: day, week or month.
        choice: a key of CHOICES.
        formatter: writes the numbers.
    """
    heading, keys = CHOICES.get(choice, CHOICES["money"])
    days = [date.fromisoformat(point[every]) for point in points]
    lines = _lines(points, before, keys, every)
    if not any(value for line in lines for value in line.values):
        days, lines = [], [replace(line, values=[]) for line in lines]
    metric = METRICS[keys[0]]
    texts = _texts(lines, metric.kind, formatter)
    cells = [_cells(line, column, every) for line, column in zip(lines, texts, strict=True)]
    shown_days = [formatter.day(day) for day in days]
    first = list(zip(lines[0].values, days, strict=True))
    return Figure(
        heading,
        chart_summary(metric, first, unattributed, every, formatter),
        every,
        [line.label for line in lines],
        [
            (day.isoformat(), shown, [column[i] for column in cells])
            for i, (day, shown) in enumerate(zip(days, shown_days, strict=True))
        ],
        _data(lines, texts, days, shown_days, metric.kind, formatter),
        charts.line_chart([(f"l-{line.name}", line.values) for line in reversed(lines)]),
        [(line.name, line.label) for line in lines],
    )


@dataclass(frozen=True)
class _Line:
    name: str
    label: str
    values: list[Number | None]
    measure: str
    days: list[str]


def _lines(
    points: list[Report], before: list[Report], keys: tuple[str, ...], every: str
) -> list[_Line]:
    days = [point[every] for point in points]
    lines = [
        _Line(key, METRICS[key].label, [point[key] for point in points], key, days) for key in keys
    ]
    if before:
        # Points are compared by their place: the first day with the first day.
        old = [point[keys[0]] for point in before][: len(points)]
        old += [None] * (len(points) - len(old))
        label = f"{METRICS[keys[0]].label}, compared period"
        lines.append(_Line("before", label, old, keys[0], [point[every] for point in before]))
    return lines


def _cells(line: _Line, texts: list[str], every: str) -> list[Shown]:
    """The numbers of a line, each with the cell of the trend that it is."""
    return [
        text
        if value is None
        else Told(text, row_cell(every, line.days[i]), line.measure, line.name == "before")
        for i, (value, text) in enumerate(zip(line.values, texts, strict=True))
    ]


def _texts(lines: list[_Line], kind: str, formatter: Formatter) -> list[list[str]]:
    """The numbers as shown; money of one figure is written with the same decimals throughout."""
    if kind != "money":
        return [[formatter.show(kind, value) for value in line.values] for line in lines]
    known = [abs(float(value)) for line in lines for value in line.values if value is not None]
    places = 0 if max(known, default=0) >= WHOLE_FROM else None
    return [[formatter.money(value, places=places) for value in line.values] for line in lines]


def _data(
    lines: list[_Line],
    texts: list[list[str]],
    days: list[date],
    shown_days: list[str],
    kind: str,
    formatter: Formatter,
) -> dict[str, Any]:
    """What the interactive chart reads; `x` is in seconds since 1970 of midnight UTC."""
    return {
        "x": [int(datetime(d.year, d.month, d.day, tzinfo=UTC).timestamp()) for d in days],
        "days": shown_days,
        "kind": kind,
        "currency": formatter.currency,
        "locale": formatter.locale.replace("_", "-"),
        "series": [
            {"name": line.name, "label": line.label, "values": line.values, "texts": text}
            for line, text in zip(lines, texts, strict=True)
        ],
    }


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
