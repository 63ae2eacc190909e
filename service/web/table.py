"""The ROI table as rows of shown cells, sorted and checked.

Invariant: in each column that adds up, the shown rows and the unattributed row together are the
total; a report for which this does not hold is refused, not shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import itemgetter
from typing import Any

from service.kit.errors import ReconciliationError, Refusal
from service.web.format import WHOLE_FROM, Formatter, Number, exact, exact_sum
from service.web.why import row_cell
from service.web.words import DEFAULT_COLUMNS, METRICS, Metric

Row = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """One shown number.

    Attributes:
        text: as people read it; an en dash when undefined.
        value: as machines read it; empty when undefined.
        title: every digit, or why there is no number.
        tone: "bad", "zero" or "".
    """

    text: str
    value: str
    title: str
    tone: str = ""


@dataclass(frozen=True)
class Change:
    """How a number moved against the compared period; text is empty when it cannot be said."""

    text: str = ""
    arrow: str = ""
    tone: str = ""
    words: str = ""


@dataclass(frozen=True)
class Line:
    """One row: `name` is the value of the dimension, `None` when it was not set; `cell` names the
    row in the address of an explanation."""

    name: str | None
    cell: str
    cells: list[Cell]
    change: Change
    earned: Number | None
    spent: Number | None


@dataclass(frozen=True)
class Table:
    """All that the page shows; `longest` is the scale of the bars of revenue and spend."""

    metrics: list[Metric]
    lines: list[Line]
    unattributed: Line | None
    totals: Line
    sort: str
    descending: bool
    compared: bool
    longest: Number | None


def chosen_columns(text: str) -> list[Metric]:
    """The columns to show, in the order of the registry.

    Raises:
        Refusal: a name that is no column.
    """
    names = [name for name in text.split(",") if name] or list(DEFAULT_COLUMNS)
    for name in names:
        if name not in METRICS:
            raise Refusal(
                "unknown_column", "columns", f"{name!r} is no column; known: {', '.join(METRICS)}"
            )
    return [metric for key, metric in METRICS.items() if key in names]


def sort_of(text: str, dimension: str, metrics: Sequence[Metric]) -> tuple[str, bool]:
    """`-spend` as ("spend", descending); by default the greatest revenue or spend comes first."""
    keys = [metric.key for metric in metrics]
    if text.removeprefix("-") in [dimension, *keys]:
        return text.removeprefix("-"), text.startswith("-")
    fallback = next((key for key in ("revenue", "spend", "won") if key in keys), keys[0])
    return fallback, True


def build_table(
    report: dict[str, Any],
    before: dict[str, Any] | None,
    dimension: str,
    metrics: list[Metric],
    sort: str,
    formatter: Formatter,
    whole: str = "total",
) -> Table:
    """The table of one ROI report grouped by one dimension.

    Args:
        report: an ROI report: rows, unattributed (None where that is no part of it), totals.
        before: the same for the compared period, or None.
        dimension: the field that names a row.
        metrics: the columns.
        sort: `-key` for descending; see sort_of.
        formatter: writes the numbers.
        whole: the cell that the totals are.

    Raises:
        ReconciliationError: rows and unattributed do not add up to the total.
    """
    rows: list[Row] = report["rows"]
    unattributed, totals = report["unattributed"], report["totals"]
    parts = [*rows, unattributed] if unattributed else rows
    check_sums(parts, totals, metrics)
    key, descending = sort_of(sort, dimension, metrics)
    places = {m.key: _places([*parts, totals], m) for m in metrics}
    past = {row[dimension]: row for row in before["rows"]} if before else {}

    def line(row: Row, name: str | None, old: Row | None, cell: str) -> Line:
        cells = [_cell(row, metric, places[metric.key], formatter) for metric in metrics]
        change = change_of(METRICS["revenue"], row, old, formatter) if before else Change()
        return Line(name, cell, cells, change, row["revenue"], row["spend"])

    old_rest = before["unattributed"] if before else None
    old_totals = before["totals"] if before else None
    return Table(
        metrics,
        [
            line(row, name, past.get(name, {"revenue": 0}), row_cell(dimension, name))
            for row in sorted_rows(rows, key, descending, dimension)
            for name in [row[dimension]]
        ],
        line(unattributed, "unattributed", old_rest, "unattributed") if unattributed else None,
        line(totals, "totals", old_totals, whole),
        key,
        descending,
        before is not None,
        max(
            (n for row in rows for n in (row["revenue"], row["spend"]) if n is not None),
            default=None,
        ),
    )


def check_sums(parts: Sequence[Row], totals: Row, metrics: Sequence[Metric]) -> None:
    """Raises ReconciliationError unless the parts of each adding column make its total."""
    for metric in metrics:
        if not metric.adds:
            continue
        found = exact_sum([part.get(metric.key) for part in parts])
        if found != (exact(totals.get(metric.key)) or Decimal(0)):
            raise ReconciliationError(
                "does_not_add_up",
                f"{metric.key}: rows and unattributed make {found}, "
                f"the total says {totals.get(metric.key)}",
            )


def sorted_rows(rows: Sequence[Row], key: str, descending: bool, dimension: str) -> list[Row]:
    """By one column; equal ones by name, undefined ones last in either direction."""
    by_name = sorted(rows, key=lambda row: (row[dimension] is None, row[dimension] or ""))
    known = [row for row in by_name if row.get(key) is not None]
    return sorted(known, key=itemgetter(key), reverse=descending) + [
        row for row in by_name if row.get(key) is None
    ]


def change_of(metric: Metric, now: Row, then: Row | None, formatter: Formatter) -> Change:
    """The move of one metric against the compared period, as a share, or in points for shares."""
    new = exact(now.get(metric.key))
    old = exact(then.get(metric.key)) if then else None
    if new is None or old is None:
        return Change()
    if metric.kind == "percent":
        points = (new - old) * 100
        text, moved = f"{formatter.count(abs(round(points)))}\u00a0pp", round(points)
    elif old == 0:
        return Change() if new == 0 else Change("new", "", "", "nothing in the compared period")
    else:
        share = (new - old) / abs(old)
        text, moved = formatter.percent(abs(share)), round(share * 100)
        if share >= 10:
            text = f"{formatter.count(round(new / old))}\N{MULTIPLICATION SIGN}"
    if moved == 0:
        return Change("0\u00a0%" if metric.kind != "percent" else "0\u00a0pp", "", "", "unchanged")
    up = moved > 0
    tone = "" if not metric.good else ("good" if up == (metric.good == "up") else "bad")
    return Change(text, "↑" if up else "↓", tone, "more than before" if up else "less than before")


def _cell(row: Row, metric: Metric, places: int | None, formatter: Formatter) -> Cell:
    value = row.get(metric.key)
    if value is None:
        return Cell(formatter.show(metric.kind, None), "", why_undefined(metric.key))
    if metric.kind == "count":
        text = formatter.count(value, places)
    elif metric.kind == "money":
        # A small amount keeps its decimals even among whole ones: €0.40 is not €0.
        text = formatter.money(
            value, places=0 if value == 0 else None if abs(value) < 10 else places
        )
    else:
        text = formatter.show(metric.kind, value)
    tone = "" if value else "zero"
    if value < 0 and metric.kind == "percent":
        tone = "bad"
    return Cell(text, str(exact(value)), formatter.full(metric.kind, value), tone)


def why_undefined(key: str) -> str:
    """What is missing for a number that is a division by nothing."""
    missing = {
        "cpl": "no leads",
        "cpa": "no conversions of this stage",
        "cac": "no new customers",
        "drr": "no revenue",
        "maturity": "no spend, or too few conversions to tell how long they take",
        "margin": "the cost of the items sold is not known",
        "romi_margin": "no spend, or the cost of the items sold is not known",
        "impressions": "not reported by the source",
        "clicks": "not reported by the source",
    }
    return f"Undefined: {missing.get(key, 'no spend')}"


def _places(rows: Sequence[Row], metric: Metric) -> int | None:
    """Decimals that a column shares, so that its digits stand under each other."""
    values = [value for row in rows if (value := exact(row.get(metric.key))) is not None]
    if metric.kind == "money":
        return 0 if any(abs(value) >= WHOLE_FROM for value in values) else None
    return 1 if any(value % 1 for value in values) else 0
