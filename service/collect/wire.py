"""What a wire format is made of. Each is one file in `formats/`, found there by itself.

A request passes the same steps whatever its format:

    read       `Endpoint.messages`: one request into messages, each whole in itself
    recognise, normalise
               `Format.rewrite`: one message into native events
    classify   `native.to_fact`: identifiers, money, moments, campaign, robots; the canonical fact
    append     `ledger.append`: on disk, then `Endpoint.answer`

A message is plain data that says everything `rewrite` needs beside the sender, so that one which
was refused can be mended in the quarantine and rewritten again.
"""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl

import orjson

from service.collect.body import parse_json
from service.collect.native import Sender
from service.collect.visitors import Visitors
from service.kit.errors import BadRequest, Forbidden, ThroughlineError
from service.ledger.append import Receipt

NativeEvent: TypeAlias = dict[str, Any]
"""An item of `POST /v1/events`; `claimed_at` beside its fields is taken out and handed on (see
`native.to_fact`)."""

MAX_FIELDS: Final = 1_000
"""Most fields of one form or query."""

GIF: Final = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
"""One transparent pixel, 42 bytes."""


@dataclass(frozen=True)
class Call:
    """One request of a sender. Header names are lower case; `body` is unpacked; `captured` holds
    the variable parts of the path; `address` is the peer's (of a proxy we trust: its client's), to
    be hashed at most and never kept. `options` are those of the hook, validated, and `public_url`
    the service's own address as senders know it, where the request came to a hook."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime
    captured: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    visitors: Visitors | None = None
    options: Any = None
    public_url: str = ""

    @cached_property
    def asked(self) -> dict[str, str]:
        """The query's fields; of several with one name the first. Raises BadRequest."""
        return form_fields(self.query)

    @cached_property
    def json(self) -> Any:
        """The body as JSON. Raises BadRequest."""
        return parse_json(self.body)

    @cached_property
    def document(self) -> Any:
        """The body as JSON, else as the fields of a form: senders label either as the other.
        Raises BadRequest."""
        text = self.body.lstrip()
        if text[:1] in (b"{", b"[") or "json" in self.headers.get("content-type", ""):
            return self.json
        return form_fields(self.body.decode("utf-8", "replace"))

    @property
    def user_agent(self) -> str:
        return self.headers.get("user-agent", "")[:2_000]

    def visitor(self, site: str, user_agent: str = "", address: str = "") -> str:
        """A cookieless visitor of a site: one id for the same agent and address during one day,
        and nobody's afterwards (see `visitors`)."""
        assert self.visitors is not None
        agent, address = user_agent or self.user_agent, address or self.address
        return self.visitors.visitor(self.received_at, site, agent, address)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer in the words of a protocol."""

    status: int = 200
    body: bytes = b""
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def reply_json(value: Any, status: int = 200) -> Reply:
    return Reply(status, orjson.dumps(value))


def reply_text(text: str, status: int = 200) -> Reply:
    return Reply(status, text.encode(), "text/plain")


def reply_gif() -> Reply:
    return Reply(200, GIF, "image/gif", {"Cache-Control": "no-store"})


@dataclass(frozen=True, kw_only=True)
class Described:
    """How an address appears in the API's description; `summary` empty: not at all.

    `sends` and `says` are examples of the body and of the answer (`says` bytes or text: no JSON);
    `asks` of the query and of the path, each with its description; `fails` of an error's body where the protocol
    has a shape of its own, by the statuses of `failures`.
    """

    paths: tuple[str, ...]
    methods: tuple[str, ...] = ("POST",)
    summary: str = ""
    sends: Any = None
    sends_as: tuple[str, ...] = ("application/json",)
    asks: Mapping[str, tuple[str, Any]] = field(default_factory=dict)
    status: int = 200
    says: Any = None
    says_as: str = "application/json"
    fails: Any = None
    failures: tuple[int, ...] = (400, 401, 403, 413, 503)


@dataclass(frozen=True, kw_only=True)
class Fixed(Described):
    """An address that takes nothing: settings that a client fetches before it sends."""

    answer: Callable[[Call], Reply]


@dataclass(frozen=True, kw_only=True)
class Endpoint(Described):
    """An address that takes messages.

    Every path is served with and without a slash at its end; a path may hold `{names}`.
    `key` gives what the sender says of who he is; `messages` may raise BadRequest for a request
    that makes no sense as a whole. `refuse` None: problem+json. `always`: the answer is the same
    whatever becomes of the message, also where the key is not known (pixels).
    """

    key: Callable[[Call], str | None]
    messages: Callable[[Call], Sequence[Any]]
    answer: Callable[[Call, Receipt], Reply]
    refuse: Callable[[Call, ThroughlineError], Reply] | None = None
    scopes: tuple[str, ...] = ("collect", "facts")
    max_bytes: int = 5 * 2**20
    always: bool = False
    credentials: bool = False


@dataclass(frozen=True, kw_only=True)
class Format:
    """One wire format.

    `rewrite` gives the native events of a message and raises Refusal; `words` turns the first
    matching beginning of a refusal's field into the sender's own; `shown` is what of a message the
    quarantine keeps, `identity` the id under which it lists it.
    """

    name: str
    title: str
    endpoints: tuple[Endpoint | Fixed, ...] = ()
    rewrite: Callable[[Any, int, Sender], list[NativeEvent]]
    words: Mapping[str, str] = field(default_factory=dict)
    shown: Callable[[Any], Any] = lambda message: message
    identity: Callable[[Any], str] = lambda _: ""


def form_fields(text: str) -> dict[str, str]:
    """The fields of a form or query, decoded; of several with one name the first.

    Raises BadRequest for more than MAX_FIELDS.
    """
    found: dict[str, str] = {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise BadRequest(
            "too_many_fields", f"A form or query holds at most {MAX_FIELDS} fields."
        ) from error
    for name, value in pairs:
        found.setdefault(name, value)
    return found


def sent_key(call: Call) -> str | None:
    """The key as any sender may send it: the user name of HTTP Basic (the colon may be missing), a
    bearer token, or, a public key alone, `key` of the query. Raises Forbidden."""
    return header_key(call) or public_key(call)


def header_key(call: Call) -> str | None:
    """The key of the Authorization header, None where it holds none. Never raises."""
    scheme, _, rest = call.headers.get("authorization", "").strip().partition(" ")
    rest = rest.strip()
    if scheme.lower() == "basic":
        return user_name(rest) or None
    return rest or None if scheme.lower() == "bearer" else None


def public_key(call: Call, name: str = "key") -> str | None:
    """The field of the query that holds the key. Raises Forbidden as `in_address` does."""
    return in_address(call.asked.get(name, ""))


def in_address(key: str) -> str | None:
    """A key that stood in an address, None where it is empty. Raises Forbidden for a secret one:
    addresses are written to logs."""
    key = key.strip()
    if key.startswith("sk_"):
        raise Forbidden(
            "secret_in_address",
            "A secret key stood in an address, where logs keep it: end it, make another, "
            "and send that in the Authorization header.",
        )
    return key or None


def user_name(encoded: str) -> str:
    """The user name of HTTP Basic; empty where the text is none."""
    try:
        decoded = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    return decoded.partition(":")[0].strip()


def in_their_words(name: str, words: Mapping[str, str]) -> str:
    """The field of a refusal as the sender calls it."""
    for ours, theirs in words.items():
        if name == ours or name.startswith(f"{ours}."):
            return theirs + name[len(ours) :]
    return name
