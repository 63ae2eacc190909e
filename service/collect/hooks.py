"""Formats whose senders post to an address of their own: CRMs' webhooks, networks' postbacks.

Such a format is one file in `formats/` like every other; its `FORMAT` is a HookFormat. The address
is `/v1/webhooks/{key}` or, for ad networks, `/postback/{key}`; the key says which hook it is, and
the hook's options what its sender's words mean.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import httpx
from pydantic import AfterValidator, Field, ValidationError

from service.collect.formats import formats
from service.collect.refusals import refusal_of
from service.collect.schemas import Part, Text
from service.collect.wire import Call, Format, Reply
from service.kit.currencies import parse_currency
from service.kit.errors import Refusal, ThroughlineError
from service.ledger.append import Receipt

OURS: Final = ("lead", "mql", "sql", "opportunity", "won", "lost", "rejected", "ignore")
"""What a status of theirs may mean; `rejected:reason` and `lost:reason` give the reason too, and
`ignore` keeps the fact out of the funnel."""

TARGETS: Final = ("identifiers.", "touch.", "click_ids.", "segment.", "account.")
"""Where a field of theirs may go; `touch.source` as `utm_source`, and so on."""


def _stage(value: str) -> str:
    stage, _, reason = value.partition(":")
    if stage not in OURS or (reason and stage not in ("rejected", "lost")):
        raise ValueError(f"{value!r} is not one of {', '.join(OURS)}, rejected:why or lost:why")
    return value


def _target(value: str) -> str:
    if not value.startswith(TARGETS) or value.endswith("."):
        raise ValueError(f"{value!r} does not begin with one of {', '.join(TARGETS)}")
    return value


def _currency(value: str) -> str:
    if not value:
        return value
    try:
        return parse_currency(value)
    except Refusal as refusal:
        raise ValueError(refusal.detail) from None


def _zone(value: str) -> str:
    try:
        return ZoneInfo(value).key if value else ""
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{value[:60]!r} is no IANA time zone such as Europe/Berlin") from None


class HookOptions(Part):
    """What is configured of every hook.

    `secret` signs the sender's requests, where the format has signatures. `stages`: their status
    (its id or its name) → ours, see OURS. `fields`: their custom field → ours, see TARGETS.
    `currency` of amounts that name none; empty: the reporting currency. `timezone` of moments
    without an offset; empty: such moments are refused. `id_prefix` goes before the ids of leads,
    deals and contacts, for deployments with two CRMs.
    """

    secret: Text = Field("", description="Signs the sender's requests.", repr=False)
    stages: dict[Text, Annotated[Text, AfterValidator(_stage)]] = Field(
        default_factory=dict, max_length=500
    )
    fields: dict[Text, Annotated[Text, AfterValidator(_target)]] = Field(
        default_factory=dict, max_length=200
    )
    currency: Annotated[Text, AfterValidator(_currency)] = ""
    timezone: Annotated[Text, AfterValidator(_zone)] = ""
    id_prefix: Annotated[str, Field(max_length=40, pattern=r"^[\w:.-]*$")] = ""


class TryLater(Exception):
    """An errand could not be run now. `wait`: how long the sender asked to be left alone, by all
    errands to him; None: this one comes back by the number of its attempts."""

    def __init__(self, why: str, wait: timedelta | None = None) -> None:
        super().__init__(why)
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Errand:
    """Something to ask a sender for whose request only named it; `name`: of the thing asked for,
    since of two requests that name the same one the later is enough."""

    name: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class HookFormat(Format):
    """A format with an address of its own.

    `options`: the model of what may be configured. `verify` raises Unauthenticated for a request
    that its sender did not make; the options are validated. `messages`, `answer` and `refuse` as of
    `wire.Endpoint`. `place`: under which of the two addresses; `docs`: what to paste where.
    `errands`: what a request only names; kept before it is answered. `fetch` runs one of them later
    (see `fetching`): its payload, the hook's options and a client give a message to rewrite. It
    raises Refusal if that is in vain for ever, and TryLater.
    """

    options: type[HookOptions] = HookOptions
    verify: Callable[[Call, Any], None] = lambda _call, _options: None
    messages: Callable[[Call], Sequence[Any]]
    answer: Callable[[Call, Receipt], Reply]
    refuse: Callable[[Call, ThroughlineError], Reply] | None = None
    errands: Callable[[Call], Sequence[Errand]] | None = None
    fetch: Callable[[Mapping[str, Any], Any, httpx.Client], Any] | None = None
    place: Literal["webhooks", "postback"] = "webhooks"
    methods: tuple[str, ...] = ("POST",)
    max_bytes: int = 2**20


def hook_formats() -> dict[str, HookFormat]:
    """The formats that need a hook, by name."""
    return {name: wire for name, wire in formats().items() if isinstance(wire, HookFormat)}


def validated(kind: str, options: Mapping[str, Any]) -> HookOptions:
    """The options as the format's own model. Raises Refusal."""
    wire = hook_formats().get(kind)
    if wire is None:
        known = ", ".join(hook_formats())
        raise Refusal("unknown_value", "kind", f"a hook is of one of the kinds {known}")
    try:
        return wire.options.model_validate(dict(options))
    except ValidationError as error:
        # Not the value: it may be a secret.
        refusal = refusal_of(error)
        detail = refusal.detail.rpartition("; got ")[0]
        where = f"options.{refusal.field}".removesuffix(".")
        raise Refusal(refusal.code, where, detail) from None


HIDDEN: Final = "hidden"
"""Stands for a secret wherever options are shown, and keeps it where they are given back."""


def secrets_of(kind: str) -> list[str]:
    """The options that are shown to nobody: those kept out of the model's `repr`."""
    wire = hook_formats().get(kind)
    model = wire.options if wire else HookOptions
    return [name for name, found in model.model_fields.items() if not found.repr]


def without_secrets(kind: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options as they may be shown."""
    hidden = secrets_of(kind)
    return {n: HIDDEN if n in hidden and value else value for n, value in options.items()}


def renewed(kind: str, given: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """New options to store in place of those before (none of a new hook), a secret that was shown
    as hidden kept. Raises Refusal."""
    shown = [name for name in secrets_of(kind) if given.get(name) == HIDDEN]
    for name in shown:
        if not before.get(name):
            raise Refusal("unknown_value", f"options.{name}", "there is none yet; give it itself")
    kept = {name: before[name] for name in shown}
    return validated(kind, {**given, **kept}).model_dump(exclude_defaults=True)


def address_of(kind: str, key: str, public_url: str) -> str:
    """Where the hook's sender posts to."""
    place = {"webhooks": "v1/webhooks", "postback": "postback"}[hook_formats()[kind].place]
    return f"{public_url}/{place}/{key}"
