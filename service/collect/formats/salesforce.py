"""Salesforce's Outbound Messages: SOAP that a flow or workflow rule sends with chosen fields.

Source: SOAP API Developer Guide, "Understanding Outbound Messaging". A message holds up to 100
notifications. It is sent again until it is acknowledged, and then with what the object has become
meanwhile under the notification's old id: so a notification is named after its content too.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from xml.etree.ElementTree import Element

from pydantic import Field

from service.collect.crm import Record, events_of
from service.collect.hooks import HookFormat, HookOptions
from service.collect.moments import iso_moment
from service.collect.native import Sender
from service.collect.people import digest_of, person_of, plain_amount, undated
from service.collect.picking import mapping, text
from service.collect.schemas import Text
from service.collect.soap import (
    TYPE,
    leaves_of,
    local_name,
    soap_body,
    soap_fault,
    soap_reply,
    text_of,
)
from service.collect.wire import Call, NativeEvent, Reply
from service.kit.errors import BadRequest, Refusal, ThroughlineError, Unauthenticated
from service.ledger.append import Receipt

MAX_NOTIFICATIONS: Final = 100
ACK: Final = (
    '<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound">'
    "<Ack>true</Ack></notificationsResponse>"
)
SHORT_ID: Final = 15
"""Characters of an id that name the record; three more may follow to check them."""

MOMENTS: Final = ("LastModifiedDate", "SystemModstamp", "CreatedDate")
LEADS: Final = {
    "open - not contacted": "lead",
    "working - contacted": "lead",
    "closed - not converted": "rejected",
    "closed - converted": "sql",
    "new": "lead",
    "working": "lead",
    "nurturing": "lead",
    "unqualified": "rejected",
}
"""What the statuses mean that Salesforce itself makes; a company's own are mapped by the hook."""


class SalesforceOptions(HookOptions):
    """`organization_id`: whose messages are taken; empty: anybody's who knows the address.
    `reason_field`: the field that says why an opportunity was lost or a lead rejected."""

    organization_id: Text = Field("", pattern=r"^([a-zA-Z0-9]{15}([a-zA-Z0-9]{3})?)?$")
    reason_field: Text = ""


def messages(call: Call) -> list[Any]:
    """Each notification by itself. Raises BadRequest, or Unauthenticated for the message of another
    organization."""
    asked = soap_body(call.body)
    if local_name(asked.tag) != "notifications":
        raise BadRequest("malformed_xml", "The envelope holds no `notifications`.")
    expected: str = call.options.organization_id
    if expected and text_of(asked, "OrganizationId")[:SHORT_ID] != expected[:SHORT_ID]:
        raise Unauthenticated(
            "wrong_organization", "This is not the organization whose messages the hook takes."
        )
    found = [child for child in asked if local_name(child.tag) == "Notification"]
    if len(found) > MAX_NOTIFICATIONS:
        raise BadRequest("too_many_items", f"A message may hold {MAX_NOTIFICATIONS} notifications.")
    return [_notification(element) for element in found]


def _notification(element: Element) -> dict[str, Any]:
    inside = next((child for child in element if local_name(child.tag) == "sObject"), None)
    return {
        "id": text_of(element, "Id"),
        "type": "" if inside is None else local_name(inside.get(TYPE, "")),
        "fields": {} if inside is None else leaves_of(inside),
    }


def answer(_: Call, __: Receipt) -> Reply:
    return soap_reply(ACK)


def refuse(_: Call, error: ThroughlineError) -> Reply:
    return soap_fault(error.code, error.detail, error.status)


def rewrite(message: Any, _: int, sender: Sender) -> list[NativeEvent]:
    """The native events of one notification. Raises Refusal."""
    told = mapping(message)
    kind, fields = text(told.get("type")), mapping(told.get("fields"))
    readers = {
        "Opportunity": _opportunity,
        "Lead": _lead,
        "Contact": _contact,
        "OpportunityContactRole": _role,
    }
    if kind not in readers:
        raise Refusal("unknown_value", "sObject", f"send one of {', '.join(readers)}")
    if not text(told.get("id")):
        raise Refusal("missing_field", "Id", "a notification needs its `Id`")
    name = f"{text(told['id'])}:{digest_of(fields)}"
    events: list[NativeEvent] = []
    for record in readers[kind](name, fields, sender):
        events += events_of(record, sender)
    return events if any(text(fields.get(n)) for n in MOMENTS) else undated(events)


def _opportunity(name: str, fields: Mapping[str, Any], sender: Sender) -> Iterator[Record]:
    contact, meaning = text(fields.get("ContactId")), _meaning(fields)
    yield Record(
        event_id=name,
        kind="deal",
        leads_apart=True,
        object_id=_id_of(fields),
        occurred_at=_moment(fields, sender),
        created_at=_optional_moment(fields, "CreatedDate", sender),
        # The flags say enough where the message leaves the name of the stage out.
        statuses=_status(fields, "StageName") or [meaning] * bool(meaning),
        meaning=meaning,
        reason=text(fields.get(sender.options.reason_field)),
        amount=plain_amount(fields.get("Amount")),
        currency=text(fields.get("CurrencyIsoCode")),
        name=text(fields.get("Name")),
        account=_account(fields, "AccountId"),
        linked=[{"crm_contact_id": contact}] if contact else [],
        custom=fields,
    )


def _meaning(fields: Mapping[str, Any]) -> str:
    """By the two flags that every stage has, else by the names that Salesforce itself gives."""
    won, closed = text(fields.get("IsWon")), text(fields.get("IsClosed"))
    if won == "true":
        return "won"
    if closed:
        return "lost" if closed == "true" else "opportunity"
    names = {"closed won": "won", "closed lost": "lost"}
    return names.get(text(fields.get("StageName")).lower(), "")


def _lead(name: str, fields: Mapping[str, Any], sender: Sender) -> Iterator[Record]:
    """A lead; one that was converted knows what became of it."""
    lead_id, contact = _id_of(fields), text(fields.get("ConvertedContactId"))
    moment = _moment(fields, sender)
    converted = text(fields.get("IsConverted")) == "true"
    status = text(fields.get("Status"))
    yield Record(
        event_id=name,
        kind="lead",
        object_id=lead_id,
        occurred_at=moment,
        created_at=_optional_moment(fields, "CreatedDate", sender),
        statuses=_status(fields, "Status"),
        meaning="sql" if converted else LEADS.get(status.lower(), ""),
        reason=text(fields.get(sender.options.reason_field)),
        name=text(fields.get("Name")),
        people=_person(fields, crm_lead_id=lead_id, crm_contact_id=contact),
        account=_account(fields, "ConvertedAccountId"),
        custom=fields,
    )
    if deal := text(fields.get("ConvertedOpportunityId")):
        yield Record(
            event_id=f"{name}:opportunity",
            kind="deal",
            leads_apart=True,
            object_id=deal,
            occurred_at=_optional_moment(fields, "ConvertedDate", sender) or moment,
            lead_id=lead_id,
            linked=[{"crm_contact_id": contact}] if contact else [],
        )


def _contact(name: str, fields: Mapping[str, Any], sender: Sender) -> Iterator[Record]:
    yield Record(
        event_id=name,
        kind="contact",
        object_id=_id_of(fields),
        occurred_at=_moment(fields, sender),
        created_at=_optional_moment(fields, "CreatedDate", sender),
        people=_person(fields, crm_contact_id=_id_of(fields)),
        account=_account(fields, "AccountId"),
        custom=fields,
    )


def _role(name: str, fields: Mapping[str, Any], sender: Sender) -> Iterator[Record]:
    """A further contact of an opportunity."""
    deal, contact = text(fields.get("OpportunityId")), text(fields.get("ContactId"))
    if not deal or not contact:
        raise Refusal(
            "missing_field", "sObject.ContactId", "a role needs `OpportunityId` and `ContactId`"
        )
    yield Record(
        event_id=name,
        kind="deal",
        leads_apart=True,
        object_id=deal,
        occurred_at=_moment(fields, sender),
        linked=[{"crm_contact_id": contact}],
    )


def _person(fields: Mapping[str, Any], **more: str) -> dict[str, Any]:
    emails = [text(fields.get("Email"))]
    phones = [number for n in ("MobilePhone", "Phone") if (number := text(fields.get(n)))]
    return person_of(emails, phones, **more)


def _account(fields: Mapping[str, Any], name: str) -> dict[str, str]:
    account = text(fields.get(name))
    return {"id": account} if account else {}


def _status(fields: Mapping[str, Any], name: str) -> list[str]:
    status = text(fields.get(name))
    return [status] if status else []


def _id_of(fields: Mapping[str, Any]) -> str:
    if found := text(fields.get("Id"), 100):
        return found
    raise Refusal("missing_field", "sObject.Id", "an object needs its `Id`")


def _moment(fields: Mapping[str, Any], sender: Sender) -> str:
    """When the object was changed; the moment of arrival where the message does not say."""
    for name in MOMENTS:
        if moment := _optional_moment(fields, name, sender):
            return moment
    return sender.received_at.isoformat()


def _optional_moment(fields: Mapping[str, Any], name: str, sender: Sender) -> str:
    value = text(fields.get(name))
    # A date alone is of no time zone; Salesforce counts days in the organization's.
    zone = sender.options.timezone or "UTC"
    return iso_moment(value, f"sObject.{name}", zone) if value else ""


def identity(message: Any) -> str:
    return text(mapping(message).get("id"))


FORMAT = HookFormat(
    name="salesforce",
    title="Salesforce Outbound Messages",
    options=SalesforceOptions,
    messages=messages,
    answer=answer,
    refuse=refuse,
    rewrite=rewrite,
    identity=identity,
)
