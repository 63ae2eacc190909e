"""What the page /explain says: a number in words, the row it stands in, and a ratio's formula."""

from datetime import date
from typing import Any

from service.reports.cell_parts import Cell
from service.web import words
from service.web.asking import Where
from service.web.format import Formatter, Number
from service.web.words import METRICS

Report = dict[str, Any]
SPENT = ("spend", "impressions", "clicks")
_MONEY = ("value", "costed_revenue")
_COUNTS = ("conversions", "customers")
# Of one, of several, and what joins it to a channel or campaign.
_NOUNS = {
    "spend": ("spent", "spent", "on"),
    "impressions": ("impression", "impressions", "of"),
    "clicks": ("click", "clicks", "from"),
    "visits": ("visit", "visits", "from"),
    "leads": ("lead", "leads", "credited to"),
    "mqls": ("MQL", "MQLs", "credited to"),
    "sqls": ("SQL", "SQLs", "credited to"),
    "opportunities": ("opportunity", "opportunities", "credited to"),
    "won": ("win", "wins", "credited to"),
    "conversions": ("conversion", "conversions", "credited to"),
    "customers": ("new customer", "new customers", "credited to"),
    "revenue": ("of revenue", "of revenue", "credited to"),
    "value": ("of value", "of value", "credited to"),
    "margin": ("of margin", "of margin", "credited to"),
    "costed_revenue": ("of revenue with known cost", "of revenue with known cost", "credited to"),
}
ITEMS = {
    "conversions": ("conversion has a part in it", "conversions have a part in it"),
    "spend_lines": ("spend line makes it up", "spend lines make it up"),
    "visits": ("visit", "visits"),
}


def kind_of(measure: str) -> str:
    """How a measure is written: money, count, percent or ratio."""
    if measure in METRICS:
        return METRICS[measure].kind
    return "money" if measure in _MONEY else "count" if measure in _COUNTS else "percent"


def row_words(cell: Cell, formatter: Formatter) -> str:
    """The row's labels as people read them; of a moment with its preposition."""
    if cell.kind != "row":
        return {"unattributed": "Unattributed", "total": "Total"}[cell.kind]
    return ", ".join(_label(name, value, formatter) for name, value in cell.labels)


def _label(name: str, value: str, formatter: Formatter) -> str:
    if name in ("day", "week", "month"):
        day = date.fromisoformat(value)
        before = {"day": "", "week": "the week from ", "month": "the month from "}[name]
        return before + formatter.day(day)
    return words.channel(value) if name == "channel" else words.named(value)


def title(measure: str, cell: Cell, where: Where, number: Number | None, f: Formatter) -> str:
    """The number in words: what it counts, and for whom."""
    shown = f.full(kind_of(measure), number)
    inside = "".join(f", {_label(n, v, f)}" for n, v in where.items() if n not in dict(cell.labels))
    row = row_words(cell, f)
    if measure not in _NOUNS:
        name = words.measure(measure)
        of = {"row": f"{name} of {row}", "total": f"{name} in all"}
        return f"{of.get(cell.kind, f'{name}, unattributed')}{inside}: {shown}"
    one, many, joined = _NOUNS[measure]
    text = f"{shown} {one if number == 1 else many}"
    if cell.kind == "total":
        return f"{text} in all{inside}"
    if cell.kind == "unattributed":
        return f"{text} that no touch earned"
    timed = cell.labels[0][0] in ("day", "week", "month")
    joined = ("on" if cell.labels[0][0] == "day" else "in") if timed else joined
    return f"{text} {joined} {row}{inside}"


def said_of_parts(answer: Report, formatter: Formatter) -> str:
    """How many parts there are, and that they make the number."""
    one, many = ITEMS[answer["items_are"]]
    return f"{formatter.count(answer['count'])} {one if answer['count'] == 1 else many}"


def formula(answer: Report, formatter: Formatter) -> list[tuple[str, Report | None]]:
    """A ratio's terms with what stands between them: (text, the term it is or None)."""
    above = [term for term in answer["terms"] if term["role"] == "numerator"]
    below = [term for term in answer["terms"] if term["role"] == "denominator"]
    told: list[tuple[str, Report | None]] = [("(", None)] if len(above) > 1 else []
    for term in above:
        told += [(" \N{MINUS SIGN} ", None)] if term["sign"] < 0 else []
        told.append((_term(term, formatter), term))
    told += [(")", None)] if len(above) > 1 else []
    told += [(" \N{DIVISION SIGN} ", None), (_term(below[0], formatter), below[0])]
    number = formatter.full(kind_of(answer["measure"]), answer["number"])
    return [*told, (f" = {number}", None)]


def _term(term: Report, formatter: Formatter) -> str:
    return formatter.full(kind_of(term["measure"]), term["number"])
