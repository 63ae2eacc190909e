"""The question of a request, and the description of its parameters."""

from typing import Annotated, Any

from fastapi import Depends, Request

from service.api.parts import Parts, parts_of
from service.kit.errors import Refusal
from service.reports.question import BASES, GROUPS, SCOPES, STAGES, Question

PAGING = frozenset({"limit", "cursor", "search", "every"})

_TEXT: dict[str, tuple[str, str, Any]] = {
    "from": (
        "First day, or instant, of the period; default 90 days before `to`.",
        "2026-03-01",
        None,
    ),
    "to": ("Day, or instant, after the period; default tomorrow.", "2026-04-01", None),
    "tz": ("IANA time zone in which days are counted.", "Europe/Berlin", None),
    "currency": ("ISO 4217 currency of the answer.", "EUR", None),
    "conversion": ("Stage that counts as the conversion.", "won", list(STAGES)),
    "model": (
        "Attribution models, a comma list; parameters as `time_decay:half_life=14d`.",
        "position_based",
        None,
    ),
    "lookback": (
        "How long before a conversion a touchpoint may earn credit, or `none`.",
        "90d",
        None,
    ),
    "basis": ("Which clock dates the credit.", "conversion", list(BASES)),
    "scope": ("Whose touchpoints a journey holds.", "person", list(SCOPES)),
    "group_by": (f"Comma list of {', '.join(GROUPS)}.", "channel", None),
    "as_of": ("Answer as of an earlier watermark or instant.", "123", None),
    "min_watermark": ("Wait until the answer includes this watermark of a receipt.", "123", None),
}


def parameters(*names: str, **more: tuple[str, str]) -> dict[str, Any]:
    """`openapi_extra` with the common query parameters and `filter[…]`, and some of its own."""
    described = [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": text,
            "schema": {"type": "string", **({"enum": allowed} if allowed else {})},
            "example": example,
        }
        for name, (text, example, allowed) in _TEXT.items()
        if not names or name in names
    ]
    if not names:
        described.append(
            {
                "name": "filter",
                "in": "query",
                "required": False,
                "description": "`filter[channel]=paid_search,email`: only these values.",
                "style": "deepObject",
                "explode": True,
                "schema": {"type": "object", "additionalProperties": {"type": "string"}},
                "example": {"channel": "paid_search"},
            }
        )
    described += [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": text,
            "schema": {"type": "string"},
            "example": example,
        }
        for name, (text, example) in more.items()
    ]
    return {"parameters": described}


def question_of(request: Request) -> Question:
    """The request's question; waits for `min_watermark`. Raises Refusal."""
    parts = parts_of(request)
    params = dict(request.query_params)
    if len(params) != len(request.query_params.multi_items()):
        raise Refusal(
            "repeated_parameter", "query", "give each parameter once; values as a comma list"
        )
    wait_for(params.get("min_watermark"), parts)
    return Question.from_params(
        params, parts.settings.currency, parts.settings.zone, parts.clock(), PAGING
    )


def wait_for(text: str | None, parts: Parts) -> None:
    if text is None:
        return
    parts.desk.wait_for(whole_number(text, "min_watermark", 0, 2**62))


def limit_of(request: Request, default: int, largest: int = 1000) -> int:
    return whole_number(request.query_params.get("limit", str(default)), "limit", 1, largest)


def whole_number(text: str, name: str, smallest: int, largest: int) -> int:
    """Raises Refusal unless the text is a whole number in the range."""
    if text.isascii() and text.isdigit() and len(text) < 20 and smallest <= int(text) <= largest:
        return int(text)
    raise Refusal("out_of_range", name, f"{name} is a whole number from {smallest} to {largest}")


Asked = Annotated[Question, Depends(question_of)]
