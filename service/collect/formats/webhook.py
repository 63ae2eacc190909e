"""The mapped webhook: any system that posts JSON or a form, read by the hook's own field map.

Zapier, Make, Tilda, call tracking: each is an instance, a file of options (docs/examples/hooks).
"""

from collections.abc import Mapping
from typing import Any, Final

from service.collect.hooks import HookFormat
from service.collect.mapped import read_mapped
from service.collect.mapped_options import WebhookOptions, verify_webhook
from service.collect.paths import value_at
from service.collect.wire import Call, Reply, reply_json
from service.kit.errors import BadRequest
from service.ledger.append import Receipt

MAX_MESSAGES: Final = 1_000


def messages(call: Call) -> list[Any]:
    """Each item with what stands around it. Raises BadRequest."""
    options: WebhookOptions = call.options
    document = call.document
    items, around = document, {}
    if options.items:
        items = value_at(document, options.items)
        if not isinstance(items, list | dict):
            raise BadRequest(
                "missing_field", f"There is no array at {options.items}; see the hook's `items`."
            )
        around = _around(document, items)
    found = items if isinstance(items, list) else [items]
    if len(found) > MAX_MESSAGES:
        raise BadRequest(
            "too_many_items", f"A request may hold {MAX_MESSAGES} messages; send more requests."
        )
    named = {"id": name} if (name := _name(call, options)) and len(found) == 1 else {}
    beside = {"around": around} if around else {}
    return [{"item": item, **beside, **named} for item in found]


def _name(call: Call, options: WebhookOptions) -> str:
    return call.headers.get("webhook-id", "") if options.standard else ""


def _around(document: Any, items: Any) -> Any:
    """The document without its items."""
    if document is items:
        return {}
    if isinstance(document, dict):
        return {name: _around(value, items) for name, value in document.items()}
    return document


def answer(_: Call, receipt: Receipt) -> Reply:
    return reply_json({"accepted": receipt.accepted, "duplicates": receipt.duplicates})


def identity(message: Any) -> str:
    named = message.get("id") if isinstance(message, Mapping) else None
    return named if isinstance(named, str) else ""


FORMAT = HookFormat(
    name="webhook",
    title="A webhook read by its own field map",
    options=WebhookOptions,
    verify=verify_webhook,
    messages=messages,
    answer=answer,
    rewrite=read_mapped,
    identity=identity,
)
