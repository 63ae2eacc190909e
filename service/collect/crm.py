"""What every CRM says in the end: an object reached a status, is worth so much, belongs to people.

A format reads its own payload into a `Record`; `events_of` makes the native events, by the hook's
options: their statuses become our stages, their custom fields our dimensions. A status that nobody
mapped refuses the message (`unmapped_stage`): it waits in the quarantine until it is mapped there.

What the CRM itself calls the stage stays in the fact as `status`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Literal

from service.collect.hooks import OURS, HookOptions
from service.collect.native import Sender
from service.collect.people import digest_of
from service.collect.vocabulary import without_noise
from service.collect.wire import NativeEvent
from service.kit.currencies import parse_currency
from service.kit.errors import Refusal
from service.kit.money import to_text

LEAD_STAGES: Final = frozenset({"lead", "mql", "sql", "rejected"})


class UnmappedStage(Refusal):
    """The refusal of a status that nobody mapped; `statuses` as of the record."""

    def __init__(self, refusal: Refusal, statuses: Sequence[str]) -> None:
        super().__init__(refusal.code, refusal.field, refusal.detail)
        self.statuses = statuses


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One change of one object of a CRM.

    `event_id`: the CRM's id of the change, equal when it is sent again. `occurred_at`: ISO 8601
    with zone. `statuses`: what names the status, the most specific first (`pipeline:stage id`, the
    id, the name); empty where this change says nothing of it. `amount` as the CRM writes it, in
    major units; `currency` empty: the hook's. `people`: native identifiers, unread, of each person;
    the first is whom the lead or deal came from. `linked`: further contacts. `custom`: every field
    that the options may map. `touch`: campaign fields and click ids that the record itself has.
    `also`: further identifiers of the first person, such as a second address. `created_at`: of the
    object. `meaning`: what the status means by the format's own knowledge. `leads_apart`: leads are
    objects of their own, so that a deal which names none has none.
    """

    event_id: str
    occurred_at: str
    kind: Literal["lead", "deal", "contact"]
    object_id: str
    statuses: Sequence[str] = ()
    reason: str = ""
    amount: Any = None
    currency: str = ""
    name: str = ""
    lead_id: str = ""
    people: Mapping[str, Any] = field(default_factory=dict)
    linked: Sequence[Mapping[str, Any]] = ()
    account: Mapping[str, Any] = field(default_factory=dict)
    custom: Mapping[str, Any] = field(default_factory=dict)
    touch: Mapping[str, Any] = field(default_factory=dict)
    created_at: str = ""
    meaning: str = ""
    also: Sequence[Mapping[str, Any]] = ()
    leads_apart: bool = False


def events_of(record: Record, sender: Sender) -> list[NativeEvent]:
    """The native events of a change; the first has the change's own id.

    Raises Refusal, `unmapped_stage` for a status without a meaning.
    """
    options: HookOptions = sender.options
    custom = custom_parts(record.custom, options.fields)
    people = {**_prefixed(record.people, options), **custom["identifiers"]}
    common: NativeEvent = {"occurred_at": record.occurred_at, "identifiers": people}
    if account := {**record.account, **custom["account"]}:
        common["account"] = account
    if custom["segment"]:
        common["segment"] = custom["segment"]
    main = {"type": "identify"} if record.kind == "contact" else _main(record, sender)
    also = [
        {
            "id": f"{record.event_id}:also:{number}",
            "type": "identify",
            "occurred_at": record.occurred_at,
            "identifiers": {**people, **more},
        }
        for number, more in enumerate(record.also, 1)
    ]
    first = {**common, **main, "id": record.event_id}
    return [first, *also, *_touch(record, common, custom)]


def merge_events(
    event_id: str, occurred_at: str, kept: str, gone: Sequence[str], sender: Sender
) -> list[NativeEvent]:
    """Contacts that the CRM merged into one: links between them, which are facts like any other."""
    options: HookOptions = sender.options
    bridge = f"merge:{event_id}"
    return [
        {
            "id": f"{event_id}:merge:{contact}",
            "type": "identify",
            "occurred_at": occurred_at,
            "identifiers": {"crm_contact_id": options.id_prefix + contact, "alias": bridge},
        }
        for contact in dict.fromkeys((kept, *gone))
    ]


def stage_of(record: Record, options: HookOptions) -> tuple[str, str]:
    """Our stage and its reason; no stage where the change says nothing of a status.

    The options go before the format's own knowledge. Raises Refusal `unmapped_stage`.
    """
    if not record.statuses:
        return "", record.reason
    meaning = next((m for s in record.statuses if (m := options.stages.get(s))), record.meaning)
    if not meaning:
        refusal = Refusal(
            "unmapped_stage",
            "stages",
            f"nothing says what the status {record.statuses[0][:80]!r} means; map it in the hook's "
            f"stages to one of {', '.join(OURS)}, then replay",
        )
        raise UnmappedStage(refusal, record.statuses)
    stage, _, reason = meaning.partition(":")
    return stage, record.reason or reason


def _main(record: Record, sender: Sender) -> NativeEvent:
    """The lead or deal itself. A CRM may lead one object through all stages, so that a deal in an
    early one is still a lead, and a lead in a late one a deal that knows its lead."""
    options: HookOptions = sender.options
    stage, reason = stage_of(record, options)
    prefix, status = options.id_prefix, {"status": record.statuses[0]} if record.statuses else {}
    named = {"name": record.name} if record.name else {}
    money = money_of(record, sender)
    is_lead = stage in LEAD_STAGES or (record.kind == "lead" and stage in ("", "ignore"))
    # One object through all stages: its deal carries on what its lead began.
    lead_id = record.lead_id or (record.object_id if record.kind == "lead" or is_lead else "")
    are_mapped = LEAD_STAGES & {m.partition(":")[0] for m in options.stages.values()}
    if not lead_id and are_mapped and not record.leads_apart:
        lead_id = record.object_id
    deal: NativeEvent = {"id": prefix + record.object_id, **status, **named, **money}
    if lead_id:
        deal["lead_id"] = prefix + lead_id
    if record.linked:
        deal["contacts"] = [_prefixed(person, options) for person in record.linked]
    if stage in LEAD_STAGES:
        lead = {"id": prefix + lead_id, "stage": stage, **status, **named}
        if reason and stage == "rejected":
            lead["reason"] = reason
        # Nothing of a deal yet, though CRMs write its amount (0) from the start: the first fact of
        # a deal makes it an opportunity.
        return {"type": "lead", "lead": lead}
    if is_lead:
        if not record.people and not record.custom:
            raise Refusal(
                "missing_identifiers", "", "the change names no person and changes no stage"
            )
        return {"type": "identify"}
    if stage and stage != "ignore":
        deal["stage"] = stage
    if reason and stage in ("lost", ""):
        deal["reason"] = reason
    return {"type": "deal", "deal": deal}


def money_of(record: Record, sender: Sender) -> dict[str, Any]:
    """`amount` and `currency` of a native deal or order; empty where the change says no amount.
    Raises Refusal."""
    if record.amount in (None, ""):
        return {}
    amount = without_noise(record.amount)
    return {
        "amount": str(amount) if isinstance(amount, Decimal) else amount,
        "currency": currency_of(record.currency, sender),
    }


def currency_of(theirs: str, sender: Sender) -> str:
    """The currency that a change names, else the hook's, else the reporting one. Raises Refusal."""
    options: HookOptions = sender.options
    return parse_currency(theirs or options.currency or sender.currency, "currency")


def from_minor(value: Any, currency: str) -> Any:
    """An amount that the CRM writes in minor units (cents), in major ones; None stays None.
    Raises Refusal."""
    if value in (None, ""):
        return None
    minor = str(value).strip() if not isinstance(value, bool) else ""
    if not re.fullmatch(r"-?[0-9]{1,18}", minor):
        raise Refusal("bad_amount", "amount", f"{str(value)[:40]!r} is no whole number of cents")
    return to_text(int(minor), currency)


def custom_parts(values: Mapping[str, Any], fields: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The mapped fields by the first part of where they go."""
    found: dict[str, dict[str, Any]] = {
        place: {} for place in ("identifiers", "touch", "click_ids", "segment", "account")
    }
    for theirs, ours in fields.items():
        if (value := values.get(theirs)) in (None, ""):
            continue
        place, _, name = ours.partition(".")
        found[place][name] = value if isinstance(value, str | int | float | bool) else str(value)
    return found


def _prefixed(person: Mapping[str, Any], options: HookOptions) -> dict[str, Any]:
    """The person's identifiers, the CRM's own ids apart from another CRM's."""
    return {
        kind: f"{options.id_prefix}{value}" if kind.startswith("crm_") else value
        for kind, value in person.items()
    }


def _touch(
    record: Record, common: NativeEvent, custom: Mapping[str, dict[str, Any]]
) -> list[NativeEvent]:
    """The contact with a channel that the record remembers: once for an object and what it says,
    however often that is sent: named and known by what stays as it is, while people get addresses
    and a lead becomes a deal. Without the moment the object was made it is dated, and named, by
    the change: of two changes neither is then the touch's own, whichever arrives first."""
    clicks = {**record.touch.get("click_ids", {}), **custom["click_ids"]}
    said = {**{n: v for n, v in record.touch.items() if n != "click_ids"}, **custom["touch"]}
    if not (said or clicks) or not common["identifiers"]:
        return []
    touch: dict[str, Any] = {"kind": "click", **{name: str(value) for name, value in said.items()}}
    if clicks:
        touch["click_ids"] = {name: str(value) for name, value in clicks.items()}
    digest = digest_of(touch)
    people = common["identifiers"]
    lasting = next((kind for kind in ("crm_lead_id", "crm_contact_id") if kind in people), "")
    kind = "lead" if record.lead_id == record.object_id else record.kind
    return [
        {
            "id": f"{kind}:{record.object_id}:touch:{digest}"
            if record.created_at
            else f"{record.event_id}:touch",
            "type": "touch",
            "occurred_at": record.created_at or record.occurred_at,
            "identifiers": {lasting: people[lasting]} if lasting else people,
            "touch": touch,
        }
    ]
