"""What is configured of a mapped webhook, and whether a request is its sender's."""

from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from service.collect.hooks import TARGETS, HookOptions
from service.collect.paths import steps_of
from service.collect.schemas import Scalar, Text
from service.collect.signing import (
    Algorithm,
    Encoding,
    check_age,
    check_basic,
    check_signature,
    signature_of,
    standard_secret,
)
from service.collect.wire import Call

PLAIN: Final = (
    "event_id",
    "occurred_at",
    "created_at",
    "kind",
    "object_id",
    "status",
    "amount",
    "currency",
    "reason",
    "name",
    "lead_id",
)
"""What else a field of theirs may be beside `hooks.TARGETS`."""

Kind = Literal["touch", "lead", "deal", "order", "contact", "ignore"]


def _target(value: str) -> str:
    if value not in PLAIN and (not value.startswith(TARGETS) or value.endswith(".")):
        raise ValueError(
            f"{value!r} is none of {', '.join(PLAIN)}, nor begins with one of {', '.join(TARGETS)}"
        )
    return value


def _path(value: str) -> str:
    for one in value.split("|"):
        steps_of(one)
    return value


Target = Annotated[Text, AfterValidator(_target)]
Path = Annotated[Text, AfterValidator(_path)]


class WebhookOptions(HookOptions):
    """`items`: where the array of messages stands; empty: the body is one message, or an array.
    `fields`: where a value stands → what it is; several paths with `|` between them, the first that
    says something counts; with `items`, a path that begins with `$` starts from the whole body.
    `constants`: what is so where no field says it. `kinds`: their word → our kind of message.
    `time`: `s`, `ms` or a pattern of `strptime` where the size of a number does not tell.

    Signed either by an HMAC in `signature_header` over `signed` (of `{body}`, and `{timestamp}` of
    `timestamp_header`), or as Standard Webhooks (`standard`), or by HTTP Basic (`password`).
    `old_secret` is taken too while secrets are changed.
    """

    items: Annotated[Text, AfterValidator(lambda path: path and _path(path))] = ""
    fields: dict[Path, Target] = Field(default_factory=dict, max_length=200)
    constants: dict[Target, Scalar] = Field(default_factory=dict, max_length=100)
    kinds: dict[Text, Kind] = Field(default_factory=dict, max_length=200)
    time: Text = ""
    decimal: Literal[".", ","] = "."
    amounts_in: Literal["major", "minor"] = "major"
    old_secret: Text = Field("", repr=False)
    signature_header: Text = ""
    signature_prefix: Text = ""
    algorithm: Algorithm = "sha256"
    encoding: Encoding = "hex"
    timestamp_header: Text = ""
    signed: Text = ""
    standard: bool = False
    user: Text = ""
    password: Text = Field("", repr=False)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        signs = bool(self.signature_header) or self.standard
        if signs and not self.secret:
            raise ValueError("a signature needs a secret")
        if self.secret and not signs:
            raise ValueError("say where the signature stands: signature_header, or standard")
        if self.user and not self.password:
            raise ValueError("HTTP Basic needs a password")
        if self.timestamp_header and self.signed and "{timestamp}" not in self.signed:
            raise ValueError("a timestamp that is not signed proves nothing")
        if self.signed and "{body}" not in self.signed:
            raise ValueError("what is signed must hold {body}")
        if self.standard:
            for secret in filter(None, (self.secret, self.old_secret)):
                standard_secret(secret)
        return self


def verify_webhook(call: Call, options: WebhookOptions) -> None:
    """Raises Unauthenticated."""
    if options.password:
        check_basic(call.headers.get("authorization", ""), options.user, options.password)
    if options.standard:
        _verify_standard(call, options)
    elif options.signature_header:
        _verify_header(call, options)


def _verify_header(call: Call, options: WebhookOptions) -> None:
    timestamp = call.headers.get(options.timestamp_header.lower(), "").strip()
    form = options.signed or ("{timestamp}.{body}" if options.timestamp_header else "{body}")
    before, _, after = form.replace("{timestamp}", timestamp).partition("{body}")
    signed = before.encode() + call.body + after.encode()
    given = call.headers.get(options.signature_header.lower(), "").strip()
    if options.signature_prefix:
        parts = (part.strip() for part in given.split(","))
        prefix = options.signature_prefix
        found = [part.removeprefix(prefix) for part in parts if part.startswith(prefix)]
    else:
        found = [given]
    if options.encoding == "hex":
        found = [one.lower() for one in found]
    secrets = filter(None, (options.secret, options.old_secret))
    check_signature(
        found,
        [signature_of(s.encode(), signed, options.algorithm, options.encoding) for s in secrets],
    )
    if options.timestamp_header:
        check_age(timestamp, call.received_at, "ms" if len(timestamp) > 11 else "s")


def _verify_standard(call: Call, options: WebhookOptions) -> None:
    name, timestamp = (call.headers.get(f"webhook-{part}", "") for part in ("id", "timestamp"))
    signed = f"{name}.{timestamp}.".encode() + call.body
    signatures = call.headers.get("webhook-signature", "").split(" ")
    found = [one.removeprefix("v1,") for one in signatures if one.startswith("v1,")]
    secrets = filter(None, (options.secret, options.old_secret))
    check_signature(
        found, [signature_of(standard_secret(s), signed, "sha256", "base64") for s in secrets]
    )
    check_age(timestamp, call.received_at)
