"""Requests of a wire format without HTTP: what the format makes of them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from service.collect.body import raw_text
from service.collect.formats import formats
from service.collect.identifiers import IdentifierReader
from service.collect.intake import collect_messages
from service.collect.native import Sender
from service.collect.visitors import Visitors, random_salts
from service.collect.wire import Call, Endpoint
from service.ledger.append import Batch
from service.ledger.keys import Caller

RECEIVED = datetime(2026, 3, 1, 12, tzinfo=UTC)
READER = IdentifierReader(b"a secret of the tests", None)
ROOM = 32 * 1024
VISITORS = Visitors(random_salts())


def sender(
    received_at: datetime = RECEIVED, scopes: tuple[str, ...] = ("collect", "facts")
) -> Sender:
    return Sender(Caller(1, 1, "site", frozenset(scopes)), received_at, READER, currency="EUR")


def call(
    path: str,
    body: Any = b"",
    query: str = "",
    headers: Mapping[str, str] | None = None,
    received_at: datetime = RECEIVED,
    method: str = "POST",
) -> Call:
    """A request; a body that is no bytes stands for the JSON that the parser made it of."""
    raw = body if isinstance(body, bytes) else raw_text(body, 10**7).encode()
    named = {name.lower(): value for name, value in (headers or {}).items()}
    made = Call(method, path, query, named, raw, received_at, {}, "203.0.113.7", VISITORS)
    if not isinstance(body, bytes):
        made.__dict__["json"] = body
    return made


def endpoint_of(name: str, path: str, method: str = "POST") -> Endpoint:
    """The format's endpoint at the path. Fails where there is none."""
    found = [
        endpoint
        for endpoint in formats()[name].endpoints
        if isinstance(endpoint, Endpoint)
        and method in endpoint.methods
        and path.rstrip("/") in [p.rstrip("/") for p in endpoint.paths]
    ]
    (only,) = found
    return only


def send(name: str, request: Call, who: Sender | None = None) -> Batch:
    """What the format makes of a request. Raises what `messages` raises."""
    endpoint = endpoint_of(name, request.path, request.method)
    who = who or sender(request.received_at)
    return collect_messages(endpoint.messages(request), who, formats()[name], ROOM)


def ignored(batch: Batch) -> int:
    """How many messages there were of which nothing is to be kept."""
    return batch.ignored.count if batch.ignored else 0
