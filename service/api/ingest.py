"""Facts come in: `/v1/events`, `/v1/spend`, `/v1/rates`. Raw bytes, read by our own strict parser."""

import asyncio
from typing import Any

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from service.api.auth import caller_of, demand
from service.api.examples import EVENTS, RATES, RECEIPT, SPEND, body_of, described
from service.api.parts import Parts, parts_of
from service.collect.body import parse_items, read_body
from service.collect.intake import collect, receipt_dict, receipt_status
from service.collect.native import Sender
from service.collect.rates import to_rate_fact
from service.collect.spend import collect_spend
from service.ledger.append import Batch, Receipt
from service.ledger.keys import Caller

router = APIRouter(tags=["collect"])
TABLES = ("text/csv", "text/tab-separated-values", "application/csv")


async def body_bytes(request: Request, parts: Parts) -> bytes:
    """The body, unpacked, within the limits; refused by its announced length where that is enough."""
    limit = parts.settings.max_body_bytes
    return await read_body(
        request.stream(),
        request.headers.get("content-encoding", ""),
        limit,
        request.headers.get("content-length"),
    )


def sender_of(caller: Caller, parts: Parts) -> Sender:
    return Sender(caller, parts.clock(), parts.reader)


async def store(parts: Parts, batch: Batch) -> Receipt:
    """Write the batch; returns once it is on disk. An empty batch is answered at once."""
    if not batch.facts and not batch.refused:
        return Receipt(watermark=parts.writer.watermark)
    receipt = await asyncio.wrap_future(parts.writer.submit(batch))
    parts.follower.hint()
    return receipt


def answer(receipt: Receipt, sender: Sender) -> Response:
    return Response(
        orjson.dumps(receipt_dict(receipt, sender)),
        receipt_status(receipt),
        media_type="application/json",
    )


@router.post(
    "/v1/events",
    summary="Post events",
    openapi_extra=body_of(EVENTS, "application/json", "application/x-ndjson"),
    responses=described(RECEIPT),
)
async def post_events(request: Request) -> Response:
    """One event, an array of events, or NDJSON; gzip allowed. Answers after the facts are on disk:
    202, or 200 if all were duplicates, 422 if all were rejected; the body says what became of each."""
    parts = parts_of(request)
    sender = sender_of(demand(caller_of(request, parts), "collect", "facts"), parts)
    items = parse_items(await body_bytes(request, parts), parts.settings.max_events)
    batch = collect(items, sender, parts.settings.max_event_bytes)
    return answer(await store(parts, batch), sender)


@router.post(
    "/v1/spend",
    summary="Post spend",
    openapi_extra=body_of(SPEND, "application/json", "application/x-ndjson", "text/csv"),
    responses=described(RECEIPT),
)
async def post_spend(request: Request) -> Response:
    """Spend lines as JSON, NDJSON or CSV; posting a line's day again restates it."""
    parts = parts_of(request)
    sender = sender_of(demand(caller_of(request, parts), "facts"), parts)
    items = await _lines(request, parts)
    batch = collect_spend(items, sender, parts.settings.max_event_bytes)
    return answer(await store(parts, batch), sender)


@router.post(
    "/v1/rates",
    summary="Post exchange rates",
    openapi_extra=body_of(RATES, "application/json", "application/x-ndjson", "text/csv"),
    responses=described(RECEIPT),
)
async def post_rates(request: Request) -> Response:
    """Dated exchange rates, units of `quote` for one unit of `base`; they go before the bundled
    European Central Bank history. Posting a day again restates it."""
    parts = parts_of(request)
    sender = sender_of(demand(caller_of(request, parts), "facts"), parts)
    items = await _lines(request, parts)
    batch = collect(items, sender, parts.settings.max_event_bytes, to_rate_fact)
    return answer(await store(parts, batch), sender)


async def _lines(request: Request, parts: Parts) -> Any:
    return parse_items(await body_bytes(request, parts), parts.settings.max_events)
