"""Bitrix24's outgoing webhooks: forms that name what changed, to be asked for by its REST API.

Source: apidocs.bitrix24.com, "onCrmDealUpdate" and its like, "crm.deal.get" and its like, "Error
codes". The request has the event, the object's number and a token; the address to ask is the hook's
own option, never what the request says.
"""

import hmac
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

from service.collect.bitrix24 import CREATED, MODIFIED, MOVED, emails_and_phones, fetch
from service.collect.brackets import Tree, parse_brackets
from service.collect.crm import Record, events_of, stage_of
from service.collect.hooks import Errand, HookFormat, HookOptions
from service.collect.moments import iso_moment
from service.collect.native import Sender
from service.collect.people import digest_of, further_of, person_of
from service.collect.picking import mapping, number_or_text, referred, text
from service.collect.schemas import Text
from service.collect.wire import Call, NativeEvent, Reply, reply_text
from service.kit.errors import Refusal, Unauthenticated
from service.kit.outbound import check_url
from service.ledger.append import Receipt

EVENT: Final = re.compile(r"ONCRM(DEAL|LEAD|CONTACT)(ADD|UPDATE|DELETE)")
NUMBER: Final = re.compile(r"[1-9][0-9]{0,17}")
DEALS: Final = {"S": "won", "F": "lost", "P": "opportunity"}
LEADS: Final = {"S": "sql", "F": "rejected", "P": "lead"}
TOUCH: Final = ("source", "medium", "campaign", "content", "term")


def _portal(value: str) -> str:
    try:
        return check_url(value, "portal").rstrip("/") + "/"
    except Refusal as refusal:
        raise ValueError(refusal.detail) from None


class BitrixOptions(HookOptions):
    """`application_token`: of the outgoing webhook. `portal`: the address of an incoming webhook
    with the right `crm`, such as https://example.bitrix24.com/rest/1/abcdef/."""

    application_token: Text = Field(min_length=1, repr=False)
    portal: Annotated[Text, AfterValidator(_portal)] = Field(min_length=1, repr=False)


def verify(call: Call, options: BitrixOptions) -> None:
    given = text(mapping(_form(call).get("auth")).get("application_token"))
    if not hmac.compare_digest(given.encode(), options.application_token.encode()):
        raise Unauthenticated(
            "wrong_token", "The application token is not the hook's; copy it from the webhook."
        )


def messages(call: Call) -> list[Any]:
    """What says all that there is to say: that something is no more. The rest are errands."""
    entity, action, number = _event(call)
    if action == "DELETE":
        return [{"entity": entity, "id": number, "ts": text(_form(call).get("ts")), "gone": True}]
    return [] if number else [{"event": text(_form(call).get("event"))}]


def errands(call: Call) -> list[Errand]:
    entity, action, number = _event(call)
    if not number or action == "DELETE":
        return []
    return [Errand(f"{entity}:{number}", {"entity": entity, "id": number})]


def _event(call: Call) -> tuple[str, str, str]:
    """Kind of object, what happened, and number; empty for events of no concern to us."""
    form = _form(call)
    found = EVENT.fullmatch(text(form.get("event")).upper())
    number = text(mapping(mapping(form.get("data")).get("FIELDS")).get("ID"))
    if found is None or not NUMBER.fullmatch(number):
        return "", "", ""
    return found[1].lower(), found[2], number


def _form(call: Call) -> Tree:
    return parse_brackets(call.body.decode("utf-8", "replace"))


def answer(_: Call, __: Receipt) -> Reply:
    return reply_text("ok")


def rewrite(message: Any, _: int, sender: Sender) -> list[NativeEvent]:
    """The native events of one object as it was fetched. Raises Refusal."""
    told = mapping(message)
    if "event" in told:
        return []
    entity, number = text(told.get("entity")), number_or_text(told.get("id"))
    if told.get("gone"):
        return _gone(entity, number, told, sender)
    record = mapping(told.get("record"))
    if not record:
        raise Refusal(
            "fetch_failed",
            "",
            f"the {entity or 'object'} {number} could not be asked for; mend the hook's `portal`, "
            "then change the object in Bitrix24",
        )
    if entity == "contact":
        records = _contact(number, record)
    else:
        records = _lead(number, record) if entity == "lead" else _deal(number, told, record, sender)
    return [event for found in records for event in events_of(found, sender)]


def _gone(entity: str, number: str, told: Mapping[str, Any], sender: Sender) -> list[NativeEvent]:
    """A deal that is no more is lost, a lead rejected; of a contact all links stay."""
    if entity not in ("deal", "lead"):
        return []
    record = Record(
        event_id=f"{entity}:{number}:deleted:{told.get('ts')}",
        occurred_at=iso_moment(told.get("ts"), "ts", form="s"),
        kind="deal" if entity == "deal" else "lead",
        leads_apart=True,
        object_id=number,
        statuses=["deleted"],
        meaning="lost:deleted" if entity == "deal" else "rejected:deleted",
        people={f"crm_{entity}_id": number},
    )
    return events_of(record, sender)


def _deal(
    number: str, told: Mapping[str, Any], fields: Mapping[str, Any], sender: Sender
) -> Iterator[Record]:
    """The stage dated by its own moment, then the deal as a whole by that of its last change."""
    contact = mapping(told.get("contact"))
    main = referred(fields.get("CONTACT_ID"))
    contacts = told.get("contacts")
    others = [number_or_text(c) for c in contacts] if isinstance(contacts, list) else []
    linked = [other for other in others if other and other != main]
    person = {"crm_deal_id": number}
    if main:
        person = person_of(*emails_and_phones(contact), crm_contact_id=main)
    whole = Record(
        **_common("deal", number, fields, {"contacts": [main, *linked]}),
        kind="deal",
        leads_apart=True,
        statuses=_statuses(text(fields.get("STAGE_ID"))),
        meaning=DEALS.get(text(fields.get("STAGE_SEMANTIC_ID")), ""),
        amount=fields.get("OPPORTUNITY"),
        currency=text(fields.get("CURRENCY_ID")),
        lead_id=referred(fields.get("LEAD_ID")),
        people=person,
        linked=[{"crm_contact_id": other} for other in linked],
    )
    moved = text(fields.get(MOVED))
    if moved and whole.statuses and moved != text(fields.get(MODIFIED)):
        stage = stage_of(whole, sender.options)[0]
        yield Record(
            event_id=f"deal:{number}:moved:{moved}:{whole.statuses[0]}:{stage}",
            occurred_at=iso_moment(moved, MOVED),
            kind="deal",
            leads_apart=True,
            object_id=number,
            statuses=whole.statuses,
            meaning=whole.meaning,
            lead_id=whole.lead_id,
        )
    yield whole


def _statuses(stage: str) -> list[str]:
    """`C5:WON` of the pipeline 5 is also `WON`; the first pipeline has no prefix."""
    return list(dict.fromkeys(name for name in (stage, stage.partition(":")[2]) if name))


def _lead(number: str, fields: Mapping[str, Any]) -> Iterator[Record]:
    contact = referred(fields.get("CONTACT_ID"))
    yield Record(
        **_common("lead", number, fields, {}),
        kind="lead",
        statuses=_statuses(text(fields.get("STATUS_ID"))),
        meaning=LEADS.get(text(fields.get("STATUS_SEMANTIC_ID")), ""),
        people=person_of(*emails_and_phones(fields), crm_lead_id=number, crm_contact_id=contact),
    )


def _contact(number: str, fields: Mapping[str, Any]) -> Iterator[Record]:
    emails, phones = emails_and_phones(fields)
    yield Record(
        **_common("contact", number, fields, {}),
        kind="contact",
        people=person_of(emails, phones, crm_contact_id=number),
        also=further_of(email=emails, phone=phones),
    )


def _common(
    entity: str, number: str, fields: Mapping[str, Any], beside: Mapping[str, Any]
) -> dict[str, Any]:
    """What every object has, named after its content."""
    digest = digest_of([fields, beside])
    modified, created = text(fields.get(MODIFIED)), text(fields.get(CREATED))
    company = referred(fields.get("COMPANY_ID"))
    touch = {name: told for name in TOUCH if (told := text(fields.get(f"UTM_{name.upper()}")))}
    return {
        "event_id": f"{entity}:{number}:{modified}:{digest}",
        "occurred_at": iso_moment(modified, MODIFIED),
        "created_at": iso_moment(created, CREATED) if created else "",
        "object_id": number,
        "name": "" if entity == "contact" else text(fields.get("TITLE")),
        "account": {"id": company} if company else {},
        "custom": fields,
        "touch": touch,
    }


def identity(message: Any) -> str:
    told = mapping(message)
    return f"{text(told.get('entity'))}:{number_or_text(told.get('id'))}"


FORMAT = HookFormat(
    name="bitrix24",
    title="Bitrix24 outgoing webhooks",
    options=BitrixOptions,
    verify=verify,
    messages=messages,
    errands=errands,
    fetch=fetch,
    answer=answer,
    rewrite=rewrite,
    identity=identity,
)
