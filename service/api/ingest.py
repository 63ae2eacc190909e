"""Facts come in: `/v1/events`, `/v1/spend`, `/v1/rates`. Raw bytes, read by our own strict parser."""

import asyncio
from collections.abc import Mapping
from typing import Any, Literal

import orjson
from fastapi import APIRouter, Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from service.api import examples
from service.api.asking import Described, own_parameters
from service.api.auth import Collector, Server
from service.api.cors import NATIVE, cors_of, preflight
from service.api.parts import NeedsParts, Parts
from service.api.refused import counted_for
from service.api.schemas import SENDING, body_of, described, many_of, schema_of
from service.collect.body import BOM, parse_items, read_body
from service.collect.consent import Said, request_says
from service.collect.intake import collect, receipt_dict, receipt_status
from service.collect.native import Sender
from service.collect.presets.recognise import recognise
from service.collect.rates import RateLine, collect_rates
from service.collect.rows import Reading
from service.collect.schemas import Event
from service.collect.spend import SpendLine, collect_spend
from service.collect.table_items import items_of_table, open_recognised, read_items
from service.kit.errors import BadRequest, Refusal
from service.ledger.append import Batch, Receipt
from service.ledger.keys import Caller

router = APIRouter(tags=["collect"])
RECEIPT = schema_of(examples.RECEIPT)
RECEIPT["properties"]["adjusted"] = schema_of(examples.ADJUSTED)
RECEIPTS = {
    **described(examples.RECEIPT, *SENDING, success=202, schema=RECEIPT),
    **described(examples.NOTHING_NEW, success=200, schema=RECEIPT),
    **described(examples.ALL_REJECTED, success=422, schema=RECEIPT),
}
TABLES = ("text/csv", "text/tab-separated-values", "application/csv")
_TEXT = {"type": "string"}
# What a platform's report does not say of itself; a line's own words go before.
SPEND_DEFAULTS: dict[str, Described] = {
    "source": ("Of lines that name none, as the ads' links write it.", "google", _TEXT),
    "medium": ("Of lines that name none.", "cpc", _TEXT),
    "currency": (
        "ISO 4217, of lines that name none.",
        "EUR",
        {"type": "string", "pattern": "^[A-Za-z]{3}$"},
    ),
    "account": ("The platform's account, of lines that name none.", "1234567890", _TEXT),
    "account_timezone": ("IANA zone of the account's days.", "Europe/Berlin", _TEXT),
    "vat": (
        "Whether amounts hold value added tax.",
        "included",
        {"type": "string", "enum": ["included", "excluded"]},
    ),
    "vat_rate": ("Per cent of tax to take off amounts that hold it.", "20", _TEXT),
}
router.add_api_route(NATIVE, preflight, methods=["OPTIONS"], include_in_schema=False)


async def body_bytes(request: Request, parts: Parts, limit: int = 2**63) -> bytes:
    """The body, unpacked, within the limits; refused by its announced length where that is enough."""
    try:
        return await read_body(
            request.stream(),
            request.headers.get("content-encoding", ""),
            min(limit, parts.settings.max_body_bytes),
            request.headers.get("content-length"),
        )
    except ClientDisconnect:
        raise BadRequest(
            "incomplete_body", "The connection ended before the body did; send it again."
        ) from None


def sender_of(caller: Caller, parts: Parts, request: Request) -> Sender:
    """Who sends; of a public key's request also what the visitor's browser says of consent."""
    signal = None if caller.may("facts") else browser_says(request)
    return Sender(
        caller,
        parts.clock(),
        parts.reader,
        currency=parts.settings.currency,
        policy=parts.settings.consent,
        signal=signal,
        judge=parts.judge,
    )


def browser_says(request: Request) -> Said | None:
    """What a visitor's browser says of consent."""
    headers = request.headers
    return request_says(headers.getlist("sec-gpc"), headers.get("dnt", ""), request.query_params)


async def store(parts: Parts, batch: Batch) -> Receipt:
    """Write the batch; returns once it is on disk. An empty batch is answered at once."""
    if not batch.facts and not batch.refused and not batch.ignored:
        return Receipt(watermark=parts.writer.watermark)
    receipt = await asyncio.wrap_future(parts.writer.submit(batch))
    parts.follower.hint()
    return receipt


def answer(request: Request, receipt: Receipt, sender: Sender) -> Response:
    return Response(
        orjson.dumps(receipt_dict(receipt, sender)),
        receipt_status(receipt),
        cors_of(request),
        media_type="application/json",
    )


@router.post(
    "/v1/events",
    summary="Post events",
    openapi_extra=body_of(
        examples.EVENTS, "application/json", "application/x-ndjson", schema=many_of(Event)
    ),
    responses=RECEIPTS,
)
async def post_events(request: Request, caller: Collector, parts: NeedsParts) -> Response:
    """One event, an array of events, or NDJSON; gzip allowed. Answers after the facts are on disk:
    202, or 200 if all were duplicates, 422 if all were rejected; the body says what became of each."""
    sender = sender_of(caller, parts, request)
    with counted_for(parts, caller):
        items = parse_items(await body_bytes(request, parts), parts.settings.max_events)
    batch = collect(items, sender, parts.settings.max_event_bytes)
    return answer(request, await store(parts, batch), sender)


@router.post(
    "/v1/spend",
    summary="Post spend",
    openapi_extra=body_of(
        examples.SPEND,
        "application/json",
        "application/x-ndjson",
        "text/csv",
        schema=many_of(SpendLine),
    )
    | own_parameters(**SPEND_DEFAULTS),
    responses=RECEIPTS,
)
async def post_spend(request: Request, caller: Server, parts: NeedsParts) -> Response:
    """Spend lines as JSON, NDJSON or CSV, or an ad platform's own report, known by its header; posting
    a line's day again restates it."""
    sender = sender_of(caller, parts, request)
    with counted_for(parts, caller):
        items = await _lines(request, parts, "spend", _defaults(request))
    batch = collect_spend(items, sender, parts.settings.max_event_bytes)
    return answer(request, await store(parts, batch), sender)


@router.post(
    "/v1/rates",
    summary="Post exchange rates",
    openapi_extra=body_of(
        examples.RATES,
        "application/json",
        "application/x-ndjson",
        "text/csv",
        schema=many_of(RateLine),
    ),
    responses=RECEIPTS,
)
async def post_rates(request: Request, caller: Server, parts: NeedsParts) -> Response:
    """Dated exchange rates, units of `quote` for one unit of `base`; they go before the bundled
    European Central Bank history. Posting a day again restates it."""
    sender = sender_of(caller, parts, request)
    with counted_for(parts, caller):
        items = await _lines(request, parts, "rates")
    batch = collect_rates(items, sender, parts.settings.max_event_bytes)
    return answer(request, await store(parts, batch), sender)


def _defaults(request: Request) -> dict[str, str]:
    """What the query says of all lines. Raises Refusal for a name that is not known."""
    given = dict(request.query_params)
    if unknown := sorted(given.keys() - SPEND_DEFAULTS):
        raise Refusal(
            "unknown_parameter",
            unknown[0],
            f"known parameters here: {', '.join(sorted(SPEND_DEFAULTS))}",
        )
    return given


async def _lines(
    request: Request,
    parts: Parts,
    kind: Literal["spend", "rates"],
    defaults: Mapping[str, str] | None = None,
) -> Any:
    """The lines of a JSON, NDJSON or CSV body; what is not called CSV and begins like JSON is it."""
    body = await body_bytes(request, parts)
    most = parts.settings.max_events
    named = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if named in TABLES or body.removeprefix(BOM).lstrip()[:1] not in (b"{", b"[", b""):
        return read_items(body, kind, most, defaults=defaults)
    if kind == "spend" and (report := recognise(body, Reading())):
        return items_of_table(*open_recognised(report, defaults=defaults), most)
    items = parse_items(body, most)
    if not defaults:
        return items
    return [{**defaults, **item} if isinstance(item, dict) else item for item in items]
