"""Jitsu: messages of Segment's kind, one a request, with the key in a header of its own.

Jitsu's clients never send again what was refused or lost on its way.

Sources: the sources of @jitsu/js; recorded clients.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote_plus

from service.collect.landing import host_of
from service.collect.native import Sender
from service.collect.picking import mapping, text
from service.collect.segment import identity_of, rewrite_message, shown
from service.collect.segment_http import MAX_BODY_BYTES, object_of, whole_messages
from service.collect.segment_messages import REWRITERS, WORDS
from service.collect.wire import (
    Call,
    Endpoint,
    Format,
    NativeEvent,
    Reply,
    reply_json,
    sent_key,
)
from service.kit.errors import ThroughlineError
from service.ledger.append import Receipt

_KEY_STARTS: Final = ("pk_", "sk_")
MESSAGE: Final[dict[str, Any]] = {
    "type": "page",
    "messageId": "m-1",
    "anonymousId": "a-1",
    "timestamp": "2026-03-01T10:00:00Z",
    "properties": {"url": "https://example.com/?utm_source=google&utm_medium=cpc"},
}


def jitsu_key(call: Call) -> str | None:
    """The key of `X-Write-Key`, which is the key alone or one half of Jitsu's `id:secret`; else as
    any sender may send it. `writeKey` of the body is masked and says nothing."""
    halves = [half.strip() for half in call.headers.get("x-write-key", "").split(":")]
    ours = (half for half in halves if half.startswith(_KEY_STARTS))
    return next(ours, halves[0]) or sent_key(call)


def messages(call: Call) -> list[Any]:
    """The message of a request, of the type that its path names.

    A browser that was told to keep no ids (`privacy.disableUserIds`) is a cookieless visitor.
    Raises BadRequest.
    """
    body = object_of(call)
    message = dict(body)
    kind = call.captured.get("event", "")
    if kind in REWRITERS:
        message["type"] = kind
    if "/s2s/" in call.path:
        message["channel"] = "server"
    elif not message.get("userId") and not message.get("anonymousId"):
        context = mapping(message.get("context"))
        page = text(mapping(context.get("page")).get("url"))
        agent = text(context.get("userAgent")) or call.user_agent
        message["anonymousId"] = call.visitor(host_of(page) or "", agent)
    return whole_messages([message], {}, len(call.body))


def rewrite(given: Any, index: int, sender: Sender) -> list[NativeEvent]:
    """The native events of a message; a browser's campaign is as it stood in the address, encoded.
    Raises Refusal."""
    context = mapping(given.get("context")) if isinstance(given, dict) else {}
    campaign = context.get("campaign")
    if isinstance(campaign, dict) and _is_browser(context):
        plain = {n: unquote_plus(v) if isinstance(v, str) else v for n, v in campaign.items()}
        given = {**given, "context": {**context, "campaign": plain}}
    return rewrite_message(given, index, sender)


def _is_browser(context: Mapping[str, Any]) -> bool:
    return mapping(context.get("library")).get("env") == "browser"


def stored(_: Call, __: Receipt) -> Reply:
    return Reply(200, b'{"ok":true}')


def failed(_: Call, error: ThroughlineError) -> Reply:
    return reply_json({"ok": False, "code": error.code, "error": error.detail}, error.status)


def _endpoint(path: str, summary: str) -> Endpoint:
    return Endpoint(
        paths=(path,),
        summary=summary,
        asks={"event": ("The type of the message, as its method is called.", "page")},
        sends=MESSAGE,
        says={"ok": True},
        fails={"ok": False, "code": "unknown_key", "error": "This key is not known."},
        key=jitsu_key,
        messages=messages,
        answer=stored,
        refuse=failed,
        max_bytes=MAX_BODY_BYTES,
    )


FORMAT = Format(
    name="jitsu",
    title="Jitsu",
    endpoints=(
        _endpoint("/api/s/{event}", "Jitsu: a message of a browser"),
        _endpoint("/api/s/s2s/{event}", "Jitsu: a message of a server"),
    ),
    rewrite=rewrite,
    words=WORDS,
    shown=shown,
    identity=identity_of,
)
