"""Postbacks of ad networks and trackers, by GET or POST, answered 200 whatever becomes of them: some
networks take nothing else for success and would send for a day."""

from typing import Any

from service.collect.hooks import HookFormat
from service.collect.picking import mapping
from service.collect.postback import PostbackOptions, fields_of, read_postback
from service.collect.wire import Call, Reply, reply_text
from service.kit.errors import BadRequest
from service.ledger.append import Receipt


def messages(call: Call) -> list[Any]:
    """One message: the fields of the address, and those of the body."""
    body = call.document if call.body.strip() else {}
    if not isinstance(body, dict):
        raise BadRequest("not_an_object", "A postback is a query, a form or one JSON object.")
    return [{**body, **call.asked}]


def answer(_: Call, __: Receipt) -> Reply:
    return reply_text("OK")


def identity(message: Any) -> str:
    given = fields_of(mapping(message))
    return next(
        (given[n] for n in ("tid", "transaction_id", "click_id", "subid") if n in given), ""
    )


FORMAT = HookFormat(
    name="postback",
    title="Postbacks of ad networks and trackers",
    options=PostbackOptions,
    messages=messages,
    answer=answer,
    rewrite=read_postback,
    identity=identity,
    place="postback",
    methods=("GET", "POST"),
)
