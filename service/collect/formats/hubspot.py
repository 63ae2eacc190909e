"""HubSpot: webhooks of an app's subscriptions, and of workflows.

Signatures, by HubSpot's documentation and its own packages: v3 is base64 of HMAC-SHA256 over
method, whole address, body and timestamp (ms); v2 and v1 are plain SHA-256, without a moment.
"""

from hashlib import sha256
from typing import Any, Final
from urllib.parse import unquote

from service.collect.hooks import HookFormat
from service.collect.hubspot import identity, read_hubspot
from service.collect.hubspot_records import HubspotOptions
from service.collect.signing import check_age, check_signature, signature_of
from service.collect.wire import Call, Reply, reply_json
from service.kit.errors import BadRequest
from service.ledger.append import Receipt

MAX_EVENTS: Final = 1_000
"""Of one request; HubSpot sends at most 100."""


def verify(call: Call, options: HubspotOptions) -> None:
    """Raises Unauthenticated."""
    if not options.secret:
        return
    secret = options.secret.encode()
    uris = addresses_of(call)
    signature = call.headers.get("x-hubspot-signature-v3", "")
    if not signature and options.older_signatures:
        given = call.headers.get("x-hubspot-signature", "").lower()
        heads = [b"", *(f"{call.method}{uri}".encode() for uri in uris)]
        check_signature([given], [sha256(secret + head + call.body).hexdigest() for head in heads])
        return
    timestamp = call.headers.get("x-hubspot-request-timestamp", "")
    signed = [f"{call.method}{uri}".encode() + call.body + timestamp.encode() for uri in uris]
    check_signature([signature], [signature_of(secret, one, "sha256", "base64") for one in signed])
    check_age(timestamp, call.received_at, "ms")


def addresses_of(call: Call) -> list[str]:
    """The address as HubSpot may have signed it: as it stands, and with its escapes decoded."""
    whole = call.public_url + call.path + (f"?{call.query}" if call.query else "")
    return list(dict.fromkeys((whole, unquote(whole))))


def messages(call: Call) -> list[Any]:
    document = call.json
    found = document if isinstance(document, list) else [document]
    if len(found) > MAX_EVENTS:
        raise BadRequest("too_many_items", f"A request may hold {MAX_EVENTS} events.")
    return found


def answer(_: Call, receipt: Receipt) -> Reply:
    return reply_json({"accepted": receipt.accepted, "duplicates": receipt.duplicates})


FORMAT = HookFormat(
    name="hubspot",
    title="HubSpot's webhooks",
    options=HubspotOptions,
    verify=verify,
    messages=messages,
    answer=answer,
    rewrite=read_hubspot,
    identity=identity,
)
