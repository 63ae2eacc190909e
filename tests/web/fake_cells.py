"""Explanations written by hand: the fake desk's numbers, cut into parts that add up to them."""

from decimal import Decimal
from typing import Any

from service.kit.errors import NotFound
from service.reports.cell_parts import Cell
from service.reports.cells import MADE_OF, RATIOS

PARTS = 60
HOSTILE = "<img src=x onerror=alert(1)>" + "W" * 60
Item = dict[str, Any]


def number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral() else float(value)


def explained(
    report: dict[str, Any], cell: Cell, measure: str, limit: int, cursor: str | None
) -> dict[str, Any]:
    """The answer for one cell of a report with rows, unattributed and totals."""
    row = _row(report, cell)
    ratio = RATIOS["roi"].get(measure)
    about = {
        "report": "roi",
        "cell": {"text": str(cell), "kind": cell.kind, "labels": dict(cell.labels)},
        "measure": measure,
        "made_of": MADE_OF[measure],
        "number": row[measure],
        "meta": report["meta"],
        "next": None,
    }
    if ratio is not None:
        terms = [
            {"role": role, "sign": sign, "measure": name, "number": row[name], "cell": str(cell)}
            for role, sign, name in ratio.terms()
        ]
        return about | {"terms": terms, "items_are": None, "items": [], "count": 0, "sum": None,
                        "shown": None}  # fmt: skip
    whole = Decimal(str(row[measure]))
    start = int(cursor or 0)
    made, make = _made(measure)
    parts = _parts(whole)
    items = [make(place, part) for place, part in enumerate(parts)][start : start + limit]
    shown = sum((Decimal(str(item["part"])) for item in items), Decimal(0))
    following = str(start + limit) if start + limit < len(parts) else None
    return about | {"terms": [], "items_are": made, "items": items, "count": len(parts),
                    "sum": number(whole), "shown": number(shown), "next": following}  # fmt: skip


def _row(report: dict[str, Any], cell: Cell) -> dict[str, Any]:
    if cell.kind != "row":
        found: dict[str, Any] = report["totals" if cell.kind == "total" else "unattributed"]
        return found | {"value": found["revenue"], "conversions": found["won"]}
    for row in report["rows"]:
        if all((row.get(name) or "") == value for name, value in cell.labels):
            return dict(row)
    raise NotFound("no_such_cell", "The report has no such row.")


def _parts(whole: Decimal) -> list[Decimal]:
    """At most so many parts, in cents, none of them zero, the first the greatest."""
    if not whole:
        return []
    part = (whole / PARTS).quantize(Decimal("0.01"))
    return [whole - part * (PARTS - 1)] + [part] * (PARTS - 1) if part else [whole]


def _made(measure: str) -> tuple[str, Any]:
    if measure in ("spend", "impressions", "clicks"):
        return "spend_lines", _spend_line
    return ("visits", _visit) if measure == "visits" else ("conversions", _conversion)


def _conversion(place: int, part: Decimal) -> Item:
    touches = [
        {
            "position": n,
            "occurred_at": f"2026-11-0{n}T10:00:00Z",
            "touch_kind": "call" if n == 2 else "visit",
            "channel": "paid_search" if n % 2 else HOSTILE,
            "source": "google",
            "campaign": HOSTILE if n == 3 else None,
            "credit": number(part if n == 1 else Decimal(0)),
        }
        for n in range(1, 7 if place == 0 else 2)
    ]
    return {
        "kind": "conversion",
        "conversion_id": f"won:deal:D{place}",
        "object": {"kind": "deal", "id": f"D{place}" if place else HOSTILE},
        "occurred_at": "2026-11-12T09:00:00Z",
        "part": number(part),
        "whole": number(part * 2),
        "reason": "no_person" if place == 1 else None,
        "touchpoints": [] if place == 1 else touches,
    }


def _spend_line(place: int, part: Decimal) -> Item:
    names = dict.fromkeys(("ad_group", "ad", "term", "source", "medium"))
    return {
        "kind": "spend_line",
        "date": "2026-11-12",
        "sender": "google-ads",
        "channel": "paid_search",
        **names,
        "campaign": HOSTILE if place == 0 else None,
        "part": number(part),
        "amount": number(part),
        "currency": "USD",
        "statements": place + 1,
        "restated": place > 0,
        "stated_at": "2026-11-13T06:00:00Z",
    }


def _visit(place: int, part: Decimal) -> Item:
    names = dict.fromkeys(("medium", "campaign", "content", "term"))
    return {
        "kind": "visit",
        "occurred_at": "2026-11-12T09:00:00Z",
        "channel": "paid_search",
        "source": "google",
        **names,
        "landing_page": None if place else HOSTILE,
        "page_views": 2,
        "seconds": 180,
        "part": number(part),
    }
