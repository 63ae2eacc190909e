"""Close: webhooks of its event log. A *lead* there is a company with its contacts.

Sources: Close's documentation of webhooks and events; the signature is a hexadecimal HMAC-SHA256
over timestamp and body, by the subscription's key, which is hexadecimal itself.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

from service.collect.crm import Record, currency_of, events_of, from_minor
from service.collect.hooks import HookFormat, HookOptions
from service.collect.moments import iso_moment
from service.collect.native import Sender
from service.collect.picking import mapping, number_or_text, text
from service.collect.schemas import Text
from service.collect.signing import check_age, check_signature, signature_of
from service.collect.wire import Call, NativeEvent, Reply, reply_json
from service.kit.errors import Refusal
from service.ledger.append import Receipt

OPPORTUNITIES: Final = {"active": "opportunity", "won": "won", "lost": "lost"}
LEADS: Final = {
    "Potential": "lead",
    "Interested": "mql",
    "Qualified": "sql",
    "Not Interested": "rejected",
    "Bad Fit": "rejected",
    "Customer": "ignore",
    "Canceled": "ignore",
}
"""The statuses of leads that an organisation begins with; others are its own."""

MOST_CONTACTS: Final = 50
UTC: Final = "UTC"
"""Zone of moments that Close writes without one."""


def _hexadecimal(value: str) -> str:
    bytes.fromhex(value)  # raises ValueError
    return value


class CloseOptions(HookOptions):
    """`secret`: the subscription's `signature_key`; without one requests are not verified, and the
    address alone is the secret. `stages`: labels or ids of statuses."""

    secret: Annotated[Text, AfterValidator(_hexadecimal)] = Field("", repr=False)


def verify(call: Call, options: CloseOptions) -> None:
    """Raises Unauthenticated."""
    if not options.secret:
        return
    timestamp = call.headers.get("close-sig-timestamp", "")
    given = call.headers.get("close-sig-hash", "").lower()
    signed = timestamp.encode() + call.body
    check_signature([given], [signature_of(bytes.fromhex(options.secret), signed)])
    check_age(timestamp, call.received_at)


def read(message: Any, _: int, sender: Sender) -> list[NativeEvent]:
    """The native events of an event of the log. Raises Refusal."""
    event = mapping(mapping(message).get("event"))
    if not event:
        raise Refusal("missing_field", "event", "a webhook of Close holds an `event`")
    kind = text(event.get("object_type"))
    data = mapping(event.get("data"))
    deleted = text(event.get("action")) == "deleted"
    if kind not in ("opportunity", "lead", "contact") or (kind == "contact" and deleted):
        return []
    object_id = number_or_text(data.get("id"), 100) or number_or_text(event.get("object_id"), 100)
    if not object_id:
        raise Refusal("missing_field", "event.data.id", "an event names its object")
    moment = iso_moment(event.get("date_created"), "event.date_created", UTC)
    common = {
        "event_id": number_or_text(event.get("id"), 100) or f"{kind}:{object_id}:{moment}",
        "occurred_at": moment,
        "object_id": object_id,
        "custom": _custom(data),
        "created_at": iso_moment(data["date_created"], "event.data.date_created", UTC)
        if data.get("date_created")
        else "",
    }
    if kind == "opportunity":
        return events_of(_opportunity(data, deleted, common, sender), sender)
    if kind == "lead":
        return _lead(data, deleted, common, sender)
    return events_of(_contact(data, common), sender)


def _opportunity(
    data: Mapping[str, Any], deleted: bool, common: dict[str, Any], sender: Sender
) -> Record:
    names = ("status_label", "status_id", "status_type")
    status = number_or_text(data.get("status_type"))
    contact, lead = number_or_text(data.get("contact_id")), number_or_text(data.get("lead_id"))
    currency = text(data.get("value_currency"))
    return Record(
        kind="deal",
        statuses=["deleted"] if deleted else [s for n in names if (s := text(data.get(n)))],
        meaning="lost:deleted" if deleted else OPPORTUNITIES.get(status, ""),
        amount=from_minor(data.get("value"), currency_of(currency, sender)),
        currency=currency,
        lead_id=lead,
        people={"crm_contact_id": contact} if contact else {},
        account={"id": lead} if lead else {},
        **common,
    )


def _lead(
    data: Mapping[str, Any], deleted: bool, common: dict[str, Any], sender: Sender
) -> list[NativeEvent]:
    """The lead, and each of its contacts as people of the account."""
    label = text(data.get("status_label"))
    statuses = [s for n in ("status_label", "status_id") if (s := text(data.get(n)))]
    account = {"id": common["object_id"]}
    if name := text(data.get("display_name")) or text(data.get("name")):
        account["name"] = name
    rows = data.get("contacts")
    people = [
        _contact(
            row, {**common, "object_id": contact, "event_id": f"{common['event_id']}:{contact}"}
        )
        for row in (rows if isinstance(rows, list) else [])[:MOST_CONTACTS]
        if (contact := number_or_text(mapping(row).get("id"), 100))
    ]
    lead = Record(
        kind="lead",
        statuses=["deleted"] if deleted else statuses,
        meaning="rejected:deleted" if deleted else LEADS.get(label, ""),
        account=account,
        people=people[0].people if people else {},
        **common,
    )
    events = events_of(lead, sender) if people or statuses or deleted else []
    for person in people:
        found = Record(
            event_id=person.event_id,
            occurred_at=person.occurred_at,
            kind="contact",
            object_id=person.object_id,
            people=person.people,
            also=person.also,
            account=account,
        )
        events += events_of(found, sender)
    return events


def _contact(data: Mapping[str, Any], common: dict[str, Any]) -> Record:
    people: dict[str, Any] = {"crm_contact_id": common["object_id"]}
    also: list[dict[str, str]] = []
    for kind, rows in (("email", data.get("emails")), ("phone", data.get("phones"))):
        found = [
            value
            for row in (rows if isinstance(rows, list) else [])
            if (value := text(mapping(row).get(kind)))
        ]
        if found:
            people[kind] = found[0]
        also += [{kind: value} for value in found[1:10]]
    lead = number_or_text(data.get("lead_id"))
    return Record(
        kind="contact", people=people, also=also, account={"id": lead} if lead else {}, **common
    )


def _custom(data: Mapping[str, Any]) -> dict[str, Any]:
    """Every plain field; custom ones as `custom.cf_…` and by their bare id or name."""
    found = {name: value for name, value in data.items() if not isinstance(value, dict | list)}
    bare = {n.removeprefix("custom."): v for n, v in found.items() if n.startswith("custom.")}
    return {**found, **bare, **mapping(data.get("custom"))}


def answer(_: Call, receipt: Receipt) -> Reply:
    return reply_json({"accepted": receipt.accepted, "duplicates": receipt.duplicates})


def identity(message: Any) -> str:
    return number_or_text(mapping(mapping(message).get("event")).get("id"), 200)


FORMAT = HookFormat(
    name="close",
    title="Close's webhooks",
    options=CloseOptions,
    verify=verify,
    messages=lambda call: [call.json],
    answer=answer,
    rewrite=read,
    identity=identity,
)
