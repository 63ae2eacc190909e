"""One message of a mapped webhook becomes native events, as the hook's field map says."""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import blake2b
from typing import Any, Final

from service.collect.crm import (
    Record,
    currency_of,
    custom_parts,
    events_of,
    from_minor,
    money_of,
    stage_of,
)
from service.collect.hooks import TARGETS
from service.collect.mapped_options import WebhookOptions
from service.collect.moments import iso_moment
from service.collect.native import Sender
from service.collect.paths import first_at
from service.collect.picking import number_or_text, text
from service.collect.segment import encoded
from service.collect.wire import NativeEvent
from service.kit.errors import Refusal

KINDS: Final = ("touch", "lead", "deal", "order", "contact", "ignore")
ORDERS: Final = {"": "completed", "won": "completed", "lost": "refunded", "rejected": "refunded"}
"""What becomes of an order in our stages; those before are no order yet."""

MAX_EVENT_ID: Final = 150
"""Longer ids are named by their hash: parts of the message get ids that begin with it."""


def read_mapped(message: Any, _: int, sender: Sender) -> list[NativeEvent]:
    """The native events of `{"item": …}`; beside it `around`, the body without its items, and
    `id`, what the request itself is called. Raises Refusal."""
    options: WebhookOptions = sender.options
    if not isinstance(message, dict) or not isinstance(message.get("item"), dict):
        raise Refusal("not_an_object", "", "a message is a JSON object or a form")
    said = _said(message, options)
    kind = _kind(said, options)
    event_id = number_or_text(said.get("event_id")) or text(message.get("id"))
    event_id = event_id or f"hash:{_digest(message['item'])}"
    if len(event_id) > MAX_EVENT_ID:
        event_id = f"hash:{_digest(event_id)}"
    moment, when = sender.received_at.isoformat(), {"claimed_at": ""}
    if said.get("occurred_at") is not None:
        moment = iso_moment(said["occurred_at"], "occurred_at", options.timezone, options.time)
        when = {}
    record = _record(said, kind, event_id, moment, sender)
    places = {name: name for name in said if name.startswith(TARGETS)}
    sender = replace(sender, options=options.model_copy(update={"fields": places}))
    if kind in ("touch", "ignore"):
        events = _touch(record, kind, sender)
    elif kind == "order":
        events = _order(record, sender)
    else:
        events = events_of(record, sender)
    return [{**when, **event} for event in events]


def _said(message: Mapping[str, Any], options: WebhookOptions) -> dict[str, Any]:
    """Every value by what it is; where two fields are the same, the first by its name counts."""
    found: dict[str, Any] = {}
    for paths, ours in sorted(options.fields.items()):
        outside = bool(options.items) and paths.startswith("$")
        value = first_at(message.get("around") if outside else message["item"], paths)
        if value not in (None, "", [], {}):
            found.setdefault(ours, value)
    return {**options.constants, **found}


def _kind(said: Mapping[str, Any], options: WebhookOptions) -> str:
    theirs = number_or_text(said.get("kind"))
    kind = options.kinds.get(theirs, theirs)
    if kind not in KINDS:
        raise Refusal(
            "unknown_value",
            "kind",
            f"nothing says what {theirs[:80]!r} is: map it in the hook's `kinds` to one of "
            f"{', '.join(KINDS)}, or name one in its constants",
        )
    return kind


def _record(
    said: Mapping[str, Any], kind: str, event_id: str, moment: str, sender: Sender
) -> Record:
    options: WebhookOptions = sender.options
    status = number_or_text(said.get("status"))
    object_id = number_or_text(said.get("object_id"), 200)
    if not object_id and kind in ("deal", "order"):
        raise Refusal("missing_field", "object_id", f"a {kind} needs its id; map it to object_id")
    created = said.get("created_at")
    if created is not None:
        created = iso_moment(created, "created_at", options.timezone, options.time)
    says_status = "status" in options.fields.values()
    return Record(
        event_id=event_id,
        occurred_at=moment,
        kind=kind if kind in ("lead", "deal") else "contact",  # type: ignore[arg-type]
        object_id=object_id or event_id,
        # Who posts leads and never says in which stage posts new ones.
        statuses=(status,) if status else ("lead",) if kind == "lead" and not says_status else (),
        meaning="lead" if kind == "lead" and not status else "",
        reason=text(said.get("reason")),
        amount=_amount(said, sender),
        currency=text(said.get("currency")),
        name=number_or_text(said.get("name")),
        lead_id=number_or_text(said.get("lead_id"), 200),
        custom=said,
        created_at=created or "",
    )


def _amount(said: Mapping[str, Any], sender: Sender) -> Any:
    options: WebhookOptions = sender.options
    value = said.get("amount")
    if isinstance(value, str):
        value = "".join(value.split())  # spaces of all widths between thousands
        value = value.replace(".", "").replace(",", ".") if options.decimal == "," else value
    if options.amounts_in == "minor":
        return from_minor(value, currency_of(text(said.get("currency")), sender))
    return value


def _touch(record: Record, kind: str, sender: Sender) -> list[NativeEvent]:
    """A contact with a channel; one whose status the options ignore (a missed call) is kept as a
    `track`, which is none."""
    parts, common = _parts(record, sender)
    named: dict[str, Any] = {name: str(value) for name, value in parts["touch"].items()}
    status = record.statuses[0] if record.statuses else ""
    if kind == "ignore" or sender.options.stages.get(status) == "ignore":
        name = " ".join(filter(None, (named.get("kind", "ignored"), status)))
        return [{**common, "type": "track", "track": {"name": name[:200]}}]
    if parts["click_ids"]:
        named["click_ids"] = {n: str(value) for n, value in parts["click_ids"].items()}
    return [{**common, "type": "touch", "touch": named}]


def _order(record: Record, sender: Sender) -> list[NativeEvent]:
    stage, _ = stage_of(record, sender.options)
    status = ORDERS.get(stage)
    _, common = _parts(record, sender)
    if status is None:
        name = f"order {record.statuses[0]}"
        return [{**common, "type": "track", "track": {"name": name[:200]}}]
    order_id = sender.options.id_prefix + record.object_id
    order = {"id": order_id, "status": status, **money_of(record, sender)}
    return [{**common, "type": "order", "order": order}]


def _parts(record: Record, sender: Sender) -> tuple[dict[str, dict[str, Any]], NativeEvent]:
    """What the fields say by its first word, and what every native event of it has."""
    parts = custom_parts(record.custom, sender.options.fields)
    common: NativeEvent = {
        "id": record.event_id,
        "occurred_at": record.occurred_at,
        "identifiers": parts["identifiers"],
    }
    for name in ("account", "segment"):
        if parts[name]:
            common[name] = parts[name]
    return parts, common


def _digest(value: Any) -> str:
    return blake2b(encoded(value), digest_size=16).hexdigest()
