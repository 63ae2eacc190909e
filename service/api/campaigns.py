"""Campaigns: where spend and touches do not meet, and the rules by which they do."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from service.api.asking import Asked, KnownNames
from service.api.auth import Admin, Reader
from service.api.examples import spend as examples
from service.api.formats import flat_rows, item_rows, readable, respond
from service.api.ingest import body_bytes
from service.api.parts import NeedsParts
from service.api.reads import FILTERS, report
from service.api.schemas import READING, SENDING, body_of, described, schema_of_model
from service.collect.body import parse_json
from service.ledger.configuration import read_setting, write_setting
from service.reports.campaigns import SETTING, Rule, Rules, parse_rules
from service.reports.quality import DEFAULT_GROUPS

router = APIRouter(tags=["administration"])
KEPT = {
    "type": "object",
    "properties": {
        "version": {"type": "integer", "minimum": 0},
        "rules": {"type": "array", "items": schema_of_model(Rule)},
    },
    "required": ["version", "rules"],
}


@report(
    "/v1/sources/quality",
    "Where spend and touches do not meet",
    examples.QUALITY,
    flat_rows,
    FILTERS,
)
def get_quality(request: Request, caller: Reader, question: Asked, parts: NeedsParts) -> Response:
    """Spend without touches, and touches of paid channels without spend, with the money at stake, the
    dearest first; by source and campaign, unless `group_by` names other dimensions."""
    if "group_by" not in request.query_params:
        question = replace(question, group_by=DEFAULT_GROUPS)
    return respond(request, parts.desk.quality(question), flat_rows)


@readable(
    router,
    "/v1/campaigns/rules",
    summary="Rules of campaigns",
    responses=described(examples.KEPT_RULES, *READING, schema=KEPT),
)
def get_rules(request: Request, caller: Admin, known: KnownNames, parts: NeedsParts) -> Response:
    """The rules that say which campaign is meant, in their order, and their version."""
    version, kept = read_setting(parts.engine, SETTING)
    answer = {"version": version, "rules": [], **(kept or {})}
    return respond(request, answer, item_rows, "json")


async def asked_rules(request: Request, caller: Admin, parts: NeedsParts) -> Rules:
    # The body is not looked at before it is known who sends it.
    return parse_rules(parse_json(await body_bytes(request, parts)))


@router.put(
    "/v1/campaigns/rules",
    summary="Change the rules of campaigns",
    openapi_extra=body_of(examples.RULES, "application/json", schema=schema_of_model(Rules)),
    responses=described(examples.KEPT_RULES, *SENDING, 422, schema=KEPT),
)
def put_rules(
    request: Request, asked: Annotated[Rules, Depends(asked_rules)], parts: NeedsParts
) -> Response:
    """New rules in place of all before; they hold for the past too, from the next answer on."""
    kept: dict[str, Any] = asked.model_dump(exclude_unset=True)
    version = write_setting(parts.engine, SETTING, kept, parts.clock(), "api")
    parts.desk.forget()
    return respond(request, {"version": version, **kept}, item_rows, "json")
