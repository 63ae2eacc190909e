"""Spend lines: what an account was billed for one placement on one day.

A line has no identity of its own: its day and dimensions name it, and the latest statement about
them holds. So a line posted again restates, and the same words again are a duplicate.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from hashlib import blake2b
from typing import Annotated, Any, Literal

import orjson
from pydantic import BeforeValidator, Field, ValidationError

from service.collect.intake import collect
from service.collect.native import EARLIEST, TRUSTED_AHEAD, Sender, parse_moment
from service.collect.refusals import refusal_of
from service.collect.schemas import Amount, Id, Part, Text
from service.collect.vat import net_and_tax, parse_rate
from service.kit.currencies import parse_currency
from service.kit.errors import Refusal
from service.kit.money import parse_amount
from service.kit.time import to_micros, zone_of
from service.ledger.append import Batch, NewFact

DIMENSIONS = ("source", "medium", "campaign_id", "campaign", "ad_group", "ad", "term")
LARGEST_COUNT = 10**15
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_WHOLE = re.compile(r"-?\d{1,16}(?:\.0+)?")


def _trimmed(value: Any) -> Any:
    """Text without spaces around it."""
    return value.strip() if isinstance(value, str) else value


def _said(value: Any) -> Any:
    """Text without spaces around it; nothing left is nothing said."""
    return _trimmed(value) or None if isinstance(value, str) else value


def _whole(value: Any) -> Any:
    # Tables know numbers as text only, and write a count as 12.0 where other rows have none.
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and not value.strip():
        return None
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(value.strip().partition(".")[0])
    return value


Word = Annotated[Text | None, BeforeValidator(_said)]
Number = Annotated[Id | None, BeforeValidator(_said)]
Count = Annotated[
    Annotated[int, Field(ge=0, le=LARGEST_COUNT)] | None,
    BeforeValidator(_whole),
]


class SpendLine(Part):
    """One line of `POST /v1/spend`; a negative amount is a credit note.

    `account`: at the platform; two accounts may bill for one campaign name on one day.
    `account_timezone`: IANA name of the zone whose day `date` is. `vat`: whether the amount holds
    value added tax; with `vat_rate`, in per cent, the tax is taken off.
    """

    date: Text
    source: Annotated[Text, BeforeValidator(_trimmed), Field(min_length=1)]
    medium: Word = None
    campaign_id: Number = None
    campaign: Word = None
    ad_group: Word = None
    ad: Word = None
    term: Word = None
    amount: Amount
    currency: Text
    impressions: Count = None
    clicks: Count = None
    account: Number = None
    account_timezone: Word = None
    vat: Annotated[Literal["included", "excluded"] | None, BeforeValidator(_said)] = None
    vat_rate: Annotated[Id | float | None, BeforeValidator(_said)] = None
    stated_at: Annotated[Annotated[str, Field(max_length=64)] | None, BeforeValidator(_said)] = None
    id: Number = None


def to_spend_fact(item: Any, index: int, sender: Sender) -> NewFact:
    """The canonical fact of one spend line.

    `occurred_at` is the moment of the statement: `stated_at`, else the arrival. A line with
    `stated_at` is named by its whole content, so history sent again is a duplicate line by line;
    one without gets its name from the ledger, as a restatement.
    Raises: Refusal with code, field and what to do.
    """
    line = _validate(item)
    day = parse_day(line.date, sender.received_at)
    currency = parse_currency(line.currency)
    amounts = _without_tax(parse_amount(line.amount, currency), line)
    dimensions = {name: value for name in DIMENSIONS if (value := getattr(line, name))}
    counts = {n: v for n in ("impressions", "clicks") if (v := getattr(line, n)) is not None}
    payload: dict[str, Any] = {
        "spend": {
            "date": day,
            **dimensions,
            **amounts,
            "currency": currency,
            **counts,
            **_account(line),
        },
        "touch": _as_touch(dimensions),
    }
    stated_at = sender.received_at
    if line.stated_at:
        stated_at = _stated(line.stated_at, sender)
        payload["stated_at"] = stated_at.isoformat().replace("+00:00", "Z")
    text = orjson.dumps(payload, option=orjson.OPT_SORT_KEYS).decode()
    subject = subject_of(day, dimensions, line.account)
    return NewFact(
        source_id=sender.caller.source_id,
        fact_id=line.id or (f"{subject}:{digest_of(text)}" if line.stated_at else ""),
        type="spend",
        occurred_at=to_micros(stated_at),
        received_at=to_micros(sender.received_at),
        payload=text,
        subject=subject,
        index=index,
    )


def collect_spend(items: Iterable[Any], sender: Sender, max_bytes: int) -> Batch:
    """Read the lines of one request; a line that contradicts an earlier one of them is refused."""
    once = LinesOfRequest()
    return collect(
        items, sender, max_bytes, lambda *line: once.check(to_spend_fact(*line)), form="spend"
    )


class LinesOfRequest:
    """Remembers what one request or file said of each line. Which of two different statements of
    one moment holds cannot be known, so the second is refused; the same words pass."""

    def __init__(self) -> None:
        self._said: dict[tuple[str | None, int], str] = {}

    def check(self, fact: NewFact) -> NewFact:
        """The fact itself. Raises Refusal `duplicate_line`."""
        key = (fact.subject, fact.occurred_at)
        digest = digest_of(fact.payload)
        if self._said.setdefault(key, digest) != digest:
            raise Refusal(
                "duplicate_line",
                "",
                "an earlier line has the same day and dimensions and other figures; "
                "sum them into one line or add a field that tells them apart",
            )
        return fact


def parse_day(text: str, now: datetime, field: str = "date") -> str:
    """A day as YYYY-MM-DD, from 1990 to tomorrow (it may be tomorrow where the sender is).

    Raises: Refusal `bad_date`, `date_too_early` or `date_in_future`.
    """
    text = text.strip()
    try:
        day = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None:
        raise Refusal("bad_date", field, f"{text[:40]!r} is not a day; write it like 2026-03-01")
    if day < EARLIEST.date():
        raise Refusal("date_too_early", field, f"{text} lies before 1990; check the date")
    if day > now.date() + timedelta(days=1):
        raise Refusal("date_in_future", field, f"{text} has not come yet; check the date")
    return text


def digest_of(text: str) -> str:
    """16 hexadecimal digits of a text."""
    return blake2b(text.encode(), digest_size=8).hexdigest()


def _validate(item: Any) -> SpendLine:
    if not isinstance(item, dict):
        raise Refusal("not_an_object", "", "a spend line is a JSON object with date and amount")
    try:
        return SpendLine.model_validate(item)
    except ValidationError as error:
        raise refusal_of(error) from None


def _stated(text: str, sender: Sender) -> datetime:
    moment = parse_moment(text, "stated_at")
    if moment - sender.received_at > TRUSTED_AHEAD:
        raise Refusal(
            "stated_in_future",
            "stated_at",
            f"{text} lies ahead of our clock; check the sender's clock and time zone",
        )
    return moment


def _as_touch(dimensions: dict[str, str]) -> dict[str, str]:
    """The click that this line paid for, so that both fall under the same channel rules."""
    touch = {"kind": "click"}
    for name in ("source", "medium", "campaign", "campaign_id", "term"):
        if name in dimensions:
            touch[name] = dimensions[name]
    if "ad" in dimensions:
        touch["content"] = dimensions["ad"]
    return touch


def _account(line: SpendLine) -> dict[str, str]:
    zone = zone_of(line.account_timezone, "account_timezone")
    said = {"account": line.account, "account_timezone": zone.key if zone else None}
    return {name: value for name, value in said.items() if value}


def _without_tax(billed: int, line: SpendLine) -> dict[str, Any]:
    """The amount as it is kept, and what is known of its tax: `vat_minor` was billed on top."""
    if line.vat_rate is None:
        return {"amount_minor": billed, **({"vat": line.vat} if line.vat else {})}
    rate = parse_rate(str(line.vat_rate))
    if line.vat == "excluded":
        return {"amount_minor": billed, "vat": "excluded"}
    net, tax = net_and_tax(billed, rate)
    return {"amount_minor": net, "vat": "excluded", "vat_minor": tax, "vat_rate": rate}


def subject_of(day: str, dimensions: Mapping[str, str], account: str | None = None) -> str:
    """The line's key, 35 characters. A campaign is its id where it has one: names get changed."""
    campaign = ("campaign_id",) if "campaign_id" in dimensions else ("campaign",)
    names = ("source", "medium", *campaign, "ad_group", "ad", "term")
    said = [[name, dimensions.get(name)] for name in names]
    if account:  # keys of lines that name none are as they always were
        said.append(["account", account])
    return f"{day}:{blake2b(orjson.dumps(said), digest_size=12).hexdigest()}"
