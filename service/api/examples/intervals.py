"""The examples of intervals, and how an answer that may hold them is described."""

from typing import Any

from service.api.schemas import Schema, schema_of

UNCERTAINTY: Any = {
    "method": "group_bootstrap",
    "level": 0.95,
    "groups": 200,
    "draws": 1000,
    "seed": 20260301,
    "drawn": "person",
    "spend": "taken as given",
    "undrawn": [],
}
CREDIT: Any = {"conversions": [32, 48.5], "value": [2400, 4000.5], "share": [0.35, 0.45]}
RETURNS: Any = {
    "conversions": [32, 48.5],
    "revenue": [2400, 4000.5],
    "share": [0.35, 0.45],
    "cpa": [20.62, 31.25],
    "cac": [22.2, None],
    "roas": [2.4, 4.0005],
    "roi": [1.4, 3.0005],
}
BROUGHT_CREDIT: Any = {"conversions": [0.2, 0.9], "value": [16, 72]}
BROUGHT_RETURNS: Any = {
    "conversions": [0.2, 0.9],
    "customers": [0.2, 0.9],
    "revenue": [16, 72],
    "roas": [0.8, 3.6],
}


def may_be_sure(schema: Schema, interval: Any, brought: Any) -> Schema:
    """The schema of a report's answer, where `intervals=true` adds `interval` and `uncertainty`.

    Args: brought: the intervals of a row of `incremental`.
    """
    found = interval_schema(interval)
    row = schema["properties"]["rows"]["items"]["properties"]
    row["interval"] = found
    entry = schema["properties"]["incremental"]["items"]["properties"]
    entry["rows"]["items"]["properties"]["interval"] = interval_schema(brought)
    rest = {name: ends for name, ends in brought.items() if name != "roas"}
    entry["baseline"]["properties"]["interval"] = interval_schema(rest)
    if "models" in row:
        cell = row["models"]["additionalProperties"]
        row["models"] = {
            "type": "object",
            "additionalProperties": {
                **cell,
                "properties": {**cell["properties"], "interval": found},
            },
        }
    schema["properties"]["uncertainty"] = {**schema_of(UNCERTAINTY), "examples": [UNCERTAINTY]}
    return schema


def interval_schema(interval: Any) -> Schema:
    """Pairs of bounds, lower first; null without a base, a bound null where there is none."""
    schema = schema_of(interval)
    for pair in schema["properties"].values():
        pair |= {"type": ["array", "null"], "minItems": 2, "maxItems": 2}
    return {**schema, "examples": [interval]}
