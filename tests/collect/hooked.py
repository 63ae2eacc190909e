"""What a hook's format makes of a request, without HTTP; and what becomes of it in a mart."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
from sqlalchemy import Engine

from service.collect.hooks import hook_formats, validated
from service.collect.intake import collect_messages
from service.collect.wire import Call
from service.journeys.build import Configuration
from service.journeys.mart import Mart
from service.ledger.append import Batch, append
from tests.collect.sending import ROOM, call, sender

PUBLIC_URL = "https://throughline.example"
PLAIN = Configuration(frozenset(), timedelta(minutes=30), 20, "UTC")


def received(kind: str, request: Call, **options: Any) -> Batch:
    """Verify and read a request. Raises what the format raises."""
    wire = hook_formats()[kind]
    chosen = validated(kind, options)
    request = replace(request, options=chosen, public_url=PUBLIC_URL)
    wire.verify(request, chosen)
    who = replace(sender(request.received_at), options=chosen)
    return collect_messages(wire.messages(request), who, wire, ROOM)


def posted(kind: str, body: Any, options: Mapping[str, Any] | None = None, **headers: str) -> Batch:
    """The same of a JSON body."""
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return received(kind, call("/v1/webhooks/hk_x", raw, headers=named), **(options or {}))


def facts_of(batch: Batch) -> dict[str, dict[str, Any]]:
    """Payloads by fact id, each with its type; nothing may have been refused."""
    assert batch.refused == [], batch.refused
    return {f.fact_id: {"type": f.type, **orjson.loads(f.payload)} for f in batch.facts}


def refusals_of(batch: Batch) -> list[tuple[int, str, str]]:
    return [(r.index, r.code, r.field) for r in batch.refused]


def conversions(engine: Engine, batches: Iterable[Batch]) -> list[tuple[Any, ...]]:
    """Store the batches one by one; gives (conversion, occurred_at in seconds, state, amount in minor units, currency,
    touchpoints of its person) of a mart made of them."""
    for batch in batches:
        append(engine, [batch])
    mart = Mart(None, engine, PLAIN, "512MB", 1)
    try:
        mart.refresh()
        with mart.reading() as connection:
            return connection.execute(
                "SELECT c.conversion_id, c.occurred_at // 1000000, c.state, a.amount_minor, a.currency, "
                "(SELECT COUNT(*) FROM touchpoints AS t WHERE t.person_id = c.person_id) "
                "FROM conversions AS c LEFT JOIN conversion_amounts AS a "
                "ON a.conversion_key = c.conversion_key ORDER BY c.conversion_id, a.part"
            ).fetchall()
    finally:
        mart.close()
