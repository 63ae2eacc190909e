"""Consent: whether a visitor agreed to be recognised, and what is kept of one who did not.

A visitor says so by `context.consent` of the event, which wire formats fill from their own signals,
or by the request of his browser: `Sec-GPC: 1` (Global Privacy Control), `DNT: 1`, or the strings of
the IAB's Transparency and Consent Framework in its query (`gdpr=1&gdpr_consent=…`).

What is kept of a fact whose person said no counts and links to nothing: it has one identifier of
its own, made of its source and its id, so that sending it again is a duplicate.

Sources: W3C, Global Privacy Control; IAB Europe, Transparency and Consent String v2.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final, Literal

from service.ledger.nameless import RECORDS, take_person_out

Policy = Literal["ignore", "honour", "require"]
Said = Literal["granted", "denied"]

VISITOR_TYPES: Final = frozenset({"touch", "page", "identify", "group", "track", "consent"})
"""What visitors do; leads, deals and orders are a company's own records."""

UNLINKED: Final = "unlinked"
"""Kind of the identifier of a fact that belongs to nobody; no sender may use it."""

MEASURING: Final = (1, 7, 9)
"""Purposes that measuring needs: store on the device, measure ads, understand audiences."""

_CORE_BITS_BEFORE_PURPOSES: Final = 152
_PURPOSES: Final = 24


def request_says(gpc: Sequence[str], dnt: str, query: Mapping[str, str]) -> Said | None:
    """What a browser's request says of its visitor; None where it says nothing.

    Args: gpc: every `Sec-GPC` header; only the exact `1` counts, and of several any. dnt: the `DNT`
    header; query: fields of the address.
    """
    if "1" in gpc or dnt == "1":
        return "denied"
    return tcf_says(query.get("gdpr", ""), query.get("gdpr_consent", ""))


def tcf_says(applies: str, consent: str) -> Said | None:
    """What a TCF string says about measuring; None where the law does not apply (`gdpr=0`) or
    nothing is said. A string that cannot be read is no consent."""
    if applies != "1":
        return None
    purposes = tcf_purposes(consent)
    return "granted" if purposes is not None and purposes.issuperset(MEASURING) else "denied"


def tcf_purposes(consent: str) -> frozenset[int] | None:
    """The purposes agreed to by a TC string, version 2; None where the text is none."""
    core = consent.partition(".")[0]
    try:
        raw = base64.b64decode(core + "=" * (-len(core) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    length = len(raw) * 8
    if length < _CORE_BITS_BEFORE_PURPOSES + _PURPOSES or raw[0] >> 2 != 2:
        return None
    bits = int.from_bytes(raw) >> (length - _CORE_BITS_BEFORE_PURPOSES - _PURPOSES)
    return frozenset(p for p in range(1, _PURPOSES + 1) if bits >> (_PURPOSES - p) & 1)


def is_denied(
    kind: str, said: str | None, policy: Policy, is_public: bool, signal: Said | None
) -> bool:
    """Whether the person of an event may not be recognised.

    `ignore` looks at nothing. `honour`: what the event says holds; where it says nothing, what the
    visitor's browser says. `require`: whoever did not agree has not, and a browser's no stands
    against an event's yes. Records of a company stay what they are unless they say `denied`.

    Args: kind: type of the event; said: its `context.consent`; signal: of a browser's request.
    """
    if policy == "ignore":
        return False
    if said == "denied":
        return True
    if kind not in VISITOR_TYPES:
        return False
    if policy == "require":
        return signal == "denied" or "granted" not in (said, signal)
    return is_public and said is None and signal == "denied"


def unlinked_id(source_id: int, fact_id: str) -> str:
    """The one identifier of a fact that belongs to nobody, as it is stored."""
    digest = blake2b(f"{source_id}\0{fact_id}".encode(), digest_size=12).hexdigest()
    return f"{UNLINKED}:{digest}"


def forget_person(payload: dict[str, Any], identifier: str, values: Sequence[str]) -> None:
    """Take out of a fact's payload whatever could tell one visitor from another; who he is was not
    written into it.

    Args: identifier: the only one it keeps; values: of the identifiers it came with, which an id
    made of them must not hold.
    """
    take_person_out(payload)
    payload["identifiers"] = [identifier]
    payload.setdefault("consent", "denied")
    payload.get("deal", {}).pop("contacts", None)
    for part in payload.keys() & RECORDS:
        if any(value in payload[part]["id"] for value in values):
            payload[part]["id"] = identifier
