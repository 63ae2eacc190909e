"""What the formats of web analytics share: a key among a sender's own words, visitors without
cookies, messages without an id, moments as numbers.

Whose address and agent a request has: a browser's are its visitor's, a server's are nobody's. Only
what a server says of its visitor counts there, never its own peer address.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, Final

from service.collect.body import raw_text
from service.collect.landing import host_of
from service.collect.native import Sender, parse_moment
from service.collect.picking import MAX_TEXT, MAX_URL, mapping, text
from service.collect.segment import encoded
from service.collect.vocabulary import rewrite_track
from service.collect.wire import Call, NativeEvent
from service.kit.errors import Refusal

WINDOW: Final = timedelta(seconds=10)
"""Without an id and a moment, the same words of one visitor within it are one message sent twice."""

STATED_WITHOUT_KEY: Final = timedelta(hours=24)
"""How far back a public key may date what it sends; Matomo's limit."""

MAX_AGENT: Final = 2_000
_KEY: Final = re.compile(r"[ps]k_[A-Za-z0-9_-]{8,200}")
_NUMBER: Final = re.compile(r"[0-9]{1,17}(?:\.[0-9]{1,9})?")
# Above it a number of seconds would lie in the year 5138, so it is one of milliseconds.
_MILLISECONDS: Final = 10**11


def is_key(value: object) -> bool:
    """Whether a text has the form of this service's keys."""
    return isinstance(value, str) and _KEY.fullmatch(value.strip()) is not None


def first_key(*candidates: object) -> str | None:
    """The first that has the form of a key: the others are site numbers, or keys of the service
    for which a client was made."""
    return next((c.strip() for c in candidates if isinstance(c, str) and is_key(c)), None)


def asked_by_browser(call: Call) -> bool:
    """Browsers name the site of the page or the languages of their user; HTTP clients of servers
    name neither, or `*` for the language."""
    return "origin" in call.headers or call.headers.get("accept-language", "*") not in ("", "*")


def cookieless(call: Call, site: str, agent: str = "", address: str = "") -> str:
    """The visitor without cookies at the address that is stated, else of the browser that asks;
    empty where a server asks and states none."""
    if address or asked_by_browser(call):
        return call.visitor(site, agent, address)
    return ""


def agent_seen(call: Call, stated: str = "") -> dict[str, Any]:
    """For a message: `agent`, the one that is stated, else the request's; and whether it is the
    visitor's own or passed on by a server, which the agent of a server's library is not."""
    own = stated or asked_by_browser(call) or call.user_agent.startswith("Mozilla/")
    return {"agent": stated or call.user_agent, "agent_is_visitors": bool(own)}


def seen_context(message: Mapping[str, Any], sender: Sender) -> dict[str, Any]:
    """The event's `context` with the agent of `agent_seen`. A public key is what browsers have, and
    robots that do as if: its agent counts whatever it is."""
    if message.get("agent_is_visitors") or sender.is_public:
        return agent_context(message.get("agent"))
    return {}


def forwarded_for(call: Call) -> str:
    """The visitor's address as a server passes it on; whether it may is for `rewrite` to say."""
    return call.headers.get("x-forwarded-for", "").partition(",")[0].strip()[:100]


def content_id(said: object, received_at: datetime | None = None) -> str:
    """An id equal each time the same is said: for ever, or, given the moment of arrival, within
    the running WINDOW."""
    try:
        words = encoded(said)
    except Refusal:  # too deep for it; no reader of events goes so deep
        words = raw_text(said).encode("utf-8", "backslashreplace")
    digest = blake2b(words, digest_size=16)
    if received_at is not None:
        digest.update(str(int(received_at.timestamp() // WINDOW.total_seconds())).encode())
    return f"hash:{digest.hexdigest()}"


def moment_of(value: object, name: str) -> datetime:
    """A moment: ISO 8601, which is UTC where it names no zone, or seconds or milliseconds since
    1970. Raises Refusal."""
    written = (
        str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    )
    if not isinstance(written, str):
        raise Refusal("wrong_type", name, "a moment is text like 2026-03-01T10:00:00Z")
    written = written.strip()
    if _NUMBER.fullmatch(written):
        seconds = float(written)
        seconds = seconds / 1_000 if seconds >= _MILLISECONDS else seconds
        try:
            # Through text, for one place to judge what is too early.
            return parse_moment(datetime.fromtimestamp(seconds, UTC).isoformat(), name)
        except (OverflowError, ValueError, OSError):
            raise Refusal("bad_timestamp", name, f"{written!r} lies outside the calendar") from None
    if len(written) == len("2026-03-01 10:00:00"):
        written = f"{written}+00:00"
    return parse_moment(written, name)


def stated_moment(value: object, name: str, sender: Sender) -> str:
    """A moment that the sender states, ISO 8601. Raises Refusal, `scope_missing` for history from
    a public key."""
    moment = moment_of(value, name)
    if sender.is_public and sender.received_at - moment > STATED_WITHOUT_KEY:
        raise Refusal(
            "scope_missing",
            name,
            "what is older than 24 hours comes from servers: send it with a key with scope `facts`",
        )
    return moment.isoformat()


def people_in(traits: Mapping[str, Any]) -> dict[str, Any]:
    """`email` and `phone` of what is said about a person, unread."""
    return {
        name: value
        for name in ("email", "phone")
        if isinstance(value := traits.get(name), str | int) and not isinstance(value, bool)
    }


def page_event(url: str, referrer: object, title: object = None) -> NativeEvent:
    page = {"url": url[:MAX_URL]}
    if said := text(referrer, MAX_URL):
        page["referrer"] = said
    if said := text(title, MAX_TEXT):
        page["title"] = said
    return {"type": "page", "page": page}


def done_event(
    name: str,
    properties: Mapping[str, Any],
    people: Mapping[str, Any],
    index: int,
    sender: Sender,
    url: str = "",
) -> NativeEvent:
    """What a person did, by `vocabulary`: an order, a lead, a deal, else a track. Raises Refusal."""
    written = rewrite_track(name, properties, people, index, sender)
    if written["type"] == "track" and host_of(url):
        written["track"]["url"] = url[:MAX_URL]
    return written


def agent_context(agent: object) -> dict[str, Any]:
    """The event's `context` with the visitor's agent; empty where there is none."""
    said = text(agent, MAX_AGENT)
    return {"context": {"user_agent": said}} if said else {}


def message_id(message: Any) -> str:
    """The id that `messages` gave a message, for the list of the quarantine."""
    return text(mapping(message).get("id"), 200)
