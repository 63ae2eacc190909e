"""Links that count their clicks: `/r/CODE` leads to an address registered beforehand, and nowhere
else. A code on a poster, a QR code and a link in a letter are the same thing.

Invariant: the host, path and fragment of where a click is sent are those of the registration; a
request adds nothing but known click ids and campaign fields to the query, percent-encoded.
"""

import re
import secrets
from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode, urlsplit

from pydantic import AfterValidator, Field, ValidationError

from service.collect.landing import Landing, host_of, read_landing
from service.collect.refusals import refusal_of
from service.collect.schemas import Campaign, Text
from service.collect.wire import Call
from service.kit.errors import Refusal
from service.kit.time import EPOCH, to_micros

CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
# Without letters and digits that are read for one another on paper.
ALPHABET: Final = "23456789abcdefghjkmnpqrstuvwxyz"
MADE_CODE_LENGTH: Final = 8
MAX_TARGET: Final = 2_000
LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})
CLICK_PARAMETER: Final = "tl_click"
CLICK_KIND: Final = "click:tl"
CLICK_LIFE: Final = timedelta(minutes=10)
"""How long after its click an address that carries one still says whose it was: addresses are
passed on, and the second reader is somebody else."""

PARAMETERS: Final = {
    "source": "utm_source",
    "medium": "utm_medium",
    "campaign": "utm_campaign",
    "campaign_id": "utm_id",
    "content": "utm_content",
    "term": "utm_term",
}
_CLICK: Final = re.compile(r"[?&]tl_click=([0-9a-z]{8,9}\.[\w-]{10,40})(?=[&#]|$)")


def _target(value: str) -> str:
    try:
        check_target(value)
    except Refusal as refusal:
        raise ValueError(refusal.detail) from None
    return value


def check_target(target: str) -> None:
    """Whether a click may be sent to the address. Raises Refusal."""

    def bad(why: str) -> Refusal:
        return Refusal("bad_target", "target", why)

    if not 0 < len(target) <= MAX_TARGET:
        raise bad(f"an address has 1 to {MAX_TARGET} characters")
    if not target.isascii() or not target.isprintable() or re.search(r'[\s\\"<>^`{|}]', target):
        raise bad("write the address as a browser copies it: percent-encoded, without spaces")
    try:
        parts = urlsplit(target)
        port_is_good = parts.port is None or parts.port > 0
    except ValueError:
        raise bad("this is no address; write it like https://example.com/spring") from None
    host = parts.hostname or ""
    if parts.scheme not in ("https", "http") or not target[len(parts.scheme) :].startswith("://"):
        raise bad("a whole address begins with https://")
    if "@" in parts.netloc:
        raise bad("an address with a user name before its host hides where it leads")
    if not host or host_of(target) != host.removesuffix(".") or not port_is_good:
        raise bad("the host of the address cannot be read")
    if parts.scheme == "http" and host not in LOCAL:
        raise bad("only https:// protects the visitor on his way (http://localhost is allowed)")


class Link(Campaign):
    """What is registered of a code.

    `sender`: the source of facts that the clicks belong to. `channel` goes before the channel
    rules, as for a poster. `carry_click`: the target is told of the click (`tl_click`), by which
    the snippet there knows whose it was.
    """

    target: Annotated[str, AfterValidator(_target)]
    sender: Annotated[Text, Field(min_length=1)] = "links"
    channel: Text | None = None
    carry_click: bool = False


def read_link(given: Any) -> tuple[str, Link]:
    """The code, made here where none is given, and what is registered of it. Raises Refusal."""
    if not isinstance(given, dict):
        raise Refusal("wrong_type", "", "a link is a JSON object with `target`")
    asked = dict(given)
    code = asked.pop("code", None)
    try:
        link = Link.model_validate(asked)
    except ValidationError as error:
        refusal = refusal_of(error)
        if refusal.field == "target" and isinstance(given.get("target"), str):
            check_target(given["target"])
        raise refusal from None
    if any(getattr(link, n) for n in PARAMETERS) and any(read_landing(link.target)[2:8]):
        raise Refusal(
            "bad_target",
            "target",
            "the address has campaign parameters of its own: name the campaign in one place",
        )
    return new_code() if code is None else check_code(code), link


def check_code(code: object) -> str:
    """The code. Raises Refusal for one that no address could hold."""
    if not isinstance(code, str) or not CODE.fullmatch(code):
        raise Refusal(
            "bad_code", "code", "a code has 1 to 64 letters, digits, - or _, such as spring-poster"
        )
    return code


def new_code() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(MADE_CODE_LENGTH))


def asked_for(query: str) -> Landing:
    """The campaign fields and click ids of a click's own query, cleaned as those of any page."""
    return read_landing(f"https://link.invalid/?{query[:8_000]}")


def new_click(now: datetime) -> str:
    """A name for one click, begun with its moment."""
    return f"{_base36(to_micros(now) // 1_000)}.{secrets.token_urlsafe(12)}"


def click_in(url: str, now: datetime) -> str | None:
    """The click that an address carries, while it is fresh at `now`."""
    found = _CLICK.search(url)
    if found is None:
        return None
    made = timedelta(milliseconds=int(found[1].partition(".")[0], 36))
    # Browsers' clocks are corrected by a second or two at best.
    return found[1] if -timedelta(minutes=1) <= now - EPOCH - made <= CLICK_LIFE else None


def click_event(link: Link, call: Call, asked: Landing, click: str) -> dict[str, Any]:
    """The native event of one click."""
    touch: dict[str, Any] = {"kind": "click", "url": link.target, **fields_of(link, asked)}
    if link.channel:
        touch["channel"] = link.channel
    if asked.click_ids:
        touch["click_ids"] = dict(list(asked.click_ids.items())[:20])
    people = {"anonymous_id": call.visitor(host_of(link.target) or "")}
    if link.carry_click:
        people[CLICK_KIND] = click
    event: dict[str, Any] = {
        "id": f"click:{click}",
        "type": "touch",
        "occurred_at": call.received_at.isoformat(),
        "identifiers": people,
        "touch": touch,
        "context": {"user_agent": call.user_agent},
    }
    if referrer := call.headers.get("referer", ""):
        touch["referrer"] = referrer[:8_000]
    return event


def fields_of(link: Link, asked: Landing) -> dict[str, str]:
    """Campaign fields by name: the registered ones, else those of the registered address, else the
    query's. Never of two: half of one campaign and half of another would be a third that nobody
    ran."""
    for where in (link, read_landing(link.target), asked):
        if found := {name: value for name in PARAMETERS if (value := getattr(where, name))}:
            return found
    return {}


def destination(link: Link, asked: Landing, click: str) -> str:
    """Where a click is sent. Parameters that the registered address has already stay as they are."""
    address, hash_sign, fragment = link.target.partition("#")
    taken = {part.partition("=")[0].lower() for part in urlsplit(address).query.split("&")}
    more = {PARAMETERS[name]: value for name, value in fields_of(link, asked).items()}
    more |= asked.click_ids
    if link.carry_click:
        more[CLICK_PARAMETER] = click
    added = urlencode({n: v for n, v in more.items() if n not in taken}, quote_via=quote)
    if added:
        joint = "" if address.endswith(("?", "&")) else "&" if "?" in address else "?"
        address = f"{address}{joint}{added}"
    return address + hash_sign + fragment


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[rest] + digits
    return digits or "0"
