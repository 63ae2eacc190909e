"""Webhooks of amoCRM, elsewhere called Kommo: forms with PHP's brackets, unsigned.

Sources: amocrm.ru/developers, "Webhooks"; kommo.com/developers; the fields that public receivers
read. A deal is led through one pipeline from the first contact on; 142 is won and 143 lost in each
of them. Amounts are in the account's currency. The sender ends a hook that answers anything but
200 for long, so what cannot be read is quarantined behind a 200.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from service.collect.body import Unreadable
from service.collect.brackets import Tree, in_order, parse_brackets
from service.collect.crm import LEAD_STAGES, Record, events_of, stage_of
from service.collect.hooks import HookFormat
from service.collect.moments import iso_moment
from service.collect.native import Sender
from service.collect.people import digest_of, further_of, person_of, undated
from service.collect.picking import first, mapping, referred, text
from service.collect.wire import Call, NativeEvent, Reply, reply_text
from service.kit.errors import BadRequest, Refusal, ThroughlineError, Unavailable
from service.ledger.append import Receipt

OBJECTS: Final = ("leads", "contacts", "unsorted")
ACTIONS: Final = ("add", "update", "status", "responsible", "restore", "delete")
MEANINGS: Final = {"142": "won", "143": "lost"}
MOMENTS: Final = ("last_modified", "updated_at", "created_at", "date_create")
CREATED: Final = ("created_at", "date_create")
# Codes of the fields that amoCRM itself fills from the website's tracking.
TOUCH: Final = {
    "UTM_SOURCE": "source",
    "UTM_MEDIUM": "medium",
    "UTM_CAMPAIGN": "campaign",
    "UTM_CONTENT": "content",
    "UTM_TERM": "term",
}
CLICKS: Final = ("GCLID", "YCLID", "FBCLID")
# Whoever moves what, and when, is no part of what the object has become.
UNTOLD: Final = frozenset(
    {"old_status_id", "old_pipeline_id", "modified_user_id", "updated_by", "modified_by"}
)


def messages(call: Call) -> list[Any]:
    """Each changed object by itself; a body that is no form is one message that cannot be read."""
    body = call.body.decode("utf-8", "replace")
    try:
        tree = parse_brackets(body)
    except BadRequest as error:
        return [Unreadable(Refusal(error.code, "", error.detail), body)]
    return list(_changes(tree))


def _changes(tree: Tree) -> Iterator[dict[str, Any]]:
    for name, actions in tree.items():
        for action, items in mapping(actions).items():
            for item in in_order(items):
                yield {"object": name, "action": action, "item": item}


def answer(_: Call, __: Receipt) -> Reply:
    return reply_text("ok")


def refuse(_: Call, error: ThroughlineError) -> Reply:
    """200 for what sending again does not mend."""
    return reply_text(error.code, error.status if isinstance(error, Unavailable) else 200)


def rewrite(message: Any, _: int, sender: Sender) -> list[NativeEvent]:
    """The native events of one change; none of chats, tasks, notes. Raises Refusal."""
    change = mapping(message)
    if change.get("object") not in OBJECTS or change.get("action") not in ACTIONS:
        return []
    item = change.get("item")
    if not isinstance(item, dict):
        raise Refusal("not_an_object", "item", "a change holds the fields of what changed")
    events: list[NativeEvent] = []
    if change.get("object") == "unsorted":
        for record in _unsorted(item, str(change.get("action")), sender):
            events += events_of(record, sender)
    elif change.get("object") == "contacts":
        events += _contact(item, str(change.get("action")), sender)
    else:
        events += events_of(_lead(item, str(change.get("action")), sender), sender)
    return events if _moment_of(item) else undated(events)


def _lead(item: Tree, action: str, sender: Sender) -> Record:
    lead_id, status = _id_of(item), text(item.get("status_id"))
    pipeline = text(item.get("pipeline_id"))
    contact, custom = text(item.get("main_contact_id")), _custom(item)
    record = _record(
        item,
        sender,
        kind="deal",
        object_id=lead_id,
        lead_id=lead_id,
        statuses=[name for name in (f"{pipeline}:{status}", status) if status],
        meaning=MEANINGS.get(status, ""),
        reason=_loss_reason(item) if status == "143" else "",
        amount=first(item, ("price",)),
        name=text(item.get("name")),
        people=_person_of_lead(lead_id, custom),
        linked=[{"crm_contact_id": contact}] if contact.strip("0") else [],
        custom={**{n: v for n, v in item.items() if isinstance(v, str)}, **custom},
        touch=_touch(custom),
    )
    return _deleted(record, sender) if action == "delete" else record


def _deleted(record: Record, sender: Sender) -> Record:
    """An object that is no more: lost, or rejected if it had not become a deal."""
    try:
        stage = stage_of(record, sender.options)[0]
    except Refusal:
        stage = ""
    meaning = "rejected:deleted" if stage in LEAD_STAGES else "lost:deleted"
    return Record(
        event_id=f"{record.event_id}:deleted",
        occurred_at=record.occurred_at,
        kind="deal",
        object_id=record.object_id,
        lead_id=record.lead_id,
        statuses=["deleted"],
        meaning=meaning,
        people=record.people,
    )


def _contact(item: Tree, action: str, sender: Sender) -> list[NativeEvent]:
    if action == "delete" or text(item.get("type")) == "company":
        return []
    contact_id, fields = _id_of(item), _fields(item)
    emails, phones = fields.get("EMAIL", []), fields.get("PHONE", [])
    company = referred(item.get("linked_company_id")) or referred(item.get("company_id"))
    record = _record(
        item,
        sender,
        kind="contact",
        object_id=contact_id,
        people=person_of(emails, phones, crm_contact_id=contact_id),
        also=further_of(email=emails, phone=phones),
        account={"id": company} if company else {},
        custom=_custom(item),
        touch=_touch(_custom(item)),
    )
    prefix = sender.options.id_prefix
    links = [
        {
            # Dated by the contact's making, it is one fact however often it is told.
            "id": f"contact:{contact_id}:lead:{lead_id}"
            if record.created_at
            else f"{record.event_id}:lead:{lead_id}",
            "type": "identify",
            "occurred_at": record.created_at or record.occurred_at,
            "identifiers": {"crm_contact_id": prefix + contact_id, "crm_lead_id": prefix + lead_id},
        }
        for lead_id in _linked_leads(item)
    ]
    return [*events_of(record, sender), *links]


def _linked_leads(item: Tree) -> list[str]:
    """`linked_leads_id[7][ID]=7`, in older accounts `linked_leads_id[0]=7`."""
    found = [
        text(node.get("ID")) if isinstance(node, dict) else text(node)
        for node in in_order(item.get("linked_leads_id"))
    ]
    return [lead_id for lead_id in dict.fromkeys(found) if lead_id.strip("0")]


def _unsorted(item: Tree, action: str, sender: Sender) -> Iterator[Record]:
    """An incoming request that nobody has taken yet is a lead; one that was declined, rejected."""
    inside = mapping(item.get("data"))
    leads = [mapping(lead) for lead in in_order(inside.get("leads"))]
    if action == "delete":
        if text(item.get("action")) != "decline":
            return
        declined = in_order(mapping(item.get("decline_result")).get("leads"))
        ids = [text(lead) for lead in declined] or [text(item.get("lead_id"))]
        leads = [{"id": lead_id} for lead_id in ids]
    elif not leads and text(item.get("lead_id")):
        leads = [{"id": text(item.get("lead_id"))}]
    contact = next((mapping(c) for c in in_order(inside.get("contacts"))), {})
    fields = _fields(contact)
    for lead in leads:
        lead_id = _id_of(lead or {"id": item.get("lead_id")})
        custom = _custom(lead)
        person = person_of(
            fields.get("EMAIL", []),
            fields.get("PHONE", []),
            crm_contact_id=text(contact.get("id")),
            **_person_of_lead(lead_id, custom),
        )
        yield _record(
            {**item, "data": lead, "contact": contact},
            sender,
            kind="lead",
            object_id=lead_id,
            statuses=["declined" if action == "delete" else "unsorted"],
            meaning="rejected:declined" if action == "delete" else "lead",
            name=text(lead.get("name")),
            people=person,
            custom=custom,
            touch=_touch(custom),
        )


def _record(item: Tree, sender: Sender, **fields: Any) -> Record:
    """A Record named after the object, its moment and its content: one change is told by several
    hooks (`update`, `status`), and is one change nevertheless."""
    moment = _moment_of(item)
    occurred_at = (
        iso_moment(item[moment], moment, form="s") if moment else sender.received_at.isoformat()
    )
    created = next((n for n in CREATED if text(item.get(n)).strip("0")), "")
    told = {name: value for name, value in item.items() if name not in UNTOLD}
    return Record(
        event_id=f"{fields['kind']}:{fields['object_id']}:{text(item.get(moment))}:{digest_of(told)}",
        occurred_at=occurred_at,
        created_at=iso_moment(item[created], created, form="s") if created else "",
        **fields,
    )


def _moment_of(item: Tree) -> str:
    """The field that says when the object was changed; empty where none does."""
    return next((name for name in MOMENTS if text(item.get(name)).strip("0")), "")


def _id_of(item: Mapping[str, Any]) -> str:
    if not (found := text(item.get("id"), 100)).strip("0"):
        raise Refusal("missing_field", "item.id", "what changed needs its `id`")
    return found


def _fields(item: Tree) -> dict[str, list[str]]:
    """The values of the custom fields, by the field's code, name and number."""
    found: dict[str, list[str]] = {}
    for node in in_order(item.get("custom_fields")):
        field = mapping(node)
        values = [
            text(value.get("value") if isinstance(value, dict) else value)
            for value in in_order(field.get("values"))
        ]
        for name in ("id", "name", "code"):
            if (key := text(field.get(name))) and (told := [v for v in values if v]):
                found[key] = told
    return found


def _custom(item: Tree) -> dict[str, str]:
    return {name: ", ".join(values) for name, values in _fields(item).items()}


def _person_of_lead(lead_id: str, custom: Mapping[str, str]) -> dict[str, str]:
    browser = custom.get("GCLIENTID", "")
    return {"crm_lead_id": lead_id, **({"ga_client_id": browser} if browser else {})}


def _touch(custom: Mapping[str, str]) -> dict[str, Any]:
    touch: dict[str, Any] = {ours: custom[code] for code, ours in TOUCH.items() if code in custom}
    if clicks := {code.lower(): custom[code] for code in CLICKS if code in custom}:
        touch["click_ids"] = clicks
    return touch


def _loss_reason(item: Tree) -> str:
    node = item.get("loss_reason")
    named = next((mapping(n) for n in in_order(node)), {}) or mapping(node)
    return text(named.get("name")) or referred(item.get("loss_reason_id"))


def identity(message: Any) -> str:
    item = mapping(mapping(message).get("item"))
    return text(item.get("id")) or text(item.get("uid"))


FORMAT = HookFormat(
    name="amocrm",
    title="amoCRM / Kommo webhooks",
    messages=messages,
    answer=answer,
    refuse=refuse,
    rewrite=rewrite,
    identity=identity,
)
