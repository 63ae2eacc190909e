"""A postback: a network or tracker tells that a click of its own became a lead or a sale.

The conversion is a deal, of the transaction's id, so that the same transaction told again with
another status or amount changes it; a status of leads makes the lead of that id. Without such an id
a click has one conversion. The click is an identifier of a person, by which the deal meets the
visit or touch that carried it.

A postback has no id of its own and is named by what it says: the same words again are a duplicate,
so a network that goes back to an earlier status had better send its time.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import ROUND_HALF_EVEN, Decimal
from hashlib import blake2b
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

from service.collect.channels.rules import click_ids
from service.collect.channels.values import clean_value
from service.collect.crm import Record, currency_of, events_of
from service.collect.hooks import TARGETS, HookOptions
from service.collect.moments import iso_moment
from service.collect.native import Sender
from service.collect.picking import mapping
from service.collect.postback_words import ALIASES, CLICKS, IN_ADDRESS, STAGES
from service.collect.schemas import Text
from service.collect.segment import encoded
from service.collect.wire import NativeEvent
from service.kit.currencies import minor_digits
from service.kit.errors import Refusal
from service.kit.money import to_text

PLAIN: Final = ("click", *ALIASES)
MAX_VALUE: Final = 1_000
MOST_DIGITS: Final = 20
"""Of an amount that is rounded; more is out of every range."""

TOUCHES: Final = {"click": "click", "impression": "impression", "view": "impression"}


def _target(value: str) -> str:
    if value not in PLAIN and (not value.startswith(TARGETS) or value.endswith(".")):
        raise ValueError(
            f"{value!r} is none of {', '.join(PLAIN)}, nor begins with one of {', '.join(TARGETS)}"
        )
    return value


class PostbackOptions(HookOptions):
    """`fields`: what else they call a field → what it is, before the names that are known anyway.
    `click`: what the click id is called where it arrives, in links or touches; empty: as it is
    called in the postback, or `clickid`. `status`: of postbacks that name none. `round_amounts`:
    amounts with more decimals than the currency has are rounded, half to even, and not refused."""

    fields: dict[Text, Annotated[Text, AfterValidator(_target)]] = Field(
        default_factory=dict, max_length=200
    )
    click: Annotated[str, Field(pattern=r"^([a-z][a-z0-9_]{0,39})?$")] = ""
    status: Text = "sale"
    time: Text = ""
    round_amounts: bool = False


def fields_of(given: Mapping[str, Any]) -> dict[str, str]:
    """The fields that say something, by lower-case names; macros that nobody filled in say nothing."""
    found: dict[str, str] = {}
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            continue
        if (kept := clean_value(str(value), MAX_VALUE)) is not None:
            found.setdefault(_plain(name), kept)
    return found


def read_postback(message: Any, _: int, sender: Sender) -> list[NativeEvent]:
    """The native events of a postback's fields. Raises Refusal."""
    options: PostbackOptions = sender.options
    given = fields_of(mapping(message))
    said = _said(given, options)
    kind, click = _click(given, said, options)
    transaction = said.get("id", "")
    if not transaction and not click:
        raise Refusal(
            "missing_identifiers",
            "click_id",
            "a postback names the click (click_id, subid …) or the transaction (tid …)",
        )
    status = said.get("status", options.status).lower()
    when: dict[str, Any] = {}
    if "time" in said:
        moment = iso_moment(said["time"], "time", options.timezone, options.time)
    else:
        moment, when = sender.received_at.isoformat(), {"claimed_at": ""}
    touched = said.get("touch_time")
    record = Record(
        event_id=f"postback:{blake2b(encoded(given), digest_size=16).hexdigest()}",
        occurred_at=moment,
        kind="lead",
        object_id=(transaction or f"click:{click}")[:150],
        statuses=(status,),
        reason=said.get("reason", ""),
        amount=_amount(said, sender),
        currency=said.get("currency", ""),
        people={f"click:{kind}": click} if click else {},
        touch=_touch(said, kind, click),
        custom={**said, **given},
        created_at=iso_moment(touched, "touch_time", options.timezone, options.time)
        if touched
        else "",
    )
    here = options.model_copy(
        update={"stages": _stages(status, given, options), "fields": _places(given, options)}
    )
    return [{**when, **event} for event in events_of(record, replace(sender, options=here))]


def _said(given: Mapping[str, str], options: PostbackOptions) -> dict[str, str]:
    """The values by what they are: as the options say, else by the names that are known anyway."""
    found: dict[str, str] = {}
    for theirs, ours in sorted(options.fields.items()):
        if (value := given.get(_plain(theirs))) is not None:
            found.setdefault(ours, value)
    for ours, names in ALIASES.items():
        if ours not in found and (name := next((n for n in names if n in given), None)):
            found[ours] = given[name]
    return found


def _click(
    given: Mapping[str, str], said: Mapping[str, str], options: PostbackOptions
) -> tuple[str, str]:
    """What the click id is called where it arrives, and the id; empty where there is none."""
    if "click" in said:
        return options.click or "clickid", said["click"]
    name = next((n for n in (*filter(None, (options.click,)), *CLICKS) if n in given), "")
    if not name:
        return "", ""
    return options.click or (name if name in click_ids() else "clickid"), given[name]


def _stages(status: str, given: Mapping[str, str], options: PostbackOptions) -> dict[str, str]:
    """What this status means: as the address itself says, as the options say, or by itself."""
    for name, stage in IN_ADDRESS.items():
        words = (word.strip().lower() for word in given.get(name, "").split(","))
        if status in words:
            return {status: _with_reason(stage, status)}
    told = {theirs.lower(): ours for theirs, ours in options.stages.items()}
    meaning = told.get(status) or _with_reason(STAGES.get(status, ""), status)
    return {status: meaning} if meaning else {}


def _with_reason(stage: str, status: str) -> str:
    return f"lost:{status}" if stage == "lost" else stage


def _places(given: Mapping[str, str], options: PostbackOptions) -> dict[str, str]:
    """Their fields that go into parts of the event."""
    found = {_plain(n): ours for n, ours in options.fields.items() if ours.startswith(TARGETS)}
    if "cost" in given and "segment.cost" not in found.values():
        found["cost"] = "segment.cost"
    return found


def _touch(said: Mapping[str, str], kind: str, click: str) -> dict[str, Any]:
    """The contact that the network says it was: only where it says more of it than the click's id,
    for the click itself was seen where it arrived."""
    type_ = TOUCHES.get(said.get("touch_type", "").lower())
    if type_ is None and not any(name.startswith("touch.") for name in said):
        return {}
    clicks = {"click_ids": {kind: click}} if click else {}
    return {"kind": type_ or "click", **clicks}


def _amount(said: Mapping[str, str], sender: Sender) -> str | None:
    amount = said.get("amount")
    options: PostbackOptions = sender.options
    if amount is None or not options.round_amounts:
        return amount
    currency = currency_of(said.get("currency", ""), sender)
    try:
        exact = Decimal(amount).scaleb(minor_digits(currency))
        if exact.adjusted() > MOST_DIGITS:  # to write it out would take half a minute
            return amount
        return to_text(int(exact.to_integral_value(ROUND_HALF_EVEN)), currency)
    except (ArithmeticError, ValueError):
        return amount  # is refused with its reason


def _plain(name: str) -> str:
    return name.strip().lower().replace("-", "_")
