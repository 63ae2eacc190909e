"""Odoo's "Send Webhook Notification": JSON of the fields that an automation rule chose.

Source: odoo/addons/base/models/ir_actions.py, `_run_action_webhook` (17 to 19). A field that is
empty is `false`; a reference is the number of what it refers to, in some versions with its name;
moments are UTC without saying so. Odoo waits one second and does not send again.
"""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import Field

from service.collect.crm import Record, events_of
from service.collect.hooks import HookFormat, HookOptions
from service.collect.moments import iso_moment
from service.collect.native import Sender
from service.collect.people import digest_of, person_of
from service.collect.picking import number_or_text, text
from service.collect.schemas import Text
from service.collect.wire import Call, NativeEvent, Reply, reply_json
from service.kit.errors import BadRequest, Refusal
from service.ledger.append import Receipt

MEANINGS: Final = {"won": "won", "lost": "lost", "pending": "opportunity"}
MODIFIED: Final = ("write_date", "date_last_stage_update", "create_date")
REFERENCES: Final = {
    "source_id": "source",
    "medium_id": "medium",
    "campaign_id": "campaign",
}


class OdooOptions(HookOptions):
    """`names`: what numbers of Odoo stand for, by `field:number`: {"source_id:3": "google"}."""

    names: dict[Text, Text] = Field(default_factory=dict, max_length=2_000)


def messages(call: Call) -> list[Any]:
    """The record by itself. Raises BadRequest."""
    told = call.json
    if not isinstance(told, dict):
        raise BadRequest("not_an_object", "The body is a JSON object, as Odoo sends it.")
    return [told]


def answer(_: Call, receipt: Receipt) -> Reply:
    return reply_json({"accepted": receipt.accepted, "duplicates": receipt.duplicates})


def rewrite(message: Any, _: int, sender: Sender) -> list[NativeEvent]:
    """The native events of one record. Raises Refusal."""
    if not isinstance(message, dict):
        raise Refusal("not_an_object", "", "a webhook of Odoo is a JSON object")
    # Odoo writes `false` for what is empty; only flags are ever true or false by themselves.
    fields = {
        name: value for name, value in message.items() if value is not False and value is not None
    }
    model, number = text(fields.get("_model")), number_or_text(fields.get("_id"), 100)
    if not number:
        raise Refusal("missing_field", "_id", "a record needs its `_id`")
    if model == "crm.lead":
        record = _lead(number, fields, message, sender)
    elif model == "res.partner":
        record = _partner(number, fields, sender)
    else:
        raise Refusal("unknown_value", "_model", "send records of crm.lead or res.partner")
    return events_of(record, sender)


def _lead(
    number: str, fields: Mapping[str, Any], message: Mapping[str, Any], sender: Sender
) -> Record:
    """A lead, or an opportunity: one table holds both, and a lead that is qualified stays itself."""
    stage, name = _reference(fields.get("stage_id"))
    is_lead = text(fields.get("type")) == "lead"
    partner = _reference(fields.get("partner_id"))[0]
    reason, why = _reference(fields.get("lost_reason_id"))
    person = person_of(
        [text(fields.get("email_from"))],
        [phone for n in ("phone", "mobile") if (phone := text(fields.get(n)))],
        crm_lead_id=number,
        crm_contact_id=partner,
    )
    return Record(
        **_common("lead", number, fields, sender),
        kind="lead" if is_lead else "deal",
        lead_id=number,
        statuses=_statuses(stage, name, fields, message),
        meaning=_meaning(fields, message, is_lead),
        reason=why or sender.options.names.get(f"lost_reason_id:{reason}", "") or reason,
        amount=fields.get("expected_revenue"),
        people=person,
        touch=_touch(fields, sender),
    )


def _statuses(
    stage: str, name: str, fields: Mapping[str, Any], message: Mapping[str, Any]
) -> list[str]:
    """A lost record keeps the stage in which it was lost: that it is lost says more."""
    if _is_lost(fields, message):
        return ["lost"]
    found = [status for status in (stage, name) if status]
    return found or [s for s in (text(fields.get("won_status")), text(fields.get("type"))) if s][:1]


def _meaning(fields: Mapping[str, Any], message: Mapping[str, Any], is_lead: bool) -> str:
    """Won, lost and pending by Odoo's own field, which older versions lack: there a lost record is
    archived with no chance left."""
    if _is_lost(fields, message):
        return "rejected" if is_lead else "lost"
    if is_lead:
        return "lead"
    return MEANINGS.get(text(fields.get("won_status")), "")


def _is_lost(fields: Mapping[str, Any], message: Mapping[str, Any]) -> bool:
    if status := text(fields.get("won_status")):
        return status == "lost"
    return message.get("active") is False and message.get("probability") in (0, 0.0)


def _partner(number: str, fields: Mapping[str, Any], sender: Sender) -> Record:
    phones = [phone for n in ("phone", "mobile") if (phone := text(fields.get(n)))]
    company = _reference(fields.get("commercial_partner_id"))[0]
    company = company or _reference(fields.get("parent_id"))[0]
    return Record(
        **_common("contact", number, fields, sender),
        kind="contact",
        people=person_of([text(fields.get("email"))], phones, crm_contact_id=number),
        account={"id": company} if company and company != number else {},
    )


def _common(name: str, number: str, fields: Mapping[str, Any], sender: Sender) -> dict[str, Any]:
    """What both have. A notification has no id of its own, so it is named after its moment and
    content; after that of its arrival where it has none, since Odoo sends nothing twice and a
    record may well become again what it was."""
    told = {n: v for n, v in fields.items() if n != "_action"}
    digest = digest_of(told)
    modified = next((n for n in MODIFIED if n in fields), "")
    zone = sender.options.timezone or "UTC"
    created = fields.get("create_date", "")
    moment = iso_moment(fields[modified], modified, zone) if modified else ""
    moment = moment or sender.received_at.isoformat()
    return {
        "event_id": f"{name}:{number}:{moment}:{digest}",
        "occurred_at": moment,
        "created_at": iso_moment(created, "create_date", zone) if created else "",
        "object_id": number,
        "name": text(fields.get("name")) if name == "lead" else "",
        "custom": {n: _plain(v) for n, v in fields.items()},
    }


def _touch(fields: Mapping[str, Any], sender: Sender) -> dict[str, str]:
    """The campaign of the record; a number without a name says nothing but of a campaign."""
    touch = {}
    for field, ours in REFERENCES.items():
        number, name = _reference(fields.get(field))
        if told := name or sender.options.names.get(f"{field}:{number}", ""):
            touch[ours] = told
        if number and field == "campaign_id":
            touch["campaign_id"] = number
    return touch


def _reference(value: Any) -> tuple[str, str]:
    """Number and name of what is referred to: 7, [7, "Won"], or an object with both."""
    if isinstance(value, dict):
        value = [value.get("id"), value.get("display_name") or value.get("name")]
    if isinstance(value, list):
        number = number_or_text(value[0], 100) if value else ""
        return number, text(value[1]) if len(value) > 1 else ""
    return number_or_text(value, 100), ""


def _plain(value: Any) -> Any:
    number, name = _reference(value) if isinstance(value, list | dict) else ("", "")
    return name or number if isinstance(value, list | dict) else value


def identity(message: Any) -> str:
    told = message if isinstance(message, dict) else {}
    return f"{text(told.get('_model'))}:{number_or_text(told.get('_id'))}"


FORMAT = HookFormat(
    name="odoo",
    title="Odoo webhook notifications",
    options=OdooOptions,
    messages=messages,
    answer=answer,
    rewrite=rewrite,
    identity=identity,
)
