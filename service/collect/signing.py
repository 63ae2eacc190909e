"""Signatures of webhooks: who holds the secret sent these bytes, and not long ago.

Every comparison takes the same time whatever it compares. During a change of secrets each of them
is tried. Sources: standardwebhooks.com; the vendors' own packages.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

from service.kit.errors import Unauthenticated

TOLERANCE: Final = timedelta(minutes=5)
"""How far a signed moment may lie from its arrival, either way."""

Algorithm = Literal["sha256", "sha1", "sha512"]
Encoding = Literal["hex", "base64"]
_SECONDS: Final = re.compile(r"[0-9]{1,17}")


def signature_of(
    secret: bytes, signed: bytes, algorithm: Algorithm = "sha256", encoding: Encoding = "hex"
) -> str:
    """HMAC of the bytes."""
    digest = hmac.digest(secret, signed, algorithm)
    return digest.hex() if encoding == "hex" else base64.b64encode(digest).decode()


def check_signature(given: Iterable[str], expected: Sequence[str]) -> None:
    """Any of the given signatures is one of the expected ones. Raises Unauthenticated."""
    matched = False
    for one in given:
        for other in expected:
            matched |= hmac.compare_digest(one.encode(), other.encode())
    if not matched:
        raise Unauthenticated(
            "bad_signature", "The signature is not of this body and secret; check the secret."
        )


def check_age(written: str, received_at: datetime, unit: Literal["s", "ms"] = "s") -> None:
    """The signed moment, in Unix time, is at most TOLERANCE away. Raises Unauthenticated."""
    if not _SECONDS.fullmatch(written):
        raise Unauthenticated("bad_signature", "The signed timestamp is missing or no number.")
    distance = received_at.timestamp() - int(written) / (1 if unit == "s" else 1000)
    if abs(distance) > TOLERANCE.total_seconds():
        raise Unauthenticated(
            "stale_signature",
            "The signed moment is more than 5 minutes away; check the clocks, or send it anew.",
        )


def check_basic(authorization: str, user: str, password: str) -> None:
    """HTTP Basic with this user name and password. Raises Unauthenticated."""
    scheme, _, rest = authorization.strip().partition(" ")
    try:
        given = base64.b64decode(rest.strip(), validate=True)
    except (binascii.Error, ValueError):
        given = b""
    right = hmac.compare_digest(given, f"{user}:{password}".encode())
    if scheme.lower() != "basic" or not right:
        raise Unauthenticated(
            "bad_password", "Send the hook's user name and password by HTTP Basic."
        )


def standard_secret(secret: str) -> bytes:
    """The key behind `whsec_…`. Raises ValueError."""
    return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
