"""The same rows as JSON, CSV, Parquet or Arrow, with an ETag that changes when the rows do."""

import csv
import io
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from fastapi import APIRouter, Request
from starlette.responses import Response

from service.kit.errors import NotFound

Rows = list[dict[str, Any]]

MEDIA_TYPES = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.stream",
}
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\0", "＝", "＋", "－", "＠")


def respond(
    request: Request,
    answer: dict[str, Any],
    rows: Callable[[dict[str, Any]], Rows],
    form: str | None = None,
) -> Response:
    """The answer in the form given, else in that of the address's ending, else of Accept."""
    ending = request.path_params.get("form")
    form = form or ending or _accepted(request.headers.get("accept", ""))
    body = _WRITERS[form](answer, rows) if form in _WRITERS else None
    if body is None:
        raise NotFound("unknown_format", f"The forms of a report are {', '.join(MEDIA_TYPES)}.")
    etag = f'"{blake2b(body, digest_size=16).hexdigest()}"'
    headers = {
        "ETag": etag,
        "Cache-Control": "private, no-cache",
        "Vary": "Accept, Authorization, Cookie",
    }
    asked = request.headers.get("if-none-match", "")
    if etag in asked or asked.strip() == "*":
        return Response(status_code=304, headers=headers)
    if request.method == "HEAD":
        headers["Content-Length"] = str(len(body))
        body = b""
    return Response(body, headers=headers, media_type=MEDIA_TYPES[form])


def readable(router: APIRouter, path: str, **described: Any) -> Callable[..., Any]:
    """Register an endpoint for GET and, undescribed, for HEAD."""

    def register(endpoint: Callable[..., Any]) -> Callable[..., Any]:
        router.get(path, **described)(endpoint)
        router.head(path, openapi_extra=described.get("openapi_extra"), include_in_schema=False)(
            endpoint
        )
        return endpoint

    return register


def _accepted(accept: str) -> str:
    for form, media_type in MEDIA_TYPES.items():
        if media_type.partition(";")[0] in accept:
            return form
    return "json"


def _json(answer: dict[str, Any], _: Callable[[dict[str, Any]], Rows]) -> bytes:
    return orjson.dumps(answer)


def _csv(answer: dict[str, Any], rows: Callable[[dict[str, Any]], Rows]) -> bytes:
    """RFC 4180; every text is quoted and cannot be taken for a formula, numbers are left alone."""
    table = rows(answer)
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    names = column_names(table)
    writer.writerow(names)
    writer.writerows([_cell(row.get(name)) for name in names] for row in table)
    return out.getvalue().encode()


def column_names(table: Rows) -> list[str]:
    """Every column of any row, in order of first appearance."""
    return list(dict.fromkeys(name for row in table for name in row))


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return "" if value is None else str(value).lower()
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULA_STARTS) else value
    return value


def _table(answer: dict[str, Any], rows: Callable[[dict[str, Any]], Rows]) -> pa.Table:
    """Numbers as float64, text as string: a column keeps its kind however its values fall."""
    table = rows(answer)
    columns = {}
    for name in column_names(table):
        values = [row.get(name) for row in table]
        numeric = all(
            v is None or (isinstance(v, (int, float)) and not isinstance(v, bool)) for v in values
        )
        if all(isinstance(v, bool) for v in values):
            columns[name] = pa.array(values, pa.bool_())
            continue
        columns[name] = (
            pa.array([None if v is None else float(v) for v in values], pa.float64())
            if numeric and any(v is not None for v in values)
            else pa.array([None if v is None else str(v) for v in values], pa.string())
        )
    return pa.table(columns)


def _parquet(answer: dict[str, Any], rows: Callable[[dict[str, Any]], Rows]) -> bytes:
    out = io.BytesIO()
    pq.write_table(_table(answer, rows), out)
    return out.getvalue()


def _arrow(answer: dict[str, Any], rows: Callable[[dict[str, Any]], Rows]) -> bytes:
    out = io.BytesIO()
    table = _table(answer, rows)
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table)
    return out.getvalue()


_WRITERS = {"json": _json, "csv": _csv, "parquet": _parquet, "arrow": _arrow}


def flat_rows(answer: dict[str, Any]) -> Rows:
    """Rows of a report with its unattributed row last, nested figures as `model.figure` columns."""
    dimensions = answer["meta"]["group_by"]
    rows = [flat(row) for row in answer.get("rows", answer.get("points", []))]
    if "unattributed" in answer:
        label = {name: "(unattributed)" if i == 0 else None for i, name in enumerate(dimensions)}
        rows.append({**label, **flat(answer["unattributed"])})
    return rows


def item_rows(answer: dict[str, Any]) -> Rows:
    return [flat(item) for item in answer["items"]]


def path_rows(answer: dict[str, Any]) -> Rows:
    return [{**row, "path": " > ".join(row["path"])} for row in answer["rows"]]


def stage_rows(answer: dict[str, Any]) -> Rows:
    rows: Rows = answer["stages"]
    return rows


def flat(row: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested objects as dotted names; lists of text joined; the two ends of an interval apart;
    other lists left out."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            inner = "" if name == "models" else f"{name}."
            found |= flat(value, f"{prefix}{inner}")
        elif prefix.endswith("interval.") or name == "interval":
            low, high = value or (None, None)
            found |= {f"{prefix}{name}.low": low, f"{prefix}{name}.high": high}
        elif isinstance(value, list):
            if value and all(isinstance(v, str) for v in value):
                found[f"{prefix}{name}"] = " > ".join(value)
        else:
            found[f"{prefix}{name}"] = value
    return found


def tables_of(example: dict[str, Any], rows: Callable[[dict[str, Any]], Rows]) -> dict[str, Any]:
    """The `content` of the table forms of a report's answer, for its description."""
    content: dict[str, Any] = {
        MEDIA_TYPES["csv"].partition(";")[0]: {
            "schema": {"type": "string"},
            "example": _csv(example, rows).decode(),
        }
    }
    for form in ("parquet", "arrow"):
        content[MEDIA_TYPES[form]] = {"schema": {"type": "string", "format": "binary"}}
    return content
