"""`/v1/explain`: one number of a report, and everything that it is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urlencode

import duckdb

from service.kit.errors import NotFound, Refusal
from service.kit.money import count_to_number, to_number
from service.reports.attribution import attribution
from service.reports.cell_items import Show, conversion_items, spend_items, visit_items
from service.reports.cell_parts import SPENT, Cell, Drill, Parts, page_of
from service.reports.journeys import decode_cursor, encode_cursor
from service.reports.meta import describe, ratio
from service.reports.question import Question
from service.reports.roi import Sums, figures, roi

REPORTS: Mapping[str, str] = {"roi": "revenue", "attribution": "value"}
"""The reports whose cells can be asked for, each with its main measure."""
MONEY = ("spend", "revenue", "margin", "costed_revenue", "value")
COUNTED = ("impressions", "clicks", "visits")
LISTED = 20
_OF_MODEL = "each divided over the touchpoints of its journey by the model's weights"
MADE_OF: Mapping[str, str] = {
    "spend": "The sum of the latest statement of each spend line, each at the rate of its day",
    "impressions": "The sum of the impressions of the latest statement of each spend line",
    "clicks": "The sum of the clicks of the latest statement of each spend line",
    "visits": "The number of visits that began in the period",
    "leads": f"Leads, {_OF_MODEL}",
    "mqls": f"Leads that marketing qualified, {_OF_MODEL}",
    "sqls": f"Leads that sales accepted, {_OF_MODEL}",
    "opportunities": f"Deals opened, {_OF_MODEL}",
    "won": f"Deals and orders won, {_OF_MODEL}",
    "conversions": f"Conversions of the stage asked for, {_OF_MODEL}",
    "customers": f"First wins of a customer, {_OF_MODEL}",
    "revenue": f"Won deals and orders less refunds, {_OF_MODEL}",
    "value": f"The values of the conversions, {_OF_MODEL}",
    "margin": f"Revenue less the cost of the items sold, where it is known, {_OF_MODEL}",
    "costed_revenue": f"Revenue whose cost is known, {_OF_MODEL}",
    "cpl": "spend ÷ leads",
    "cpa": "spend ÷ conversions",
    "cac": "spend ÷ customers",
    "roas": "revenue ÷ spend",
    "roi": "(revenue - spend) ÷ spend",
    "romi": "(revenue - spend) ÷ spend",
    "romi_revenue": "(revenue - spend) ÷ spend",
    "romi_margin": "(margin - spend) ÷ spend",
    "drr": "spend ÷ revenue",
    "margin_coverage": "costed_revenue ÷ revenue",
    "share": "value ÷ value of the total",
}


@dataclass(frozen=True)
class Ratio:
    """One measure above the line, perhaps less another, and one below it."""

    above: str
    below: str
    less: str | None = None

    def terms(self) -> list[tuple[str, int, str]]:
        """(role, sign, measure) as they are written."""
        less = [("numerator", -1, self.less)] if self.less else []
        return [("numerator", 1, self.above), *less, ("denominator", 1, self.below)]


_RETURN = Ratio("revenue", "spend", "spend")
RATIOS: Mapping[str, Mapping[str, Ratio]] = {
    "roi": {
        "cpl": Ratio("spend", "leads"),
        "cpa": Ratio("spend", "conversions"),
        "cac": Ratio("spend", "customers"),
        "roas": Ratio("revenue", "spend"),
        **dict.fromkeys(("roi", "romi", "romi_revenue"), _RETURN),
        "romi_margin": Ratio("margin", "spend", "spend"),
        "drr": Ratio("spend", "revenue"),
        "margin_coverage": Ratio("costed_revenue", "revenue"),
    },
    "attribution": {"share": Ratio("value", "value")},
}
MEASURES: Mapping[str, tuple[str, ...]] = {
    "roi": (*(f.name for f in fields(Sums)), *RATIOS["roi"]),
    "attribution": ("conversions", "value", *RATIOS["attribution"]),
}


def measure_of(report: str, measure: str) -> str:
    """The measure's name in the report; empty: its main one.

    Raises: Refusal for a report or measure that does not exist.
    """
    if report not in REPORTS:
        raise Refusal("unknown_value", "report", f"report is one of {', '.join(REPORTS)}")
    measure = measure or REPORTS[report]
    measure = "value" if (report, measure) == ("attribution", "revenue") else measure
    if measure not in MEASURES[report]:
        raise Refusal(
            "unknown_value", "measure", f"measures of {report}: {', '.join(MEASURES[report])}"
        )
    return measure


def explain_cell(
    mart: duckdb.DuckDBPyConnection,
    question: Question,
    report: str,
    cell: Cell,
    measure: str,
    limit: int = 50,
    cursor: str | None = None,
) -> dict[str, Any]:
    """The cell's number and a page of its parts, which over all pages add up to it exactly; of a
    ratio its terms, each with the address of its own explanation. Of several models the first.

    Args: measure: of `measure_of`. Needs the table `factors`.
    Raises: NotFound where the report has no such row; ReconciliationError rather than give parts
    that do not make the number.
    """
    drill = Drill(mart, question, report, cell)
    of_ratio = RATIOS[report].get(measure)
    if of_ratio:
        answer = _of_ratio(mart, drill, measure, of_ratio)
        found = any(term["number"] for term in answer["terms"])
    else:
        answer = _of_sum(mart, drill, measure, limit, cursor)
        found = answer["count"] > 0
    if cell.kind == "row" and not found:
        _must_exist(mart, drill)
    return {
        "report": report,
        "cell": {"text": str(cell), "kind": cell.kind, "labels": dict(cell.labels)},
        "measure": measure,
        "made_of": MADE_OF[measure],
        **answer,
        "meta": describe(mart, question, {"value": None, "conversions": None, "spend": None}),
    }


def _of_sum(
    mart: duckdb.DuckDBPyConnection, drill: Drill, measure: str, limit: int, cursor: str | None
) -> dict[str, Any]:
    parts = drill.parts(measure)
    show = _shown(measure, drill.question.currency)
    after = decode_cursor(cursor, str, int, int) if cursor else None
    if after is not None and after[0] != parts.made:
        raise Refusal("bad_cursor", "cursor", "this cursor is of another measure")
    places, end = page_of(parts, limit, after[1:] if after else None)
    keys, amounts = parts.keys[places], parts.amounts[places]
    if parts.made == "spend_lines":
        items = spend_items(mart, keys, amounts, show)
    elif parts.made == "visits":
        items = visit_items(mart, keys, amounts, show)
    else:
        items = conversion_items(mart, drill, measure, keys, amounts, show)
    known = measure != "margin" or parts.total or drill.parts("costed_revenue").total
    more = end < len(parts.keys)
    return {
        "unit": "money" if measure in MONEY else "count",
        "number": show(parts.total) if known else None,
        "terms": [],
        "items_are": parts.made,
        "items": items,
        "count": len(parts.keys),
        "sum": show(parts.total),
        "shown": show(int(amounts.sum())),
        "next": _cursor(parts, end - 1) if more else None,
    }


def _cursor(parts: Parts, last: int) -> str:
    return encode_cursor(parts.made, int(parts.amounts[last]), int(parts.keys[last]))


def _of_ratio(
    mart: duckdb.DuckDBPyConnection, drill: Drill, measure: str, of_ratio: Ratio
) -> dict[str, Any]:
    question, totals, terms = drill.question, dict[str, int](), []
    whole = Drill(mart, question, drill.report, Cell("total")) if measure == "share" else drill
    for role, sign, name in of_ratio.terms():
        of = whole if role == "denominator" else drill
        totals[f"{role} {name}"] = total = of.parts(name).total
        terms.append(
            {
                "role": role,
                "sign": sign,
                "measure": name,
                "number": _shown(name, question.currency)(total),
                "cell": str(of.cell),
                "href": address(question, drill.report, of.cell, name),
            }
        )
    if drill.report == "roi":
        sums = Sums(**{name.partition(" ")[2]: total for name, total in totals.items()})
        if measure == "romi_margin":
            sums.costed_revenue = drill.parts("costed_revenue").total
        number = figures(sums, question.currency)[measure]
    else:
        number = ratio(totals["numerator value"], totals["denominator value"])
    return {
        "unit": "money" if measure in ("cpl", "cpa", "cac") else "ratio",
        "number": number,
        "terms": terms,
        "items_are": None,
        "items": [],
        "count": 0,
        "sum": None,
        "shown": None,
        "next": None,
    }


def address(question: Question, report: str, cell: Cell, measure: str) -> str:
    """Where the API explains a measure of a cell of the same question."""
    asked = {**question.to_params(), "report": report, "cell": str(cell), "measure": measure}
    return f"/v1/explain?{urlencode(asked)}"


def _shown(measure: str, currency: str) -> Show:
    if measure in MONEY:
        return lambda units: to_number(units, currency)
    return int if measure in (*SPENT, *COUNTED) else count_to_number


def _must_exist(mart: duckdb.DuckDBPyConnection, drill: Drill) -> None:
    """Raises NotFound unless the report has such a row."""
    question, make = drill.question, roi if drill.report == "roi" else attribution
    rows = make(mart, question)["rows"]
    if any(drill.cell.holds(row) for row in rows):
        return
    cells = [
        str(Cell("row", tuple((name, row[name] or "") for name in question.group_by)))
        for row in rows[:LISTED]
    ]
    more = f" and {len(rows) - LISTED} more" if len(rows) > LISTED else ""
    raise NotFound(
        "no_such_cell",
        f"The report has no row {str(drill.cell)[:200]}. Its rows: {'; '.join(cells) or 'none'}{more}; "
        "and unattributed, total.",
    )
