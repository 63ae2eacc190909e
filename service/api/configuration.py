"""The configuration of reports: drafted, tried, published, taken back."""

from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ValidationError
from starlette.responses import Response

from service.api.asking import (
    LIMIT,
    KnownNames,
    limit_of,
    own_parameters,
    parameters,
    wait_for,
    whole_number,
)
from service.api.auth import Admin, SourceReader
from service.api.examples import configuration as examples
from service.api.formats import item_rows, readable, respond
from service.api.ingest import body_bytes
from service.api.parts import NeedsParts, Parts
from service.api.reads import FILTERS
from service.api.schemas import (
    READING,
    SENDING,
    Schema,
    body_of,
    described,
    problems,
    schema_of,
    schema_of_model,
)
from service.collect.body import parse_json
from service.collect.refusals import refusal_of
from service.reports import publishing
from service.reports.configuration import Configuration
from service.reports.dry_run import REPORTS, dry_run
from service.reports.question import TIMES

router = APIRouter(tags=["administration"])
Asked = TypeVar("Asked", bound=BaseModel)


def _schema(example: dict[str, Any], **fields: Schema) -> Schema:
    """The example's schema, with these fields described by their own."""
    schema = schema_of({name: value for name, value in example.items() if name not in fields})
    schema["properties"] |= fields
    schema["required"] = [*schema["required"], *fields]
    return schema


_CONTENT = schema_of_model(Configuration)
_RESTORES: Schema = {"type": ["integer", "null"]}
_STAGES: Schema = {
    "type": "array",
    "items": _schema(
        examples.PUBLISHED["stage_maps"][0],
        stages={"type": "object", "additionalProperties": {"type": "string"}},
    ),
}
_VERSION = _schema(examples.VERSION, configuration=_CONTENT, restores=_RESTORES)
_PUBLISHED = _schema(
    examples.PUBLISHED, configuration=_CONTENT, restores=_RESTORES, stage_maps=_STAGES
)
_VERSIONS = _schema(examples.VERSIONS, items={"type": "array", "items": _VERSION})
_DRAFT = _schema(examples.DRAFT, configuration=_CONTENT, based_on={"type": "integer", "minimum": 0})
_ANSWER: Schema = {"type": "object"}
_DRY_RUN = _schema(
    {"report": "roi", "changed": True},
    rows={
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"changed": {"type": "boolean"}, "difference": _ANSWER},
            "required": ["changed", "difference"],
        },
    },
    **dict.fromkeys(("unattributed", "totals", "now", "draft"), _ANSWER),
)


async def _body(request: Request, parts: Parts) -> Any:
    # The body is not looked at before it is known who sends it.
    return parse_json(await body_bytes(request, parts))


def _read(model: type[Asked], asked: Any) -> Asked:
    try:
        return model.model_validate(asked)
    except ValidationError as error:
        raise refusal_of(error) from None


async def asked_draft(request: Request, caller: Admin, parts: NeedsParts) -> publishing.NewDraft:
    return publishing.parse_draft(await _body(request, parts))


async def asked_publish(request: Request, caller: Admin, parts: NeedsParts) -> publishing.Publish:
    return _read(publishing.Publish, await _body(request, parts))


async def asked_version(request: Request, caller: Admin, parts: NeedsParts) -> publishing.GoBack:
    return _read(publishing.GoBack, await _body(request, parts))


@readable(
    router,
    "/v1/configuration",
    summary="The configuration of reports",
    responses=described(examples.PUBLISHED, *READING, schema=_PUBLISHED),
)
def get_configuration(
    request: Request, caller: SourceReader, known: KnownNames, parts: NeedsParts
) -> Response:
    """Channel rules, exclusions, usual model and lookback, presets: the version that every answer
    names in `meta.settings`, who published it and when. `stage_maps`: what the hooks' statuses mean,
    which acts when facts come in and is changed at each hook."""
    return respond(request, publishing.published(parts.engine), item_rows, "json")


@readable(
    router,
    "/v1/configuration/versions",
    summary="Versions of the configuration",
    openapi_extra=own_parameters(
        limit=LIMIT,
        cursor=("The `next` of the page before.", "3", {"type": "string", "pattern": "^[0-9]+$"}),
    ),
    responses=described(examples.VERSIONS, *READING, schema=_VERSIONS),
)
def get_versions(
    request: Request, caller: SourceReader, known: KnownNames, parts: NeedsParts
) -> Response:
    """Every version that was published, newest first, with its content."""
    cursor = request.query_params.get("cursor") or None
    before = None if cursor is None else whole_number(cursor, "cursor", 1, 2**31 - 1)
    answer = publishing.versions(parts.engine, limit_of(request, 50), before)
    return respond(request, answer, item_rows, "json")


@readable(
    router,
    "/v1/configuration/draft",
    summary="The draft",
    responses=described(examples.DRAFT, *READING, 404, s404="no_draft", schema=_DRAFT),
)
def get_draft(
    request: Request, caller: SourceReader, known: KnownNames, parts: NeedsParts
) -> Response:
    """What would be published next. `outdated`: another version was published since it was made."""
    return respond(request, publishing.draft(parts.engine), item_rows, "json")


@router.put(
    "/v1/configuration/draft",
    summary="Draft a configuration",
    openapi_extra=body_of(
        examples.NEW_DRAFT, "application/json", schema=schema_of_model(publishing.NewDraft)
    ),
    responses=described(examples.DRAFT, *SENDING, 422, schema=_DRAFT),
)
def put_draft(
    request: Request,
    caller: Admin,
    asked: Annotated[publishing.NewDraft, Depends(asked_draft)],
    parts: NeedsParts,
) -> Response:
    """Keep a draft in place of the one before. It changes no answer until it is published."""
    kept = publishing.save_draft(parts.engine, asked, parts.clock(), caller.source)
    return respond(request, kept, item_rows, "json")


@router.delete(
    "/v1/configuration/draft",
    summary="Drop the draft",
    status_code=204,
    responses={204: {"description": "Dropped"}, **problems(*READING, 404, s404="no_draft")},
)
def delete_draft(caller: Admin, parts: NeedsParts) -> Response:
    """What is published stays as it is."""
    publishing.drop_draft(parts.engine, parts.clock(), caller.source)
    return Response(status_code=204)


@readable(
    router,
    "/v1/configuration/dry-run",
    summary="Any report under the draft",
    openapi_extra=parameters(
        filters=FILTERS,
        report=(
            "Which report.",
            "attribution",
            {"type": "string", "enum": list(REPORTS), "default": "roi"},
        ),
        every=("How fine a trend is.", "day", {"type": "string", "enum": list(TIMES)}),
    ),
    responses=described(examples.DRY_RUN, *READING, 404, s404="no_draft", schema=_DRY_RUN),
)
def get_dry_run(
    request: Request, caller: SourceReader, known: KnownNames, parts: NeedsParts
) -> Response:
    """A report's question under the published configuration and under the draft: both answers, and
    what differs by row, exactly. Nothing is published by asking."""
    wait_for(known.get("min_watermark"), parts)
    settings = parts.settings
    answer = dry_run(parts.desk, known, settings.currency, settings.zone, parts.clock())
    return respond(request, answer, item_rows, "json")


@router.post(
    "/v1/configuration/publish",
    summary="Publish the draft",
    openapi_extra=body_of(
        examples.PUBLISH, "application/json", schema=schema_of_model(publishing.Publish)
    ),
    responses=described(
        examples.PUBLISHED, *SENDING, 404, 409, 422,
        s404="no_draft", s409="newer_version", schema=_PUBLISHED,
    ),
)  # fmt: skip
def post_publish(
    request: Request,
    caller: Admin,
    asked: Annotated[publishing.Publish, Depends(asked_publish)],
    parts: NeedsParts,
) -> Response:
    """The draft becomes the next version, for the past too. Refused where it was made from an older
    version than the newest."""
    made = publishing.publish(parts.engine, asked.note, parts.clock(), caller.source)
    parts.desk.forget()
    return respond(request, made, item_rows, "json")


@router.post(
    "/v1/configuration/rollback",
    summary="Go back to a version",
    openapi_extra=body_of(
        examples.GO_BACK, "application/json", schema=schema_of_model(publishing.GoBack)
    ),
    responses=described(
        examples.RESTORED, *SENDING, 404, 409, 422,
        s404="no_such_version", s409="newer_version", schema=_PUBLISHED,
    ),
)  # fmt: skip
def post_rollback(
    request: Request,
    caller: Admin,
    asked: Annotated[publishing.GoBack, Depends(asked_version)],
    parts: NeedsParts,
) -> Response:
    """A new version that equals an earlier one; 0 is the built-in configuration."""
    made = publishing.roll_back(parts.engine, asked, parts.clock(), caller.source)
    parts.desk.forget()
    return respond(request, made, item_rows, "json")
