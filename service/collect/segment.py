"""The Segment HTTP Tracking API: each message is rewritten as native events and read as those are.

What a message becomes: `identify` and `alias` an identify, `page` a page (without any address a
track), `screen` a track, `group` a group with its account, `track` what `segment_track` says.

Its clock: `occurred_at` is the `timestamp` corrected by how far `sentAt` lies from its arrival, as
Segment does, but only where that is the skew of a clock and not a queue that waited; what the
client wrote stays in the fact as `claimed_at`, so that a message sent again is a duplicate
although its correction came out a little different. `context.ip` and `writeKey` are never kept.

Sources: Segment's documentation of the HTTP API and of the common fields; recorded clients.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Final

import orjson

from service.collect.intake import refused_item, storable
from service.collect.landing import host_of
from service.collect.native import TRUSTED_AHEAD, Sender, parse_moment, to_fact
from service.collect.segment_http import KINDS, messages_of
from service.collect.segment_track import MAX_TEXT, rewrite_track, scalars
from service.kit.errors import BadRequest, Refusal
from service.ledger.append import Batch, NewFact, Refused

MAX_MESSAGE_ID: Final = 100
MAX_URL: Final = 8_000
MAX_USER_AGENT: Final = 2_000
# A message sent later than this after its `sentAt` waited in a queue; its clock may be right.
PLAUSIBLE_SKEW: Final = timedelta(minutes=10)

# What differs between two sendings of one message.
_VOLATILE: Final = frozenset({"sentAt", "receivedAt", "writeKey", "_metadata", "integrations"})
_SERVER_LIBRARY: Final = re.compile(
    r"(?:^|[^a-z])(?:python|node|ruby|java|go|php|net|rust|clojure|elixir|scala|perl)(?:[^a-z]|$)"
)
_CAMPAIGN: Final = {
    "source": "source",
    "medium": "medium",
    "name": "campaign",
    "id": "campaign_id",
    "content": "content",
    "term": "term",
}
# A refusal names the field as the sender wrote it.
_THEIR_WORDS: Final = {
    "id": "messageId",
    "occurred_at": "timestamp",
    "identifiers.user_id": "userId",
    "identifiers.anonymous_id": "anonymousId",
    "identifiers.alias": "messageId",
    "identifiers.email": "traits.email",
    "identifiers.phone": "traits.phone",
    "identifiers": "userId",
    "context.user_agent": "context.userAgent",
    "page.campaign": "context.campaign",
    "page": "properties",
    "track.name": "event",
    "track.properties": "properties",
    "track.campaign": "context.campaign",
    "track.url": "context.page.url",
    "account.id": "groupId",
    "account.domain": "traits.domain",
    "account.name": "traits.name",
    "lead.id": "userId",
    "order.id": "properties.order_id",
    "order.items": "properties.products",
    "order.amount": "properties.revenue",
    "order": "properties",
}


def read_segment(body: object, path_kind: str, sender: Sender, max_bytes: int) -> Batch:
    """The facts of one request and what was refused of it, message by message.

    Args:
        body: the request's body as parsed from JSON.
        path_kind: last part of the path, a key of `segment_http.KINDS`; KeyError for another.
        max_bytes: largest message, and largest fact, in bytes.
    Returns: a batch for the ledger; whatever the body holds, nothing else is raised. A body that
        `segment_http.messages_of` refuses is one refused item.
    """
    facts: list[NewFact] = []
    refused: list[Refused] = []
    try:
        messages = messages_of(body, path_kind)
    except BadRequest as error:
        return Batch([], [_refused(body, 0, Refusal(error.code, "", error.detail), sender)])
    around = body if isinstance(body, dict) else {}
    for index, message in enumerate(messages):
        try:
            facts += _facts(message, around, path_kind, index, sender, max_bytes)
        except Refusal as refusal:
            refused.append(_refused(message, index, _in_their_words(refusal), sender))
    return Batch(facts, refused)


def _facts(
    given: object,
    around: Mapping[str, Any],
    path_kind: str,
    index: int,
    sender: Sender,
    max_bytes: int,
) -> list[NewFact]:
    if not isinstance(given, dict):
        raise Refusal("not_an_object", "", "a message is a JSON object with type and messageId")
    if len(_encoded(given)) > max_bytes:
        raise Refusal("too_large", "", f"a message holds at most {max_bytes} bytes")
    context = {**_mapping(around.get("context")), **_mapping(given.get("context"))}
    message = {**given, "context": context}
    kind = KINDS[path_kind]
    if kind == "batch":
        kind = _kind_of(message)
    identity = _identity(message, kind)
    people = _people(message, context, kind)
    sent_at = around.get("sentAt") or message.get("sentAt")
    occurred_at, claimed_at = _moments(message, context, sent_at, sender.received_at)
    common: dict[str, Any] = {"id": identity, "occurred_at": occurred_at}
    if agent := _text(context.get("userAgent"), MAX_USER_AGENT):
        common["context"] = {"user_agent": agent}
    facts = []
    for event in _REWRITERS[kind](message, people, index, sender):
        fact = to_fact({**common, "identifiers": people, **event}, index, sender, claimed_at)
        if len(fact.payload) > max_bytes:
            raise Refusal("too_large", "", f"an event holds at most {max_bytes} bytes")
        facts.append(fact)
    return facts


def _kind_of(message: Mapping[str, Any]) -> str:
    kind = message.get("type")
    if kind is None:
        raise Refusal("missing_field", "type", "a message of a batch needs its `type`")
    if not isinstance(kind, str) or kind not in _REWRITERS:
        raise Refusal("unknown_value", "type", f"a type is one of {', '.join(sorted(_REWRITERS))}")
    return kind


def _identity(message: Mapping[str, Any], kind: str) -> str:
    """`messageId`, else a hash of what the message says, equal each time it is sent."""
    given = message.get("messageId")
    if given is None or given == "":
        said = {name: value for name, value in message.items() if name not in _VOLATILE}
        digest = blake2b(_encoded({**said, "type": kind}), digest_size=16)
        return f"hash:{digest.hexdigest()}"
    if isinstance(given, bool) or not isinstance(given, str | int):
        raise Refusal("wrong_type", "messageId", "a messageId is text")
    if isinstance(given, str) and len(given) > MAX_MESSAGE_ID:
        raise Refusal(
            "too_long", "messageId", f"a messageId has at most {MAX_MESSAGE_ID} characters"
        )
    return str(given)


def _people(
    message: Mapping[str, Any], context: Mapping[str, Any], kind: str
) -> dict[str, Any]:
    """The identifiers, unread. A group's own traits are the company's, not the person's."""
    found: dict[str, Any] = {}
    for theirs, ours in (("userId", "user_id"), ("anonymousId", "anonymous_id")):
        if message.get(theirs) not in (None, ""):
            found[ours] = message[theirs]
    if not found:
        raise Refusal(
            "missing_identifiers", "userId", "a message needs a `userId` or an `anonymousId`"
        )
    own = _mapping(message.get("traits")) if kind != "group" else {}
    for name in ("email", "phone"):
        for traits in (_mapping(context.get("traits")), own):
            value = traits.get(name)
            if isinstance(value, str | int) and not isinstance(value, bool):
                found[name] = value
    return found


def _moments(
    message: Mapping[str, Any], context: Mapping[str, Any], sent_at: object, received_at: datetime
) -> tuple[str, str]:
    """When it occurred by our clock, and what the client claimed ("" where it claimed nothing)."""
    claimed = message.get("timestamp")
    if claimed is None:
        claimed = message.get("originalTimestamp")  # RudderStack's name for it
    if claimed is None:
        return received_at.isoformat(), ""
    if not isinstance(claimed, str):
        raise Refusal("wrong_type", "timestamp", "a timestamp is text like 2026-03-01T10:00:00Z")
    moment = parse_moment(claimed, "timestamp")
    sent = None if _is_server(message, context) else _sent_at(sent_at)
    if sent is not None and received_at - sent <= PLAUSIBLE_SKEW:
        try:
            # Nothing occurs after it was sent, whatever the clock says.
            moment = received_at + min(moment - sent, timedelta(0))
        except OverflowError:
            raise Refusal(
                "bad_timestamp", "sentAt", "sentAt lies thousands of years after the timestamp"
            ) from None
    elif moment - received_at <= TRUSTED_AHEAD:
        moment = min(moment, received_at)
    return moment.isoformat(), claimed


def _sent_at(value: object) -> datetime | None:
    """A `sentAt` that cannot be read corrects nothing; the message itself is none the worse."""
    try:
        return parse_moment(value, "sentAt") if isinstance(value, str) else None
    except Refusal:
        return None


def _is_server(message: Mapping[str, Any], context: Mapping[str, Any]) -> bool:
    name = _mapping(context.get("library")).get("name")
    named = isinstance(name, str) and _SERVER_LIBRARY.search(name.lower()) is not None
    return named or message.get("channel") == "server"


_Events = list[dict[str, Any]]


def _identify(
    message: Mapping[str, Any], people: dict[str, Any], index: int, sender: Sender
) -> _Events:
    return [{"type": "identify"}]


def _alias(
    message: Mapping[str, Any], people: dict[str, Any], index: int, sender: Sender
) -> _Events:
    """`previousId` is one person with `userId`.

    Nothing says whether it was an anonymous id or a user id of former times. It counts as a user id
    when it is an e-mail address, or when the message names the anonymous id apart (browsers send
    both); else as an anonymous id, which is what alias is for. Two user ids do not go into one
    event: two identify facts are made, which the identifier `alias` joins.
    """
    previous, user = message.get("previousId"), people.get("user_id")
    if previous in (None, ""):
        raise Refusal("missing_field", "previousId", "an alias needs its `previousId`")
    if user is None:
        raise Refusal("missing_field", "userId", "an alias needs its `userId`")
    anonymous = people.get("anonymous_id")
    if previous in (user, anonymous):
        return [{"type": "identify"}]
    if anonymous is None and not (isinstance(previous, str) and "@" in previous):
        return [{"type": "identify", "identifiers": {**people, "anonymous_id": previous}}]
    identity = _identity(message, "alias")
    bridge = {"alias": f"segment:{identity}"}
    return [
        {"type": "identify", "identifiers": {**people, **bridge}},
        {
            "type": "identify",
            "id": f"{identity}:previous",
            "identifiers": {"user_id": previous, **bridge},
        },
    ]


def _page(
    message: Mapping[str, Any], people: dict[str, Any], index: int, sender: Sender
) -> _Events:
    own, shown = _mapping(message.get("properties")), _mapping(message["context"].get("page"))
    url = _address(own) or _address(shown)
    if not url:
        return _screen(message, people, index, sender, "page")
    page: dict[str, Any] = {"url": url}
    for name, limit in (("referrer", MAX_URL), ("title", MAX_TEXT)):
        if value := _text(own.get(name), limit) or _text(shown.get(name), limit):
            page[name] = value
    return [{"type": "page", "page": {**page, **_campaign(message["context"])}}]


def _screen(
    message: Mapping[str, Any],
    people: dict[str, Any],
    index: int,
    sender: Sender,
    name: str = "screen",
) -> _Events:
    titles = {n: message.get(n) for n in ("name", "category") if message.get(n) is not None}
    properties = scalars({**titles, **_mapping(message.get("properties"))})
    return [{"type": "track", "track": {"name": name, "properties": properties}}]


def _track(
    message: Mapping[str, Any], people: dict[str, Any], index: int, sender: Sender
) -> _Events:
    """An order or a lead is no contact with a channel: its page and campaign are not looked at."""
    event = _text(message.get("event"), MAX_TEXT)
    if not event:
        raise Refusal("missing_field", "event", "a track message needs the name of its `event`")
    person = people.get("user_id", people.get("anonymous_id"))
    properties = _mapping(message.get("properties"))
    written = rewrite_track(event, properties, person, index, sender)
    if written["type"] == "track":
        url = _address(_mapping(message["context"].get("page")))
        if host_of(url):
            written["track"]["url"] = url
        written["track"].update(_campaign(message["context"]))
    return [written]


def _group(
    message: Mapping[str, Any], people: dict[str, Any], index: int, sender: Sender
) -> _Events:
    if message.get("groupId") in (None, ""):
        raise Refusal("missing_field", "groupId", "a group message needs its `groupId`")
    account: dict[str, Any] = {"id": message["groupId"]}
    traits = _mapping(message.get("traits"))
    if name := _text(traits.get("name"), MAX_TEXT):
        account["name"] = name
    for trait in ("domain", "website"):
        site = _text(traits.get(trait), MAX_URL)
        host = host_of(site if "//" in site else f"//{site}")
        if host and "." in host:
            account["domain"] = host.removeprefix("www.")
            break
    return [{"type": "group", "account": account}]


_REWRITERS: Final[
    dict[str, Callable[[Mapping[str, Any], dict[str, Any], int, Sender], _Events]]
] = {
    "identify": _identify,
    "alias": _alias,
    "page": _page,
    "screen": _screen,
    "group": _group,
    "track": _track,
}


def _address(page: Mapping[str, Any]) -> str:
    """The page's address; some clients give its query apart, and the click ids are only there."""
    url, search = _text(page.get("url"), MAX_URL), _text(page.get("search"), MAX_URL)
    if url and search.startswith("?") and "?" not in url and "#" not in url:
        url = (url + search)[:MAX_URL]
    return url


def _campaign(context: Mapping[str, Any]) -> dict[str, Any]:
    given = _mapping(context.get("campaign"))
    found = {}
    for theirs, ours in _CAMPAIGN.items():
        value = given.get(theirs)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if text := _text(value, 200 if ours == "campaign_id" else MAX_TEXT):
            found[ours] = text
    return {"campaign": found} if found else {}


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object, limit: int) -> str:
    return value.strip()[:limit] if isinstance(value, str) else ""


def _encoded(value: object) -> bytes:
    """The value as text of one form. Raises Refusal for what no text holds."""
    try:
        return orjson.dumps(value, default=repr, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # half a surrogate pair, or too deep for it
        pass
    try:
        return json.dumps(value, default=repr, sort_keys=True).encode()
    except (RecursionError, TypeError, ValueError):
        raise Refusal("invalid_text", "", "the message is nested too deep to be read") from None


def _in_their_words(refusal: Refusal) -> Refusal:
    for ours, theirs in _THEIR_WORDS.items():
        if refusal.field == ours or refusal.field.startswith(f"{ours}."):
            return Refusal(refusal.code, theirs + refusal.field[len(ours) :], refusal.detail)
    return refusal


def _refused(message: object, index: int, refusal: Refusal, sender: Sender) -> Refused:
    """For the quarantine: without the key and the visitor's address."""
    identity = ""
    if isinstance(message, dict):
        given = message.get("messageId")
        identity = storable(given) if isinstance(given, str) else ""
        message = {name: value for name, value in message.items() if name != "writeKey"}
        if isinstance(context := message.get("context"), dict):
            message["context"] = {name: v for name, v in context.items() if name != "ip"}
    return replace(refused_item(message, index, refusal, sender), fact_id=identity)
