"""A pixel for places where no script runs: who saw an advertisement, who opened an e-mail.

Its answer is the same picture whatever becomes of the message: a broken image is no way to tell an
integrator, the quarantine is. Everything stands in the address, and addresses are written to logs:
so a recipient is named by a user id or a hash, and never by his e-mail address.
"""

import re
from hashlib import blake2b
from typing import Any, Final
from uuid import uuid4

from service.collect.bots import is_bot
from service.collect.channels.values import clean_value
from service.collect.landing import host_of
from service.collect.native import DIMENSIONS, Sender
from service.collect.picking import mapping, text
from service.collect.wire import Call, Endpoint, Format, NativeEvent, public_key, reply_gif
from service.kit.errors import Refusal

KINDS: Final = ("impression", "email_open")
RECIPIENTS: Final = ("user_id", "crm_contact_id", "email_sha256", "anonymous_id")

# Gmail and Yahoo fetch a picture when the message is opened, on behalf of the reader.
_READERS_PROXY: Final = re.compile(r"GoogleImageProxy|YahooMailProxy", re.IGNORECASE)
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def messages(call: Call) -> list[Any]:
    """The pixel's parameters with an `id`, the `agent`, and the `visitor` where it names nobody.

    Parameters whose macros were not filled in count as missing.
    """
    said = {name: kept for name, value in call.asked.items() if (kept := clean_value(value, 1_000))}
    message: dict[str, Any] = {
        n: said[n] for n in (*DIMENSIONS, "kind", "id", "email_id") if n in said
    }
    people = {name: said[name] for name in RECIPIENTS if name in said}
    # Kept out of the quarantine: an address in the clear is what must not be kept.
    message["recipient"] = {n: "hidden" if "@" in v else v for n, v in people.items()}
    message["agent"] = call.user_agent
    page = call.headers.get("referer", "")[:8_000]
    if not people and message.get("kind") != "email_open":
        message["visitor"] = call.visitor(host_of(page) or "")
    if host_of(page):
        message["referrer"] = page
    message.setdefault("id", _identity(message))
    return [message]


def _identity(message: dict[str, Any]) -> str:
    """An impression is one each time; an e-mail is opened once by each recipient, and once more by
    the machines on its way to him."""
    if "email_id" not in message or not message["recipient"]:
        return f"pixel:{uuid4()}"
    said = [message["email_id"], *sorted(message["recipient"].items())]
    digest = blake2b(repr(said).encode(), digest_size=16).hexdigest()
    early = "early:" if is_bot(_agent(message["agent"])) else ""
    return f"open:{early}{digest}"


def _agent(agent: str) -> str:
    """What to judge the reader by; empty where a proxy stands for him."""
    return "" if _READERS_PROXY.search(agent) else agent


def rewrite(message: Any, _: int, sender: Sender) -> list[NativeEvent]:
    """A touch of the kind. Raises Refusal."""
    given = mapping(message)
    kind, recipient = given.get("kind", "impression"), mapping(given.get("recipient"))
    if kind not in KINDS:
        raise Refusal("unknown_value", "kind", f"a pixel's kind is {' or '.join(KINDS)}")
    people = recipient or {"anonymous_id": given.get("visitor")}
    if kind == "email_open" and not recipient:
        raise Refusal(
            "missing_identifiers",
            "user_id",
            f"an open needs its recipient: one of {', '.join(RECIPIENTS)}, filled in by the sender",
        )
    for name, value in people.items():
        if value == "hidden":
            raise Refusal(
                "bad_identifier",
                name,
                "an e-mail address in an address ends in logs: send a user id, or email_sha256",
            )
    if "email_sha256" in people:
        people = {**people, "email_sha256": text(people["email_sha256"]).lower()}
    if not _SHA256.fullmatch(people.get("email_sha256", "0" * 64)):
        raise Refusal(
            "bad_identifier",
            "email_sha256",
            "this is no SHA-256: hash the trimmed, lower-case address, and write 64 hex digits",
        )
    touch = {"kind": kind, **{n: given[n] for n in DIMENSIONS if n in given}}
    if kind == "email_open":
        touch.setdefault("medium", "email")
    if "referrer" in given and kind == "impression":
        touch["referrer"] = given["referrer"]
    return [
        {
            "id": given.get("id"),
            "type": "touch",
            "occurred_at": sender.received_at.isoformat(),
            "claimed_at": "",
            "identifiers": people,
            "touch": touch,
            "context": {"user_agent": _agent(text(given.get("agent"), 2_000))},
        }
    ]


FORMAT = Format(
    name="pixel",
    title="Pixel",
    endpoints=(
        Endpoint(
            paths=("/pixel.gif",),
            methods=("GET",),
            summary="Count an impression or an opened e-mail",
            asks={
                "key": ("A key with scope `collect` alone.", "pk_PUBLIC_KEY"),
                "kind": ("`impression` or `email_open`.", "impression"),
                "source": ("Of the campaign, as utm_source.", "example-network"),
                "medium": ("As utm_medium.", "display"),
                "campaign": ("As utm_campaign.", "spring"),
                "campaign_id": ("As utm_id.", "42"),
                "content": ("Which advertisement, as utm_content.", "banner-1"),
                "term": ("As utm_term.", "crm"),
                "id": ("The same for what is the same: counted once.", "view-1"),
                "email_id": ("The message; each recipient opens it once.", "letter-7"),
                "user_id": ("The recipient, as the website knows him.", "u-1"),
                "crm_contact_id": ("The recipient, as the CRM knows him.", "c-1"),
                "email_sha256": ("Hash of the recipient's address.", "0" * 63 + "1"),
                "anonymous_id": ("The browser, as the website's snippet knows it.", "a-1"),
            },
            says="GIF89a",
            says_as="image/gif",
            key=public_key,
            messages=messages,
            answer=lambda _call, _receipt: reply_gif(),
            always=True,
        ),
    ),
    rewrite=rewrite,
    words={
        "touch.source": "source",
        "touch.medium": "medium",
        "touch.campaign_id": "campaign_id",
        "touch.campaign": "campaign",
        "identifiers": "user_id",
    },
    identity=lambda message: text(mapping(message).get("id")),
)
