"""One Segment message rewritten as native events, by its type. See `segment` for the whole."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from service.collect.landing import host_of
from service.collect.native import Sender
from service.collect.picking import MAX_TEXT, mapping, number_or_text, scalars, text
from service.collect.segment_context import account_of, click_ids_of, consent_of
from service.collect.vocabulary import rewrite_track
from service.kit.errors import Refusal

MAX_URL: Final = 8_000
MAX_USER_AGENT: Final = 2_000
MAX_ID: Final = 200
NO_REFERRER: Final = "$direct"
"""What RudderStack writes where there is no referrer."""
_CAMPAIGN: Final = {
    "source": "source",
    "medium": "medium",
    "name": "campaign",
    "id": "campaign_id",
    "content": "content",
    "term": "term",
}
# What surely has a host; the rest is read with care.
_WHOLE: Final = re.compile(r"https?://[a-z0-9-]+(?:\.[a-z0-9-]+)*[/?#]")
# Kinds of identifiers as RudderStack's merges call them.
_MERGED: Final = {
    "mobile": "phone",
    "userid": "user_id",
    "anonymousid": "anonymous_id",
}
# A refusal names the field as the sender wrote it; the first that fits.
WORDS: Final = {
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

Events = list[dict[str, Any]]


@dataclass(slots=True)  # frozen ones take three times as long to make
class Message:
    """A message with what is common to all types already looked at.

    `fields` as sent, `context` merged with the batch's, `people` the native identifiers, unread.
    """

    kind: str
    identity: str
    index: int
    fields: Mapping[str, Any]
    context: Mapping[str, Any]
    people: dict[str, Any]
    sender: Sender

    def mapping(self, name: str) -> dict[str, Any]:
        return mapping(self.fields.get(name))


def rewrite(message: Message, occurred_at: str, claimed_at: str) -> Events:
    """The native events of a message, mostly one. Raises Refusal."""
    common: dict[str, Any] = {
        "id": message.identity,
        "occurred_at": occurred_at,
        "claimed_at": claimed_at,
        "identifiers": message.people,
    }
    known: dict[str, Any] = {}
    if agent := text(message.context.get("userAgent"), MAX_USER_AGENT):
        known["user_agent"] = agent
    if consent := consent_of(message.context):
        known["consent"] = consent
    if known:
        common["context"] = known
    if company := account_of(message.fields, message.context):
        common["account"] = company
    return [{**common, **event} for event in REWRITERS[message.kind](message)]


def _identify(_: Message) -> Events:
    return [{"type": "identify"}]


def _alias(message: Message) -> Events:
    """`previousId` is one person with `userId`.

    Nothing says whether it was an anonymous id or a user id of former times. It counts as a user id
    when it is an e-mail address, or when the message names its anonymous id apart (browsers send
    both); else as an anonymous id, which is what alias is for. Two user ids do not go into one
    event: two identify facts are made, which the identifier `alias` joins.
    """
    previous, user = message.fields.get("previousId"), message.people.get("user_id")
    if previous in (None, ""):
        raise Refusal("missing_field", "previousId", "an alias needs its `previousId`")
    if isinstance(previous, bool) or not isinstance(previous, str | int):
        raise Refusal("wrong_type", "previousId", "a previousId is text")
    if user is None:
        raise Refusal("missing_field", "userId", "an alias needs its `userId`")
    anonymous = message.people.get("anonymous_id")
    if previous in (user, anonymous):
        return [{"type": "identify"}]
    if anonymous is None and "@" not in str(previous):
        return [{"type": "identify", "identifiers": {**message.people, "anonymous_id": previous}}]
    return _joined(message, message.people, {"user_id": previous}, "previous")


def _joined(
    message: Message, first: Mapping[str, Any], second: Mapping[str, Any], name: str
) -> Events:
    """Two identify facts with one identifier in common, for what does not go into one event."""
    bridge = {"alias": f"segment:{message.identity}"}
    other = {"id": f"{message.identity}:{name}", "identifiers": {**second, **bridge}}
    return [
        {"type": "identify", "identifiers": {**first, **bridge}},
        {"type": "identify", **other},
    ]


def _merge(message: Message) -> Events:
    """RudderStack's merge: two identifiers of any kinds are one person."""
    given = message.fields.get("mergeProperties")
    if not isinstance(given, list) or len(given) != 2:
        raise Refusal("missing_field", "mergeProperties", "a merge names two identifiers")
    pairs = []
    for place, one in enumerate(given):
        kind = text(mapping(one).get("type"))
        if not kind or mapping(one).get("value") in (None, ""):
            field = f"mergeProperties.{place}"
            raise Refusal("missing_field", field, "an identifier needs its `type` and `value`")
        pairs.append((_MERGED.get(kind.lower(), kind.lower()), one["value"]))
    if pairs[0][0] != pairs[1][0]:
        return [{"type": "identify", "identifiers": dict(pairs)}]
    return _joined(message, dict(pairs[:1]), dict(pairs[1:]), "second")


def _page(message: Message) -> Events:
    own, shown = message.mapping("properties"), mapping(message.context.get("page"))
    url = _address(own)
    # Mostly both say the same, and it is whole.
    if (
        not _WHOLE.match(url)
        and not host_of(url)
        and (other := _address(shown))
        and (not url or host_of(other))
    ):
        url = other
    if not url:
        return _unplaced(message)
    page: dict[str, Any] = {"url": url, **_campaign(message.context)}
    for name, limit in (("referrer", MAX_URL), ("title", MAX_TEXT)):
        value = text(own.get(name), limit) or text(shown.get(name), limit)
        if value and value != NO_REFERRER:
            page[name] = value
    if clicks := click_ids_of(message.context):
        page["click_ids"] = clicks
    return [{"type": "page", "page": page}]


def _unplaced(message: Message) -> Events:
    """A screen of an app, or a page that gives no address: a track of that name."""
    titles = {n: v for n in ("name", "category") if (v := message.fields.get(n)) is not None}
    properties = scalars({**titles, **message.mapping("properties")})
    return [{"type": "track", "track": {"name": message.kind, "properties": properties}}]


def _track(message: Message) -> Events:
    """An order or a lead is no contact with a channel: its page and campaign are not looked at."""
    event = text(message.fields.get("event"), MAX_TEXT)
    if not event:
        raise Refusal("missing_field", "event", "a track message needs the name of its `event`")
    written = rewrite_track(
        event, message.mapping("properties"), message.people, message.index, message.sender
    )
    if written["type"] == "track":
        url = _address(mapping(message.context.get("page")))
        if _WHOLE.match(url) or host_of(url):
            written["track"]["url"] = url
        written["track"].update(_campaign(message.context))
    return [written]


def _group(message: Message) -> Events:
    if message.fields.get("groupId") in (None, ""):
        raise Refusal("missing_field", "groupId", "a group message needs its `groupId`")
    account: dict[str, Any] = {"id": message.fields["groupId"]}
    traits = message.mapping("traits")
    if name := text(traits.get("name"), MAX_TEXT):
        account["name"] = name
    for trait in ("domain", "website"):
        site = text(traits.get(trait), MAX_URL)
        host = host_of(site if "//" in site else f"//{site}")
        if host and "." in host:
            account["domain"] = host.removeprefix("www.")
            break
    return [{"type": "group", "account": account}]


REWRITERS: Final[Mapping[str, Callable[[Message], Events]]] = {
    "identify": _identify,
    "alias": _alias,
    "merge": _merge,
    "page": _page,
    "screen": _unplaced,
    "group": _group,
    "track": _track,
}


def _address(page: Mapping[str, Any]) -> str:
    """The page's address; some clients give its query apart, and the click ids are only there."""
    url = text(page.get("url"), MAX_URL)
    if url and "?" not in url and "#" not in url:
        search = text(page.get("search"), MAX_URL)
        if search.startswith("?"):
            url = (url + search)[:MAX_URL]
    return url


def _campaign(context: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for theirs, value in mapping(context.get("campaign")).items():
        ours = _CAMPAIGN.get(theirs)
        if ours and (said := number_or_text(value, MAX_ID if ours == "campaign_id" else MAX_TEXT)):
            found[ours] = said
    return {"campaign": found} if found else {}
