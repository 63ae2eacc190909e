"""Signatures of mapped webhooks: each form is checked, and its moment; what was changed is refused."""

import hmac
from base64 import b64decode, b64encode
from typing import Any

import orjson
import pytest

from service.kit.errors import Refusal, Unauthenticated
from tests.collect.hooked import posted
from tests.collect.sending import RECEIVED
from tests.collect.test_webhook import DEAL, EVENT

SIGNED: dict[str, dict[str, Any]] = {
    "hex": {"signature_header": "X-Sign", "secret": "one", "old_secret": "two"},
    "github": {"signature_header": "X-Sign", "secret": "one", "signature_prefix": "sha256="},
    "sha1": {"signature_header": "X-Sign", "secret": "one", "algorithm": "sha1", "encoding": "base64"},
    "moment": {"signature_header": "X-Sign", "secret": "one", "timestamp_header": "X-Time"},
    "slack": {
        "signature_header": "X-Sign", "secret": "one", "timestamp_header": "X-Time",
        "signed": "v0:{timestamp}:{body}", "signature_prefix": "v0=",
    },
    "stripe": {
        "signature_header": "X-Sign", "secret": "one", "timestamp_header": "X-Time",
        "signature_prefix": "v1=",
    },
}  # fmt: skip
BODY = orjson.dumps(EVENT)
NOW = str(int(RECEIVED.timestamp()))


def hexed(secret: bytes, signed: bytes, algorithm: str = "sha256") -> str:
    return hmac.new(secret, signed, algorithm).hexdigest()


@pytest.mark.parametrize(
    ("name", "header", "moment"),
    [
        ("hex", hexed(b"one", BODY), None),
        ("hex", hexed(b"one", BODY).upper(), None),
        ("hex", hexed(b"two", BODY), None),
        ("github", "sha256=" + hexed(b"one", BODY), None),
        ("sha1", b64encode(bytes.fromhex(hexed(b"one", BODY, "sha1"))).decode(), None),
        ("moment", hexed(b"one", NOW.encode() + b"." + BODY), NOW),
        ("slack", "v0=" + hexed(b"one", b"v0:" + NOW.encode() + b":" + BODY), NOW),
        ("stripe", "t=1,v1=00,v1=" + hexed(b"one", NOW.encode() + b"." + BODY), NOW),
    ],
)
def test_signatures(name: str, header: str, moment: str | None) -> None:
    options = {**DEAL, **SIGNED[name]}
    headers = {"x-sign": header, **({"x-time": moment} if moment else {})}
    assert posted("webhook", BODY, options, **headers).facts
    wrong = [
        (BODY + b" ", headers),
        (BODY, {**headers, "x-sign": header[:-2] + ("00" if header[-2:] != "00" else "11")}),
        (BODY, {**headers, "x-sign": ""}),
        (BODY, {}),
    ]
    if moment:
        wrong.append((BODY, {**headers, "x-time": str(int(moment) + 1)}))
    for body, sent in wrong:
        with pytest.raises(Unauthenticated):
            posted("webhook", body, options, **sent)


@pytest.mark.parametrize(("seconds", "good"), [(-299, 1), (299, 1), (-301, 0), (301, 0)])
@pytest.mark.parametrize("standard", [False, True])
def test_five_minutes(seconds: int, good: int, standard: bool) -> None:
    stamp = str(int(NOW) + seconds)
    secret = "whsec_" + b64encode(b"a secret of 24 bytes....").decode()
    if standard:
        options = {**DEAL, "standard": True, "secret": secret}
        digest = hmac.new(
            b64decode(secret.removeprefix("whsec_")), f"msg_1.{stamp}.".encode() + BODY, "sha256"
        ).digest()
        headers = {
            "webhook-id": "msg_1",
            "webhook-timestamp": stamp,
            "webhook-signature": f"v1,AAAA v1,{b64encode(digest).decode()} v2,x",
        }
    else:
        options = {**DEAL, **SIGNED["moment"]}
        headers = {"x-time": stamp, "x-sign": hexed(b"one", stamp.encode() + b"." + BODY)}
    if good:
        assert posted("webhook", BODY, options, **headers).facts
    else:
        with pytest.raises(Unauthenticated, match="5 minutes"):
            posted("webhook", BODY, options, **headers)


def test_the_id_of_a_standard_webhook_names_its_message() -> None:
    options: dict[str, Any] = {"constants": {"kind": "lead"}, "fields": {"m": "identifiers.email"}}
    secret = b64encode(b"a secret of 24 bytes....").decode()
    body = b'{"m": "ann@acme.example"}'
    digest = hmac.new(b64decode(secret), f"msg_1.{NOW}.".encode() + body, "sha256").digest()
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": NOW,
        "webhook-signature": f"v1,{b64encode(digest).decode()}",
    }
    found = posted("webhook", body, {**options, "standard": True, "secret": secret}, **headers)
    assert [fact.fact_id for fact in found.facts] == ["msg_1"]


@pytest.mark.parametrize(
    "options",
    [
        {"signature_header": "X"},
        {"standard": True},
        {"standard": True, "secret": "whsec_~"},
        {"secret": "x"},
        {"user": "u"},
        {"secret": "x", "signature_header": "X", "timestamp_header": "T", "signed": "{body}"},
        {"secret": "x", "signature_header": "X", "signed": "{timestamp}"},
    ],
)
def test_options_that_would_verify_nothing(options: dict[str, Any]) -> None:
    with pytest.raises(Refusal):
        posted("webhook", EVENT, {**DEAL, **options})
