"""One event of PostHog rewritten as native events: who it concerns, what it is, when it was.

Who. PostHog knows one kind of id, which names a browser until somebody signs in. Its browser client
says which it is: `$is_identified` false, an `anonymous_id`; true, a `user_id`, which `$identify` ties
to the browser's id. A server says nothing: its id is a `user_id`, and one that has the form of a
browser's own (a UUID) an `anonymous_id` as well, so that it meets that browser.

What. `$pageview` is a page, `$identify`, `$set` and `$create_alias` are identity, `$groupidentify` of a
company is an account, any other name is what was done, by `vocabulary`; PostHog's own events, such
as `$autocapture` or `$web_vitals`, are tracks like others. Properties that begin with `$`, and the
campaign fields that the browser client carries along for good, are not kept: the address has them.

When. As of Segment's messages: `timestamp` corrected by how far `sent_at` lies from its arrival,
where that is the skew of a clock; a server's clock is believed.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from service.collect.analytics import (
    agent_context,
    done_event,
    message_id,
    moment_of,
    page_event,
    people_in,
)
from service.collect.channels.rules import click_ids
from service.collect.clocks import by_our_clock
from service.collect.landing import host_of, read_landing
from service.collect.native import DIMENSIONS, Sender
from service.collect.picking import MAX_TEXT, MAX_URL, first, mapping, number_or_text, scalars, text
from service.collect.wire import NativeEvent
from service.kit.errors import Refusal

COOKIELESS: Final = "$posthog_cookieless"
"""What the browser client sends for an id while it may keep none."""

COMPANIES: Final = ("company", "organization", "organisation", "account", "customer", "business")
"""Types of groups that are accounts."""

_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_UTM: Final = {
    "utm_source": "source",
    "utm_medium": "medium",
    "utm_campaign": "campaign",
    "utm_id": "campaign_id",
    "utm_content": "content",
    "utm_term": "term",
}
_NAMED_TWICE: Final = frozenset({"token", "api_key", "distinct_id", "alias", "title", *_UTM})
# The few of PostHog's own properties that say what its own events are about.
_SAID: Final = {
    "$screen_name": "screen",
    "$feature_flag": "feature_flag",
    "$feature_flag_response": "feature_flag_response",
    "$event_type": "event_type",
}
WORDS: Final = {
    "id": "uuid",
    "occurred_at": "timestamp",
    "identifiers.email": "$set.email",
    "identifiers.phone": "$set.phone",
    "identifiers": "distinct_id",
    "userId": "distinct_id",
    "context.user_agent": "properties.$raw_user_agent",
    "page.url": "properties.$current_url",
    "page.referrer": "properties.$referrer",
    "page.title": "properties.title",
    "page.campaign": "properties.utm_campaign",
    "page": "properties.$current_url",
    "track.name": "event",
    "track.url": "properties.$current_url",
    "track.campaign": "properties.utm_campaign",
    "track.properties": "properties",
    "account.id": "properties.$group_key",
    "account": "properties.$group_set",
    "order.id": "properties.order_id",
    "order.items": "properties.products",
    "order.amount": "properties.revenue",
    "order": "properties",
}


def rewrite(message: Any, index: int, sender: Sender) -> list[NativeEvent]:
    """The native events of a message: `event`, `sent_at`, `visitor`, `id`. Raises Refusal."""
    given = mapping(message)
    event = given.get("event")
    if not isinstance(event, dict):
        raise Refusal("not_an_object", "", "an event is a JSON object with event and distinct_id")
    name = text(event.get("event"), MAX_TEXT)
    if not name:
        raise Refusal("missing_field", "event", "an event needs its name in `event`")
    properties = mapping(event.get("properties"))
    common: NativeEvent = {
        "id": message_id(given),
        **_moments(event, properties, text(given.get("sent_at")), sender),
        **agent_context(first(properties, ("$raw_user_agent", "$user_agent"))),
    }
    if account := _account_of(mapping(properties.get("$groups"))):
        common["account"] = account
    if name == "$create_alias":
        return _alias(common, event, properties)
    people = _people(name, event, properties, text(given.get("visitor")))
    common["identifiers"] = people
    return [{**common, **_what(name, properties, people, index, sender)}]


def distinct_id(event: Mapping[str, Any]) -> str:
    """The id of whom an event concerns, empty where there is none."""
    properties = mapping(event.get("properties"))
    places = (event.get("distinct_id"), properties.get("distinct_id"), event.get("$distinct_id"))
    return next((said for place in places if (said := number_or_text(place))), "")


def _what(
    name: str,
    properties: Mapping[str, Any],
    people: Mapping[str, Any],
    index: int,
    sender: Sender,
) -> NativeEvent:
    if name in ("$identify", "$set"):
        return {"type": "identify"}
    if name == "$groupidentify" and (account := _group(properties)):
        return {"type": "group", "account": account}
    url = text(properties.get("$current_url"), MAX_URL)
    if name == "$pageview":
        referrer = properties.get("$referrer")
        written = page_event(
            url, "" if referrer == "$direct" else referrer, properties.get("title")
        )
        written["page"] |= _campaign(properties)
        return written
    written = done_event(name, _own(properties), people, index, sender, url)
    if written["type"] == "track":
        written["track"] |= _campaign(properties)
    return written


def _own(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The properties that the sender's own code gave, lists too: an order has its products there."""
    said = scalars({ours: properties.get(theirs) for theirs, ours in _SAID.items()})
    # The browser client carries the click ids of former visits along.
    carried = _NAMED_TWICE | (click_ids().keys() if _is_browser(properties) else set())
    own = {
        name: value
        for name, value in properties.items()
        if not name.startswith("$") and name not in carried and value is not None
    }
    return own | said


def _campaign(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Campaign fields that are not in the page's own address.

    The browser client keeps the last campaign for a year and puts it into every event: what counts
    there is the page by which the session began. Servers say what they mean.
    """
    if entry := text(properties.get("$session_entry_url"), MAX_URL):
        landing = read_landing(entry)
        found = {name: said for name in DIMENSIONS if (said := getattr(landing, name))}
    elif host_of(text(properties.get("$current_url"), MAX_URL)) and _is_browser(properties):
        found = {}
    else:
        found = {
            ours: said
            for theirs, ours in _UTM.items()
            if (said := number_or_text(properties.get(theirs), 200))
        }
    return {"campaign": found} if found else {}


def _is_browser(properties: Mapping[str, Any]) -> bool:
    return "$raw_user_agent" in properties or properties.get("$lib") == "web"


def _people(
    name: str, event: Mapping[str, Any], properties: Mapping[str, Any], visitor: str
) -> dict[str, Any]:
    """The identifiers of an event, unread."""
    found: dict[str, Any] = {}
    for place in (properties, event):
        for said in ("$set_once", "$set"):
            found |= people_in(mapping(place.get(said)))
    who = distinct_id(event)
    if who == COOKIELESS:
        if visitor:
            found["visitor"] = visitor
    elif who:
        found |= _named(name, who, properties)
    if anonymous := number_or_text(first(properties, ("$anon_distinct_id",))):
        found["anonymous_id"] = anonymous
    return found


def _named(name: str, who: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    if name == "$groupidentify" and properties.get("$is_identified") is None:
        # Servers make an id up for the group itself, which is no person's.
        return {"anonymous_id": who}
    if properties.get("$process_person_profile") is False and not _is_browser(properties):
        return {"anonymous_id": who}
    if _is_browser(properties):
        identified = properties.get("$is_identified")
        if identified is False or (identified is None and who == properties.get("$device_id")):
            return {"anonymous_id": who}
        return {"user_id": who}
    return _either(who)


def _either(who: str) -> dict[str, Any]:
    return {"user_id": who, **({"anonymous_id": who} if _UUID.fullmatch(who) else {})}


def _alias(
    common: NativeEvent, event: Mapping[str, Any], properties: Mapping[str, Any]
) -> list[NativeEvent]:
    """Two ids are one person. Which of them is the browser's nothing says, and two of a kind do
    not go into one event: two facts are made, which the identifier `alias` joins."""
    ids = [distinct_id(event), number_or_text(properties.get("alias"))]
    if not all(ids):
        raise Refusal(
            "missing_field", "properties.alias", "an alias needs its `distinct_id` and its `alias`"
        )
    bridge = {"alias": f"posthog:{common['id']}"}
    return [
        {
            **common,
            "type": "identify",
            "id": f"{common['id']}{ending}",
            "identifiers": {**_either(who), **bridge},
        }
        for who, ending in zip(ids, ("", ":alias"), strict=True)
    ]


def _account_of(groups: Mapping[str, Any]) -> dict[str, Any]:
    key = number_or_text(first(groups, COMPANIES), 200)
    return {"id": key} if key else {}


def _group(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The account that a group is; empty for a group that is no company."""
    key = number_or_text(properties.get("$group_key"), 200)
    if not key or text(properties.get("$group_type")).lower() not in COMPANIES:
        return {}
    account, said = {"id": key}, mapping(properties.get("$group_set"))
    if name := text(said.get("name")):
        account["name"] = name
    for trait in ("domain", "website"):
        site = text(said.get(trait), MAX_URL)
        host = host_of(site if "//" in site else f"//{site}")
        if host and "." in host:
            account["domain"] = host.removeprefix("www.")
            break
    return account


def _moments(
    event: Mapping[str, Any], properties: Mapping[str, Any], sent_at: str, sender: Sender
) -> dict[str, str]:
    """`occurred_at` by our clock, and `claimed_at`, what the client wrote. Raises Refusal."""
    received_at, offset = sender.received_at, event.get("offset")
    if event.get("timestamp") in (None, ""):
        # Old browser clients say how many milliseconds an event had waited when it was sent.
        waited = timedelta(0)
        if isinstance(offset, int | float) and 0 <= offset <= 86_400_000:
            waited = timedelta(milliseconds=offset)
        return {"occurred_at": (received_at - waited).isoformat(), "claimed_at": ""}
    moment = moment_of(event["timestamp"], "timestamp")
    sent = None
    if sent_at and _is_browser(properties):
        try:
            sent = moment_of(sent_at, "sent_at")
        except Refusal:  # what cannot be read corrects nothing
            sent = None
    moment = by_our_clock(moment, sent, received_at, "sent_at")
    return {"occurred_at": moment.isoformat(), "claimed_at": str(event["timestamp"])}
