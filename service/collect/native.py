"""The native event: one item of `POST /v1/events` becomes one canonical fact, or a refusal.

Every other wire format ends here too: it is rewritten as native events first.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from pydantic import ValidationError

from service.collect.bots import Judge
from service.collect.channels.values import clean_value
from service.collect.clicks import clicks_of
from service.collect.consent import Policy, Said, forget_person, is_denied, unlinked_id
from service.collect.hashes import advertising_hashes
from service.collect.identifiers import Identifier, IdentifierReader, email_domain
from service.collect.landing import Landing, read_landing
from service.collect.properties import impersonal
from service.collect.refusals import refusal_of
from service.collect.schemas import PARTS, Campaign, Event
from service.collect.worth import add_money
from service.kit.errors import Refusal
from service.kit.time import to_micros
from service.ledger.append import NewFact
from service.ledger.keys import Caller

SERVER_TYPES = frozenset({"lead", "deal", "order", "verdict", "review", "unlink"})
NEED_IDENTIFIERS = frozenset({"touch", "page", "identify", "group", "consent", "track"})
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
# A clock that runs ahead by less than the first is taken at its word, by less than the second
# is set back to the moment of arrival and said so; beyond it the event is refused.
TRUSTED_AHEAD = timedelta(hours=1)
REPAIRED_AHEAD = timedelta(hours=23)
PLAIN_JUDGE = Judge()
_NOTHING_SAID = (None, None, "honour")
DIMENSIONS = ("source", "medium", "campaign", "campaign_id", "content", "term")


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends, when it arrived, how to read his identifiers, and what his words mean: `options`
    are those of his hook, validated (`hooks.HookOptions`), `currency` that of amounts which name
    none; `policy` and `signal` (what his browser's request says) as of `consent.is_denied`."""

    caller: Caller
    received_at: datetime
    reader: IdentifierReader
    adjusted: list[dict[str, Any]] = field(default_factory=list)
    options: Any = None
    currency: str = ""
    policy: Policy = "honour"
    signal: Said | None = None
    judge: Judge = PLAIN_JUDGE

    @property
    def is_public(self) -> bool:
        return not self.caller.may("facts")


def to_fact(item: Any, index: int, sender: Sender, claimed_at: str | None = None) -> NewFact:
    """The canonical fact of one native event.

    Args:
        item: the event as parsed from JSON.
        index: its place in the request.
        claimed_at: the moment the sender wrote, where a format corrects clocks and
            `occurred_at` is the corrected one; empty where the sender wrote none.
    Raises: Refusal with code, field and what to do.
    """
    event = validate(item)
    if sender.is_public and event.type in SERVER_TYPES:
        raise Refusal(
            "scope_missing",
            "type",
            f"a {event.type} comes from servers: use a key with scope `facts`",
        )
    occurred_at, late_claim = _moment(event.occurred_at, index, sender)
    payload: dict[str, Any] = {}
    claim = late_claim if claimed_at is None else claimed_at
    if claim is not None:
        payload["claimed_at"] = claim
    context = event.context
    said = context.consent if context else None
    # Most say nothing, under the policy that most have.
    denied = (said, sender.signal, sender.policy) != _NOTHING_SAID and is_denied(
        event.type, said, sender.policy, sender.is_public, sender.signal
    )
    if not denied:
        _add_people(payload, event, sender)
    _WRITERS.get(event.type, _write_plain)(payload, event, index, sender)
    if event.segment:
        payload["segment"] = event.segment
    if denied:
        identifier = unlinked_id(sender.caller.source_id, event.id)
        forget_person(payload, identifier, _values(event, sender))
    flags: tuple[str, ...] = ("consent_denied",) if denied else ()
    part = event.page or event.touch
    agent, referrer = context.user_agent if context else None, part.referrer if part else None
    if flag := sender.judge.flag(agent, referrer):
        payload[flag] = True
        flags = (flag, *flags)
    return NewFact(
        source_id=sender.caller.source_id,
        fact_id=event.id,
        type=event.type,
        occurred_at=occurred_at,
        received_at=to_micros(sender.received_at),
        payload=orjson.dumps(payload, option=orjson.OPT_SORT_KEYS).decode(),
        index=index,
        flags=flags,
    )


def _values(event: Event, sender: Sender) -> list[str]:
    """The values of the event's identifiers as they would have been stored."""
    found = []
    for kind, value in (event.identifiers or {}).items():
        try:
            one = sender.reader.read(kind, value)
        except Refusal:  # what is forgotten needs no form
            continue
        found += [one.value] if one else []
    return found


def validate(item: Any) -> Event:
    """The item as an Event whose own part is present. Raises Refusal."""
    if not isinstance(item, dict):
        raise Refusal(
            "not_an_object", "", "an event is a JSON object with id, type and occurred_at"
        )
    try:
        event = Event.model_validate(item)
    except ValidationError as error:
        raise refusal_of(error) from None
    except (RecursionError, UnicodeError) as error:
        raise Refusal(
            "invalid_text", "", f"the event cannot be read: {type(error).__name__}"
        ) from None
    given = {part for part in PARTS & event.model_fields_set if getattr(event, part) is not None}
    if event.type in PARTS and event.type not in given:
        raise Refusal(
            "missing_field", event.type, f"an event of type {event.type} needs `{event.type}`"
        )
    for part in sorted(given - {event.type}):
        raise Refusal(
            "unknown_field", part, f"`{part}` does not belong in an event of type {event.type}"
        )
    return event


def _moment(text: str, index: int, sender: Sender) -> tuple[int, str | None]:
    moment = parse_moment(text, "occurred_at")
    ahead = moment - sender.received_at
    if ahead > REPAIRED_AHEAD:
        raise Refusal(
            "occurred_in_future",
            "occurred_at",
            f"{text} lies ahead of our clock; check the sender's clock and time zone",
        )
    if ahead > TRUSTED_AHEAD:
        sender.adjusted.append(
            {
                "index": index,
                "code": "clock_ahead",
                "field": "occurred_at",
                "detail": f"{text} lies ahead of our clock; stored with the moment it arrived",
            }
        )
        return to_micros(sender.received_at), text
    return to_micros(moment), None


def parse_moment(text: str, name: str) -> datetime:
    """An ISO 8601 moment with its offset, 1990 or later. Raises Refusal."""
    try:
        # Between date and time it takes any character, also one that no database holds.
        moment = datetime.fromisoformat(text if text.isascii() and text.isprintable() else "")
    except ValueError:
        raise Refusal(
            "bad_timestamp", name, f"{text[:64]!r} is not ISO 8601; write 2026-03-01T10:00:00Z"
        ) from None
    if moment.tzinfo is None:
        raise Refusal(
            "naive_timestamp",
            name,
            f"{text!r} has no time zone; end it with Z or an offset like +01:00",
        )
    try:
        moment = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    except OverflowError:
        raise Refusal("bad_timestamp", name, f"{text!r} lies outside the calendar") from None
    if moment < EARLIEST:
        raise Refusal(
            "occurred_too_early", name, f"{text} lies before 1990; check the sender's clock"
        )
    return moment


def _add_people(payload: dict[str, Any], event: Event, sender: Sender) -> None:
    """Identifiers in their stored form, the account, and the e-mail's company domain."""
    given = event.identifiers or {}
    agreed = event.context is not None and event.context.consent == "granted"
    if agreed and sender.reader.advertising_hashes:
        given = {**advertising_hashes(given, sender.reader.region), **given}
    found = sender.reader.read_all(given, agreed)
    found += [one for one in clicks_of(event, sender.reader) if one not in found]
    if not found and event.type in NEED_IDENTIFIERS:
        why = "all of them are placeholders" if given else "there are none"
        raise Refusal(
            "missing_identifiers",
            "identifiers",
            f"{event.type} needs an identifier of a person, such as anonymous_id; {why}",
        )
    if found:
        payload["identifiers"] = written_identifiers(found)
        # What a public key says links nobody who is known from elsewhere; see `identity.resolve`.
        if sender.is_public and (len(found) > 1 or found[0].known):
            payload["public"] = True
    account: dict[str, Any] = {}
    if event.account is not None:
        account = event.account.model_dump(exclude_none=True)
        if not account.keys() & {"id", "domain"}:
            raise Refusal("missing_field", "account.id", "an account needs an `id` or a `domain`")
        if "domain" in account:
            account["domain"] = account["domain"].strip().lower()
    email = given.get("email")
    if isinstance(email, str) and any(i.kind == "email" for i in found):
        domain = email_domain(email)
        if domain:
            payload["email_domain"] = domain
    if account:
        payload["account"] = account


def written_identifiers(found: Iterable[Identifier]) -> list[str]:
    """`kind:value` each, those that name a person first: the form in which people are resolved."""
    return [f"{i.kind}:{i.value}" for i in sorted(found, key=lambda i: (not i.known, i.kind))]


def _write_page(payload: dict[str, Any], event: Event, index: int, sender: Sender) -> None:
    page = event.page
    assert page is not None
    landing = _read_page(page.url, "page.url")
    payload["page"] = page.model_dump(exclude_none=True, exclude={"campaign", "click_ids"})
    clicks: Mapping[str, str] = landing.click_ids
    if page.click_ids:
        clicks = {**{name.lower(): v for name, v in page.click_ids.items()}, **clicks}
    _add_touch(payload, _dimensions(landing, page.campaign), clicks)


def _write_track(payload: dict[str, Any], event: Event, index: int, sender: Sender) -> None:
    track = event.track
    assert track is not None
    payload["track"] = {"name": track.name}
    if properties := impersonal(track.properties or {}):
        payload["track"]["properties"] = properties
    landing = None
    if track.url is not None:
        landing = _read_page(track.url, "track.url")
        payload["page"] = {"url": track.url}
    clicks = landing.click_ids if landing else {}
    _add_touch(payload, _dimensions(landing, track.campaign), clicks)


def _read_page(url: str, field: str) -> Landing:
    landing = read_landing(url)
    if landing.host is None:
        raise Refusal(
            "bad_url", field, "a page needs its whole address, such as https://example.com/"
        )
    return landing


def _dimensions(landing: Landing | None, campaign: Campaign | None) -> dict[str, str]:
    """The campaign fields of the address; only where it has none at all, the sender's own. Never
    both: half of one campaign and half of another would be a third that nobody ran."""
    found = {name: value for name in DIMENSIONS if (value := getattr(landing, name, None))}
    if found or campaign is None:
        return found
    given = {name: clean_value(getattr(campaign, name) or "") for name in DIMENSIONS}
    return {name: value for name, value in given.items() if value}


def _write_touch(payload: dict[str, Any], event: Event, index: int, sender: Sender) -> None:
    touch = event.touch
    assert touch is not None
    dimensions = touch.model_dump(exclude_none=True, exclude={"url", "referrer", "click_ids"})
    if "channel" in dimensions and sender.is_public:
        sender.adjusted.append(
            {
                "index": index,
                "code": "channel_by_rules",
                "field": "touch.channel",
                "detail": "a public key cannot name the channel; the channel rules decide",
            }
        )
        dimensions["claimed_channel"] = dimensions.pop("channel")
    click_ids = dict(touch.click_ids or {})
    page = {k: v for k in ("url", "referrer") if (v := getattr(touch, k))}
    if touch.url:
        landing = read_landing(touch.url)
        for name in DIMENSIONS:
            if name not in dimensions and (value := getattr(landing, name)):
                dimensions[name] = value
        click_ids = {**landing.click_ids, **click_ids}
    if page:
        payload["page"] = page
    _add_touch(payload, dimensions, click_ids)


def _add_touch(
    payload: dict[str, Any], dimensions: dict[str, Any], click_ids: Mapping[str, str]
) -> None:
    # The values of click ids are as many as clicks; only their names are a dimension.
    if click_ids:
        names = {name.lower(): value for name, value in click_ids.items()}
        payload["click_ids"] = names
        dimensions["clicks"] = ",".join(sorted(names))
    if dimensions:
        payload["touch"] = dimensions


def _write_deal(payload: dict[str, Any], event: Event, index: int, sender: Sender) -> None:
    deal = event.deal
    assert deal is not None
    written = deal.model_dump(exclude_none=True, exclude={"amount", "items", "contacts"})
    add_money(written, deal.amount, deal.currency, deal.items, "deal")
    if deal.contacts:
        contacts = [sender.reader.read_all(contact) for contact in deal.contacts]
        written["contacts"] = [written_identifiers(c) for c in contacts if c]
    payload["deal"] = written


def _write_order(payload: dict[str, Any], event: Event, index: int, sender: Sender) -> None:
    order = event.order
    assert order is not None
    if order.status != "refunded" and order.amount is None:
        raise Refusal(
            "missing_field", "order.amount", f"an order {order.status} needs its `amount`"
        )
    written = order.model_dump(exclude_none=True, exclude={"amount", "items"})
    add_money(written, order.amount, order.currency, order.items, "order")
    if written.get("amount_minor", 0) < 0:
        raise Refusal(
            "out_of_range", "order.amount", "an amount is not negative; send status refunded"
        )
    payload["order"] = written


def _write_unlink(payload: dict[str, Any], event: Event, index: int, sender: Sender) -> None:
    unlink = event.unlink
    assert unlink is not None
    written = {}
    for side in ("left", "right"):
        found = sender.reader.read_all(getattr(unlink, side))
        if not found:
            raise Refusal(
                "missing_identifiers", f"unlink.{side}", 'name one identifier, such as {"email": …}'
            )
        written[side] = written_identifiers(found)[0]
    payload["unlink"] = written


def _write_plain(payload: dict[str, Any], event: Event, index: int, sender: Sender) -> None:
    part = getattr(event, event.type, None)
    if part is not None:
        payload[event.type] = part if isinstance(part, dict) else part.model_dump(exclude_none=True)


_WRITERS: dict[str, Callable[[dict[str, Any], Event, int, Sender], None]] = {
    "page": _write_page,
    "touch": _write_touch,
    "deal": _write_deal,
    "order": _write_order,
    "unlink": _write_unlink,
    "track": _write_track,
}
