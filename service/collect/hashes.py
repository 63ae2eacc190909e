"""What ad platforms match people by: plain SHA-256 of an address or number, each in its own way.

Such a hash can be guessed from a list of addresses, so it is kept only where the deployment asks for
it and the person agreed; the identity of people rests on the keyed hash of `identifiers`.

| kind | of | for |
|---|---|---|
| `email_sha256` | the address trimmed and in lower case | Meta, Microsoft, LinkedIn, Google |
| `google_email_sha256` | the same without the points before `@gmail.com` | Google, where it differs |
| `phone_sha256` | E.164 with its plus | Google, Microsoft |
| `phone_digits_sha256` | the digits alone | Meta |

Sources: Google Ads, "Format your data" of enhanced conversions; the normalisation of Meta's
official business SDK.
"""

import hashlib
from collections.abc import Mapping
from typing import Final

from service.collect.identifiers import normal_phone

_GMAIL: Final = frozenset({"gmail.com", "googlemail.com"})


def sha256(text: str) -> str:
    """64 hexadecimal digits of the text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def google_email(address: str) -> str:
    """The address as Google hashes it. `address` is trimmed and in lower case."""
    local, at, domain = address.rpartition("@")
    return local.replace(".", "") + at + domain if domain in _GMAIL else address


def advertising_hashes(people: Mapping[str, object], region: str | None) -> dict[str, str]:
    """The hashes of an event's `email` and `phone`, by kind.

    Args: people: native identifiers as given; region: of numbers without a country code.
    """
    found: dict[str, str] = {}
    email, phone = people.get("email"), people.get("phone")
    if isinstance(email, str) and "@" in email:
        address = email.strip().lower()
        found["email_sha256"] = sha256(address)
        if (googles := google_email(address)) != address:
            found["google_email_sha256"] = sha256(googles)
    if isinstance(phone, str | int) and not isinstance(phone, bool):
        number = str(normal_phone(str(phone), region)).partition(";")[0]
        if number.startswith("+"):
            found["phone_sha256"] = sha256(number)
            found["phone_digits_sha256"] = sha256(number[1:])
    return found
