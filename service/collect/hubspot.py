"""HubSpot's messages: single events of app subscriptions, and whole records that workflows post.

An event says one thing of one object: a deal's stage, its amount, who belongs to it. What needs two
events to be said (an amount and another currency) is taken from whole records only.

Sources: HubSpot's documentation of the webhooks API; its packages `hubspot-api-client`.
"""

from collections.abc import Mapping
from typing import Any

from service.collect.crm import currency_of, events_of, merge_events
from service.collect.hubspot_records import (
    STATUS_OF,
    TYPES,
    HubspotOptions,
    object_id_of,
    record_of,
    said_of,
    whole_record,
)
from service.collect.moments import iso_moment
from service.collect.native import Sender
from service.collect.picking import mapping, number_or_text, text
from service.collect.wire import NativeEvent
from service.kit.errors import Refusal


def read_hubspot(message: Any, _: int, sender: Sender) -> list[NativeEvent]:
    """The native events of a message. Raises Refusal."""
    if not isinstance(message, dict):
        raise Refusal("not_an_object", "", "an event of HubSpot is a JSON object")
    if "subscriptionType" not in message and "properties" in message:
        return events_of(whole_record(message, sender.options), sender)
    kind, action = _kind(message)
    moment = iso_moment(message.get("occurredAt"), "occurredAt")
    name = _event_id(message)
    if action == "propertyChange":
        return _property(message, kind, name, moment, sender)
    if action == "merge":
        return _merge(message, kind, name, moment, sender)
    if action == "associationChange":
        return _association(message, name, moment, sender)
    if action == "deletion" and kind in ("deal", "lead"):
        meaning = "lost:deleted" if kind == "deal" else "rejected:deleted"
        return events_of(record_of(message, kind, name, moment, ("deleted",), meaning), sender)
    if action == "restore" and kind in ("deal", "lead"):
        raise Refusal(
            "missing_field",
            "propertyValue",
            "HubSpot does not say in which stage a restored record is; change its stage there once",
        )
    if kind == "contact":
        people = {"crm_contact_id": sender.options.id_prefix + object_id_of(message)}
        common = {"id": name, "occurred_at": moment, "identifiers": people}
        if action == "privacyDeletion":
            return [{**common, "type": "consent", "consent": {"privacy_deletion": True}}]
        if action == "creation":
            return [{**common, "type": "identify"}]
        return [{**common, "type": "track", "track": {"name": f"contact.{action}"[:200]}}]
    return []


def identity(message: Any) -> str:
    """What the quarantine calls the message."""
    return number_or_text(mapping(message).get("eventId"), 200)


def _kind(message: Mapping[str, Any]) -> tuple[str, str]:
    kind, _, action = text(message.get("subscriptionType")).partition(".")
    if not kind or not action:
        raise Refusal(
            "missing_field", "subscriptionType", "an event says what it is, deal.propertyChange …"
        )
    if kind == "object":
        kind = TYPES.get(text(message.get("objectTypeId")), "object")
    return kind, action


def _event_id(message: Mapping[str, Any]) -> str:
    """HubSpot's `eventId` alone is not guaranteed to be unique; the attempt is left out."""
    parts = ("subscriptionType", "objectId", "propertyName", "occurredAt", "eventId")
    named = ":".join(number_or_text(message.get(part), 60) for part in parts)
    more = [
        message.get(p) for p in ("fromObjectId", "toObjectId", "primaryObjectId", "newObjectId")
    ]
    return named + "".join(f":{part}" for part in map(number_or_text, more) if part)


def _property(
    message: Mapping[str, Any], kind: str, name: str, moment: str, sender: Sender
) -> list[NativeEvent]:
    options: HubspotOptions = sender.options
    property_name = text(message.get("propertyName"))
    value = message.get("propertyValue")
    said = said_of({property_name: value}, kind, options)
    if property_name == "deal_currency_code" and options.amount_property == "amount":
        _check_currency(value, sender)
    nothing = not any(said.values()) and not (said["custom"].keys() & options.fields.keys())
    if kind not in STATUS_OF or nothing:
        return []  # a change of nothing that is kept here
    return events_of(record_of(message, kind, name, moment, **said), sender)


def _check_currency(value: Any, sender: Sender) -> None:
    theirs, ours = currency_of(text(value), sender), currency_of("", sender)
    if theirs != ours:
        raise Refusal(
            "currency_apart",
            "propertyValue",
            f"this deal is in {theirs}, and amounts of single events are taken as {ours}: send whole "
            "records by a workflow, or subscribe to amount_in_home_currency and name it in the "
            "hook's amount_property",
        )


def _merge(
    message: Mapping[str, Any], kind: str, name: str, moment: str, sender: Sender
) -> list[NativeEvent]:
    """Contacts become one person. Of deals the one that remains goes on by its own events; the
    others count no more."""
    given = message.get("mergedObjectIds")
    gone = [number_or_text(one) for one in given] if isinstance(given, list) else []
    primary = object_id_of(message, "primaryObjectId")
    kept = number_or_text(message.get("newObjectId")) or primary
    others = [one for one in dict.fromkeys((primary, *gone)) if one and one != kept]
    if kind == "contact":
        return merge_events(name, moment, kept, others, sender)
    if kind != "deal":
        return []
    return [
        event
        for one in others
        for event in events_of(
            record_of({"objectId": one}, kind, f"{name}:{one}", moment, ("merged",), "lost:merged"),
            sender,
        )
    ]


def _association(
    message: Mapping[str, Any], name: str, moment: str, sender: Sender
) -> list[NativeEvent]:
    """Who belongs to a deal, and which company a contact to. What was taken apart again stays as
    it was: facts know no such undoing."""
    sides = text(message.get("associationType")).lower().split("_to_")
    ends = dict(zip(sides, (message.get("fromObjectId"), message.get("toObjectId")), strict=False))
    contact, deal, company = (number_or_text(ends.get(n)) for n in ("contact", "deal", "company"))
    if message.get("associationRemoved") is True:
        return []
    if deal and (contact or company):
        linked = [{"crm_contact_id": contact}] if contact else []
        account = {"id": company} if company else {}
        record = record_of({"objectId": deal}, "deal", name, moment, linked=linked, account=account)
        return events_of(record, sender)
    if contact and company:
        people = {"crm_contact_id": sender.options.id_prefix + contact}
        event = {"id": name, "type": "group", "occurred_at": moment, "identifiers": people}
        return [{**event, "account": {"id": company}}]
    return []
