"""How operations are described in OpenAPI: examples, the schemas they fit, the problems they give."""

from typing import Any

import orjson
from pydantic import BaseModel

PROBLEM: Any = {
    "type": "urn:throughline:error:scope_missing",
    "title": "Forbidden",
    "status": 403,
    "code": "scope_missing",
    "detail": "This needs a key with scope read; yours has collect.",
}

_PROBLEMS: dict[int | str, str] = {
    400: "The request as a whole cannot be read",
    401: "No key, or one that is not known",
    403: "The key lacks the scope",
    422: "A value cannot be accepted; `field` names it",
    503: "Try again after `Retry-After` seconds",
}


def described(
    example: Any, status: int = 200, media_type: str = "application/json", **more: str
) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an operation: its answer with the example, and the problems it may give."""
    content = {media_type: {"schema": schema_of(example), "example": example}}
    found: dict[int | str, dict[str, Any]] = {
        status: {"description": more.get("description", "The answer"), "content": content}
    }
    for code, description in _PROBLEMS.items():
        found[code] = {
            "description": description,
            "content": {
                "application/problem+json": {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": {**PROBLEM, "status": code},
                }
            },
        }
    return found


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
    return "".join(orjson.dumps(item).decode() + "\n" for item in example)


def schema_of(value: Any) -> dict[str, Any]:
    """A JSON Schema that the example fits: names and kinds, every field of an answer required."""
    if isinstance(value, dict):
        return {
            "type": "object",
            "properties": {k: schema_of(v) for k, v in value.items()},
            "required": list(value),
        }
    if isinstance(value, list):
        return {"type": "array", "items": schema_of(value[0]) if value else {}}
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, (int, float)):
        return {"type": ["number", "null"]}
    if isinstance(value, str):
        return {"type": ["string", "null"]}
    return {}


def schema_of_model(model: type[BaseModel]) -> dict[str, Any]:
    """JSON Schema of a model in one piece: OpenAPI resolves references from its own root."""
    schema = model.model_json_schema()
    found: dict[str, Any] = _inlined(schema, schema.pop("$defs", {}))
    return found


def many_of(model: type[BaseModel]) -> dict[str, Any]:
    """One such object, or an array of them."""
    one = schema_of_model(model)
    return {"anyOf": [{"type": "array", "items": one}, one]}


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_inlined(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        named = definitions[schema["$ref"].rpartition("/")[2]]
        return _inlined({**named, **{k: v for k, v in schema.items() if k != "$ref"}}, definitions)
    return {name: _inlined(part, definitions) for name, part in schema.items()}
