"""How operations are described in OpenAPI: examples, the schemas they fit, the problems they give."""

from typing import Any

import orjson
from pydantic import BaseModel

Schema = dict[str, Any]
# Schemas that stand once and are referred to; filled while the endpoints are described.
COMPONENTS: dict[str, Schema] = {}
_REFERENCE = "#/components/schemas/{model}"
PROBLEM_TYPE = "application/problem+json"
# One problem of each status: code, title, what is wrong and what to do.
_PROBLEMS: dict[int, tuple[str, str, str]] = {
    400: ("malformed_json", "Bad Request", "The body is not JSON: unexpected end of data."),
    401: ("no_key", "Unauthorized", "Send a key: `Authorization: Bearer KEY`."),
    403: ("scope_missing", "Forbidden", "This needs a key with scope read; yours has collect."),
    404: ("not_found", "Not Found", "There is nothing at this address."),
    409: ("key_revoked", "Conflict", "Key 1 was revoked before."),
    413: ("body_too_large", "Content Too Large", "The body may hold 5242880 bytes."),
    422: ("bad_duration", "Unprocessable Content", "'90' is not a duration; write it like 90d."),
    503: ("overloaded", "Service Unavailable", "More arrives than the disk can take; send again."),
}
_MEANING = {
    400: "The request as a whole cannot be read",
    401: "No key, or one that is not known",
    403: "The key lacks the scope",
    404: "There is no such thing",
    409: "It is not in the state for this",
    413: "The body is larger than the limit",
    422: "A value cannot be accepted; `field` names it",
    503: "Try again after `Retry-After` seconds",
}
READING = (401, 403, 422, 503)
SENDING = (400, 401, 403, 413, 503)


def problems(*statuses: int, **codes: str) -> dict[int | str, Schema]:
    """The problems an operation may give; `s404="no_such_key"` names the code of one of them."""
    return {status: _problem(status, codes.get(f"s{status}")) for status in statuses}


def _problem(status: int, named: str | None) -> Schema:
    code, title, detail = _PROBLEMS[status]
    example = {
        "type": f"urn:throughline:error:{named or code}",
        "title": title,
        "status": status,
        "code": named or code,
        "detail": detail,
        **({"field": "lookback"} if status == 422 else {}),
    }
    schema = {"$ref": "#/components/schemas/Problem"}
    content = {PROBLEM_TYPE: {"schema": schema, "example": example}}
    return {"description": _MEANING[status], "content": content}


def described(
    example: Any, *statuses: int, success: int = 200, schema: Schema | None = None, **codes: str
) -> dict[int | str, Schema]:
    """The `responses` of an operation: its answer with the example, and the problems it may give."""
    content = {"application/json": {"schema": schema or schema_of(example), "example": example}}
    return {
        success: {"description": "The answer", "content": content},
        **problems(*statuses, **codes),
    }


def body_of(example: Any, *media_types: str, schema: Any = None) -> dict[str, Any]:
    """The `requestBody` of an operation that reads its bytes itself; `schema` of its JSON, where
    the example does not say all."""
    return {
        "requestBody": {
            "required": True,
            "content": {
                media_type: {"schema": schema or schema_of(example), "example": example}
                if media_type == "application/json"
                else {"schema": {"type": "string"}, "example": _as_text(example, media_type)}
                for media_type in media_types
            },
        }
    }


def _as_text(example: Any, media_type: str) -> str:
    if media_type == "text/csv":
        lines = [",".join(example[0]), *(",".join(str(v) for v in row.values()) for row in example)]
        return "\n".join(lines) + "\n"
    if isinstance(example, dict):
        return orjson.dumps(example).decode()
    return "".join(orjson.dumps(item).decode() + "\n" for item in example)


# Objects whose names are data.
_COUNTS = ("outcomes", "flagged", "refused_requests", "states", "added", "pushed")
_FREE = frozenset({"parameters", "credit", "filters", "options", *_COUNTS})
# Objects that may be missing.
_NULL = frozenset({"pull"})
# What a row is called by depends on the question.
_LABELS = ("channel", "source", "medium", "campaign", "content", "term", "touch_kind",
           "landing_page", "day", "week", "month")  # fmt: skip
_TEXT = {"type": ["string", "null"]}
# What stands in lists that the examples leave empty.
_EMPTY: dict[str, Any] = {
    "rejected": {"index": 1, "code": "bad_url", "field": "page.url", "detail": "…"},
    "not_convertible": {"kind": "revenue", "currency": "KZT", "amount": 700, "count": 1},
    "warnings": {"model": "shapley_rate", "text": "…"},
    "marks": "public",
    "include": "bots",
    "excluded": {"reason": "bot", "facts": 1},
    "reasons": {"reason": "no_touchpoint", "conversions": 1, "value": 80},
    "refused": {"model": "markov", "code": "too_many_states", "message": "…"},
    "undrawn": {"model": "markov", "code": "too_many_states", "message": "…"},
}


def schema_of(value: Any, name: str = "") -> Schema:
    """A JSON Schema that the example fits: names and kinds, every field of an answer required.

    Args: name: of the field whose value this is; the rows of a report have free labels.
    """
    if name == "meta":
        COMPONENTS["Meta"] = schema_of(value)
        return {"$ref": _REFERENCE.format(model="Meta")}
    if isinstance(value, dict) and name in _FREE:
        inner = schema_of(next(iter(value.values()))) if name in ("credit", *_COUNTS) else {}
        return {"type": "object", "additionalProperties": inner}
    if isinstance(value, dict):
        labels = _LABELS if name in ("rows", "points") and "path" not in value else ()
        fields = {k: schema_of(v, k) for k, v in value.items() if k not in labels}
        return {
            "type": ["object", "null"] if name in _NULL else "object",
            "properties": {**dict.fromkeys(labels, _TEXT), **fields},
            "required": list(fields),
        }
    if isinstance(value, list):
        first = value[0] if value else _EMPTY.get(name)
        return {"type": "array", "items": {} if first is None else schema_of(first, name)}
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, (int, float)):
        return {"type": ["number", "null"]}
    return _TEXT if isinstance(value, str) else {}


def side_by_side(example: Any) -> Schema:
    """The schema of an answer whose rows hold the figures of one model, or `models` by name."""
    schema = schema_of(example)
    for part in (schema["properties"]["rows"]["items"], schema["properties"]["unattributed"]):
        figures = {n: part["properties"][n] for n in ("conversions", "value", "share")}
        one = {"type": "object", "properties": figures, "required": list(figures)}
        part["properties"]["models"] = {"type": "object", "additionalProperties": one}
        part["required"] = [n for n in part["required"] if n not in (*figures, "reasons")]
        part["anyOf"] = [{"required": list(figures)}, {"required": ["models"]}]
    return schema


def schema_of_model(model: type[BaseModel]) -> Schema:
    """A reference to the model's schema, which becomes one of the components."""
    schema = model.model_json_schema(ref_template=_REFERENCE)
    COMPONENTS.update(schema.pop("$defs", {}))
    COMPONENTS[model.__name__] = schema
    return {"$ref": _REFERENCE.format(model=model.__name__)}


def many_of(model: type[BaseModel]) -> Schema:
    """One such object, or an array of them."""
    one = schema_of_model(model)
    return {"anyOf": [{"type": "array", "items": one}, one]}
