"""The tracking API of Matomo, once Piwik: its script, its clients, the plugins of shops and sites.

One request is one hit, or a bulk of them; what a hit becomes, `matomo_hits` says.

Sources: Matomo's documentation of the HTTP tracking API, 5.x; recorded clients.
"""

from collections.abc import Mapping
from typing import Any, Final

from service.collect.analytics import (
    agent_seen,
    content_id,
    cookieless,
    first_key,
    is_key,
    message_id,
)
from service.collect.body import Unreadable
from service.collect.landing import host_of
from service.collect.matomo_hits import WORDS, rewrite
from service.collect.picking import MAX_URL, mapping, number_or_text, text
from service.collect.wire import (
    Call,
    Endpoint,
    Format,
    Reply,
    form_fields,
    header_key,
    public_key,
    reply_gif,
    reply_json,
)
from service.kit.errors import BadRequest, Refusal
from service.ledger.append import Receipt

MAX_HITS: Final = 5_000
"""Most hits of one bulk."""

PATHS: Final = ("/matomo.php", "/piwik.php")
_NOT_KEPT: Final = frozenset({"token_auth", "cip", "key", "send_image"})
# Of a hit without one of these and without a moment, nothing tells that it is sent again.
_ONCE: Final = ("rand", "cdt", "pv_id")


def sent_key(call: Call) -> str | None:
    """`token_auth`, the header's key, `key` of the address, or `idsite` where that is a key.

    Raises BadRequest, or Forbidden for a secret key in the address.
    """
    in_address = [public_key(call, name) for name in ("key", "token_auth", "idsite")]
    token, site = ([said.get(name) for said in _sent(call)] for name in ("token_auth", "idsite"))
    return first_key(*token, header_key(call), *in_address, *site) or header_key(call)


def _sent(call: Call) -> list[dict[str, Any]]:
    """What the body says of the key: of a bulk first its own fields, then those of its hits."""
    if call.method == "GET":
        return []
    said = mapping(call.document)
    return [said, *(hit for hit in _bulk(said) if isinstance(hit, dict))]


def _bulk(said: Mapping[str, Any]) -> list[Any]:
    """The fields of each hit of a bulk; Unreadable stands for one that has none."""
    requests = said.get("requests")
    return [_fields(hit) for hit in requests] if isinstance(requests, list) else []


def _fields(hit: Any) -> Any:
    if not isinstance(hit, str):
        return hit
    try:
        return form_fields(hit.strip().removeprefix("?"))
    except BadRequest as error:
        return Unreadable(Refusal(error.code, "requests", error.detail), "")


def messages(call: Call) -> list[Any]:
    """The hits of a request, each with its visitor. Raises BadRequest."""
    said: Any = {} if call.method == "GET" else call.document
    if not isinstance(said, dict):
        raise BadRequest("not_an_object", "The body is a form, or a JSON object with `requests`.")
    if "requests" not in said:
        return [_whole({**call.asked, **said}, call, 0)]
    if not isinstance(said["requests"], list):
        raise BadRequest("missing_field", "A bulk holds its hits in the array `requests`.")
    if len(said["requests"]) > MAX_HITS:
        raise BadRequest("too_many_items", f"A bulk may hold {MAX_HITS} hits.")
    return [_whole(hit, call, place) for place, hit in enumerate(_bulk(said))]


def _whole(hit: Any, call: Call, place: int) -> Any:
    """A hit with what `rewrite` needs beside its fields, and without address and key."""
    if not isinstance(hit, dict):
        return hit
    kept = {k: v for k, v in hit.items() if k not in _NOT_KEPT and not is_key(v)}
    agent = text(hit.get("ua"), 2_000)
    site = number_or_text(kept.get("idsite")) or host_of(text(hit.get("url"), MAX_URL)) or ""
    whole: dict[str, Any] = {"hit": kept, **agent_seen(call, agent)}
    whole["visitor"] = cookieless(call, site, agent)
    address = text(hit.get("cip"), 100)
    whole["stated_visitor"] = cookieless(call, site, agent, address) if address else ""
    return {**whole, "id": _id_of(whole, call, place)}


def _id_of(whole: Mapping[str, Any], call: Call, place: int) -> str:
    """Names a hit by what it says; the visitor without cookies, another one tomorrow, is a part of
    that only where the hit names nobody, its place in a bulk where it has no number of its own."""
    hit = whole["hit"]
    said: list[Any] = [hit]
    if not any(number_or_text(hit.get(name)) for name in ("uid", "cid", "_id")):
        said += [whole["visitor"], whole["stated_visitor"]]
    if not number_or_text(hit.get("rand")):
        said.append(place)
    known = any(hit.get(name) not in (None, "") for name in _ONCE)
    return content_id(said, None if known else call.received_at)


def answer(call: Call, receipt: Receipt) -> Reply:
    """A bulk is told what became of it; a hit gets a pixel, or nothing where it wants none."""
    said = call.asked if call.method == "GET" else {**call.asked, **mapping(call.document)}
    if call.method == "POST" and "requests" in said:
        tracked = receipt.accepted + receipt.duplicates
        found = {"status": "success", "tracked": tracked, "invalid": len(receipt.refused)}
        places = sorted(refused.index for refused in receipt.refused)
        return reply_json({**found, "invalid_indices": places})
    return Reply(204) if said.get("send_image") == "0" else reply_gif()


def pixel(call: Call, receipt: Receipt) -> Reply:
    """The same whatever became of the hit: an image in a page shows no errors. Never raises."""
    try:
        return answer(call, receipt)
    except BadRequest:
        return reply_gif()


EXAMPLE: Final = (
    "?idsite=1&rec=1&_id=0123456789abcdef&rand=314159&action_name=Home"
    "&url=https%3A%2F%2Fexample.com%2F%3Fmtm_campaign%3Dspring"
)
FORMAT = Format(
    name="matomo",
    title="Matomo tracking API",
    endpoints=(
        Endpoint(
            paths=PATHS,
            summary="Matomo: hits of a form or a bulk",
            sends={"requests": [EXAMPLE]},
            says={"status": "success", "tracked": 1, "invalid": 0, "invalid_indices": []},
            key=sent_key,
            messages=messages,
            answer=answer,
            credentials=True,
        ),
        Endpoint(
            paths=PATHS,
            methods=("GET",),
            summary="Matomo: a hit as a pixel",
            asks={
                "idsite": ("The site's number, or a public key.", "pk_WRITE_KEY"),
                "rec": ("Always 1.", "1"),
                "url": ("The page's whole address.", "https://example.com/?mtm_campaign=spring"),
                "_id": ("The visitor's id, 16 hexadecimal digits.", "0123456789abcdef"),
                "action_name": ("The page's title.", "Home"),
            },
            says="GIF89a",
            says_as="image/gif",
            key=sent_key,
            messages=messages,
            answer=pixel,
            always=True,
        ),
    ),
    rewrite=rewrite,
    words=WORDS,
    identity=message_id,
)
