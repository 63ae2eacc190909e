"""The question of a request, and the description of its parameters."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Request

from service.api.parts import Parts, parts_of
from service.kit.errors import Refusal
from service.reports.configuration import Edition
from service.reports.question import BASES, GROUPS, KNOWN, SCOPES, STAGES, Question

_DAY = {"type": "string", "anyOf": [{"format": "date"}, {"format": "date-time"}]}
_NUMBER = {"type": "integer", "minimum": 0}
Described = tuple[str, Any, dict[str, Any]]
"""Of a parameter: what it means, an example, its schema."""

INCLUDE: Described = (
    "`bots`: robots and spam count like everybody.",
    "bots",
    {"type": "string", "enum": ["bots"]},
)
COMMON: dict[str, Described] = {
    "from": (
        "First day, or instant, of the period; default 90 days before `to`.",
        "2026-03-01",
        _DAY,
    ),
    "to": ("Day, or instant, after the period; default tomorrow.", "2026-04-01", _DAY),
    "tz": ("IANA time zone in which days are counted.", "Europe/Berlin", {"type": "string"}),
    "currency": (
        "ISO 4217 currency of the answer.",
        "EUR",
        {"type": "string", "pattern": "^[A-Za-z]{3}$"},
    ),
    "conversion": (
        "Stage that counts as the conversion.",
        "won",
        {"type": "string", "enum": list(STAGES)},
    ),
    "model": (
        "Attribution models, a comma list; parameters as `time_decay:half_life=14d`.",
        "position_based",
        {"type": "string"},
    ),
    "lookback": (
        "How long before a conversion a touchpoint may earn credit, or `none`.",
        "90d",
        {"type": "string", "pattern": "^(none|[0-9]{1,6}[wdhms])$"},
    ),
    "basis": (
        "Which clock dates the credit.",
        "conversion",
        {"type": "string", "enum": list(BASES)},
    ),
    "scope": (
        "Whose touchpoints a journey holds.",
        "person",
        {"type": "string", "enum": list(SCOPES)},
    ),
    "group_by": (f"Comma list of {', '.join(GROUPS)}.", "channel", {"type": "string"}),
    "include": INCLUDE,
    "as_of": (
        "Answer as of an earlier watermark or instant.",
        123,
        {"anyOf": [_NUMBER, {"type": "string", "format": "date-time"}]},
    ),
    "min_watermark": ("Wait until the answer includes this watermark of a receipt.", 123, _NUMBER),
}
LIMIT: Described = (
    "Most items of one page.",
    50,
    {"type": "integer", "minimum": 1, "maximum": 1000},
)


def parameters(*names: str, filters: tuple[str, ...] = (), **more: Described) -> dict[str, Any]:
    """`openapi_extra` with query parameters: these of the common ones (default: all), `filter[…]`
    of these dimensions, and some of the operation's own. What is not described here is refused."""
    described = [_query(name, *said) for name, said in COMMON.items() if not names or name in names]
    if filters:
        values = {name: {"type": "string"} for name in filters}
        schema = {"type": "object", "properties": values, "additionalProperties": False}
        text = f"`filter[{filters[0]}]=…`: only these values, a comma list."
        described.append(
            {
                **_query("filter", text, {filters[0]: "paid_search"}, schema),
                "style": "deepObject",
                "explode": True,
            }
        )
    described += [_query(name, *said) for name, said in more.items()]
    return {"parameters": described}


def own_parameters(**described: Described) -> dict[str, Any]:
    """`openapi_extra` with an operation's own query parameters and none of the common ones."""
    return {"parameters": [_query(name, *said) for name, said in described.items()]}


def _query(name: str, text: str, example: Any, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": text,
        "schema": schema,
        "example": example,
    }


async def known_names(request: Request) -> dict[str, str]:
    """The request's query parameters. Raises Refusal for one that is given twice, or that is
    neither common to all reports nor described for this one: a misspelt limit must not be none."""
    given = request.query_params.multi_items()
    described = (request.scope["route"].openapi_extra or {}).get("parameters", [])
    own = {parameter["name"]: parameter["schema"] for parameter in described}
    # What knows no earlier moment must not answer with what came later.
    known = KNOWN - {"as_of"} | own.keys() - {"filter"}
    filters = own.get("filter", {}).get("properties", {})
    for name, _ in given:
        if name.startswith("filter["):
            if name[len("filter[") : -1] not in filters or not name.endswith("]"):
                raise Refusal(
                    "unknown_filter", name, f"filters here: {', '.join(filters) or 'none'}"
                )
        elif name not in known:
            raise Refusal(
                "unknown_parameter", name, f"known parameters here: {', '.join(sorted(known))}"
            )
    if len(dict(given)) != len(given):
        raise Refusal(
            "repeated_parameter", "query", "give each parameter once; values as a comma list"
        )
    return dict(given)


KnownNames = Annotated[dict[str, str], Depends(known_names)]


def question_of(request: Request, params: KnownNames) -> Question:
    """The request's question; waits for `min_watermark`. Raises Refusal."""
    parts = parts_of(request)
    wait_for(params.get("min_watermark"), parts)
    edition = parts.desk.editions.as_of(Question.as_of_in(params))
    return asked_under(edition, params, parts, parts.clock())


def asked_under(
    edition: Edition, params: Mapping[str, str], parts: Parts, now: datetime
) -> Question:
    """The question of a query under an edition, which decides what is not given. Raises Refusal."""
    asked = {n: v for n, v in params.items() if n in KNOWN or n.startswith("filter[")}
    settings = parts.settings
    return Question.from_params(edition.settle(asked), settings.currency, settings.zone, now)


def wait_for(text: str | None, parts: Parts) -> None:
    if text is None:
        return
    parts.desk.include(whole_number(text, "min_watermark", 0, 2**62))


def limit_of(request: Request, default: int, largest: int = 1000) -> int:
    return whole_number(request.query_params.get("limit", str(default)), "limit", 1, largest)


def whole_number(text: str, name: str, smallest: int, largest: int) -> int:
    """Raises Refusal unless the text is a whole number in the range."""
    if text.isascii() and text.isdigit() and len(text) < 20 and smallest <= int(text) <= largest:
        return int(text)
    raise Refusal("out_of_range", name, f"{name} is a whole number from {smallest} to {largest}")


Asked = Annotated[Question, Depends(question_of)]
