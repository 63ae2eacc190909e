"""`/v1/explain`: what one number of a report is made of, down to conversions, lines and visits."""

from typing import Any

from fastapi import Request
from starlette.responses import Response

from service.api.asking import Asked, limit_of
from service.api.auth import Reader
from service.api.examples import number as examples
from service.api.formats import item_rows, respond
from service.api.parts import NeedsParts
from service.api.reads import FILTERS, PAGES, report, router
from service.api.schemas import Schema, schema_of
from service.reports.cell_parts import Cell
from service.reports.cells import MEASURES, REPORTS

__all__ = ["router"]  # that of the reports: `report` registers there
_TEXT: Schema = {"type": "string"}


def _schema() -> Schema:
    """The example's, with each kind of item, a ratio's terms, and the free labels of a row."""
    schema = schema_of(examples.CELL)
    fields: dict[str, Any] = schema["properties"]
    kinds = (examples.CONVERSION, examples.SPEND_LINE, examples.VISIT)
    fields["items"]["items"] = {"anyOf": [schema_of(item) for item in kinds]}
    fields["terms"]["items"] = schema_of(examples.TERM)
    labels = {"type": "object", "additionalProperties": _TEXT}
    fields["cell"]["properties"]["labels"] = labels
    return schema


@report(
    "/v1/explain",
    "What one number of a report is made of",
    examples.CELL,
    item_rows,
    FILTERS,
    _schema(),
    report=("The report that shows the number.", "roi", {**_TEXT, "enum": list(REPORTS)}),
    cell=(
        (
            "The row's labels, as `channel:paid_search,month:2026-03-01`; `unattributed`, or one "
            "reason of it, `unattributed:no_person`; or `total`."
        ),
        "channel:paid_search",
        _TEXT,
    ),
    measure=(
        "Which number of the row; default the report's main one.",
        "revenue",
        {**_TEXT, "enum": sorted({m for names in MEASURES.values() for m in names})},
    ),
    **PAGES,
)
def get_cell(request: Request, caller: Reader, question: Asked, parts: NeedsParts) -> Response:
    """The number, how it is made, and what it is made of: conversions with their part of it and the
    touchpoints that earned the part, spend lines, or visits. The parts over all pages add up to it
    exactly. Of a ratio: what stands above and below the line, each with its own explanation."""
    query = request.query_params
    cell = Cell.parse(query.get("cell", "total"))
    answer = parts.desk.cell(
        cell.grouped(question, "group_by" in query),
        query.get("report", "roi"),
        cell,
        query.get("measure", ""),
        limit_of(request, 50),
        query.get("cursor") or None,
    )
    return respond(request, answer, item_rows)
