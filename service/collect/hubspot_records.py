"""What properties of HubSpot's records say: of single events, and of whole records.

Sources: HubSpot's documentation of the webhooks API and of its default properties.
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

from service.collect.crm import Record
from service.collect.hooks import HookOptions
from service.collect.moments import iso_moment
from service.collect.picking import mapping, number_or_text, text
from service.collect.segment import encoded
from service.kit.errors import Refusal

TYPES: Final = {"0-1": "contact", "0-2": "company", "0-3": "deal", "0-136": "lead"}
"""Objects by their type id, as `object.…` events name them."""

DEAL_STAGES: Final = {
    "appointmentscheduled": "opportunity",
    "qualifiedtobuy": "opportunity",
    "presentationscheduled": "opportunity",
    "decisionmakerboughtin": "opportunity",
    "contractsent": "opportunity",
    "closedwon": "won",
    "closedlost": "lost",
}
"""The stages of the pipeline that every account begins with; those of others are numbers."""

LIFECYCLE: Final = {
    "subscriber": "ignore",
    "lead": "lead",
    "marketingqualifiedlead": "mql",
    "salesqualifiedlead": "sql",
    "opportunity": "ignore",
    "customer": "ignore",
    "evangelist": "ignore",
    "other": "ignore",
}
"""A contact's life cycle; from `opportunity` on its deals say more."""

SOURCES: Final = {
    "ORGANIC_SEARCH": "organic_search",
    "PAID_SEARCH": "paid_search",
    "EMAIL_MARKETING": "email",
    "SOCIAL_MEDIA": "organic_social",
    "PAID_SOCIAL": "paid_social",
    "REFERRALS": "referral",
    "DIRECT_TRAFFIC": "direct",
    "AI_REFERRALS": "ai_assistant",
}
"""`hs_analytics_source` → channel; other values are channels of their own."""

STATUS_OF: Final = {"deal": "dealstage", "lead": "hs_pipeline_stage", "contact": "lifecyclestage"}
PEOPLE: Final = {"email": "email", "phone": "phone", "mobilephone": "phone"}
CLICK: Final = "hs_google_click_id"


class HubspotOptions(HookOptions):
    """`secret`: the app's client secret; without one requests are not verified, and the address
    alone is the secret. `older_signatures`: also take v1 and v2, which hold no moment.
    `amount_property`: which property is a deal's amount; `amount_in_home_currency` for accounts
    that sell in several currencies. `original_source`: make a touch of where HubSpot says a contact
    came from, for sites that send no page views."""

    older_signatures: bool = False
    amount_property: str = "amount"
    original_source: bool = False


def object_id_of(message: Mapping[str, Any], name: str = "objectId") -> str:
    found = number_or_text(message.get(name), 100)
    if not found:
        raise Refusal("missing_field", name, f"an event names its object in `{name}`")
    return found


def record_of(
    message: Mapping[str, Any],
    kind: str,
    event_id: str,
    moment: str,
    statuses: Sequence[str] = (),
    meaning: str = "",
    **more: Any,
) -> Record:
    object_id = object_id_of(message)
    if kind == "contact":
        people = {"crm_contact_id": object_id, **more.get("people", {})}
        # The life cycle of a contact is that of a lead of the same name.
        kind, more = "lead" if statuses else "contact", {**more, "people": people}
    return Record(
        event_id=event_id,
        occurred_at=moment,
        kind=kind,  # type: ignore[arg-type]
        object_id=object_id,
        statuses=statuses,
        meaning=meaning,
        **more,
    )


def said_of(values: Mapping[str, Any], kind: str, options: HubspotOptions) -> dict[str, Any]:
    """What properties say, as parts of a Record."""
    status = number_or_text(values.get(STATUS_OF.get(kind, "")))
    known = {"deal": DEAL_STAGES, "contact": LIFECYCLE}.get(kind, {})
    found: dict[str, Any] = {
        "statuses": (status,) if status else (),
        "meaning": known.get(status, ""),
        "custom": {},
    }
    if kind == "deal":
        if options.amount_property in values:
            # Taken away again: a deal is then worth nothing that anybody knows.
            found["amount"] = values[options.amount_property] or "0"
        found["reason"] = text(values.get("closed_lost_reason"))
        found["name"] = text(values.get("dealname"))
    if kind == "contact":
        people = {ours: values[n] for n, ours in PEOPLE.items() if values.get(n) not in (None, "")}
        if click := text(values.get(CLICK)):
            people["click:gclid"] = click
        found["people"] = people
    found["custom"] = {n: v for n, v in values.items() if n in options.fields}
    return found


def whole_record(message: Mapping[str, Any], options: HubspotOptions) -> Record:
    """A record with its properties, as workflows and the CRM's own API write it."""
    values = {
        name: value.get("value") if isinstance(value, dict) else value
        for name, value in mapping(message["properties"]).items()
    }
    named = TYPES.get(text(message.get("objectTypeId"))) or text(message.get("objectType")).lower()
    kind = named if named in STATUS_OF else "deal" if "dealstage" in values else "contact"
    object_id = next(
        (i for n in ("objectId", "vid", "dealId", "id") if (i := number_or_text(message.get(n)))),
        "",
    ) or number_or_text(values.get("hs_object_id"))
    said = said_of(values, kind, options)
    said["currency"] = text(values.get("deal_currency_code")) if kind == "deal" else ""
    if options.amount_property != "amount":
        said["currency"] = ""
    said |= _belonging(message, kind)
    if options.original_source and kind == "contact":
        said["touch"] = _original(values)
    if created := values.get("createdate") or values.get("hs_createdate"):
        said["created_at"] = iso_moment(created, "properties.createdate")
    changed = _changed_at(message, values)
    moment = iso_moment(changed, "properties.hs_lastmodifieddate")
    digest = blake2b(encoded(values), digest_size=8).hexdigest()
    name = f"record:{kind}:{object_id}:{number_or_text(changed, 40)}:{digest}"
    return record_of({"objectId": object_id}, kind, name, moment, **said)


def _changed_at(message: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    for name in ("hs_lastmodifieddate", "lastmodifieddate"):
        if values.get(name) not in (None, ""):
            return values[name]
    stamps = [
        value.get("timestamp")
        for value in mapping(message["properties"]).values()
        if isinstance(value, dict)
    ]
    numbers = [stamp for stamp in stamps if isinstance(stamp, int) and not isinstance(stamp, bool)]
    return max(numbers) if numbers else message.get("updatedAt") or message.get("occurredAt")


def _belonging(message: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Contacts and the company that a record names."""
    around = mapping(message.get("associations"))
    ids: dict[str, list[str]] = {}
    for ours, old, new in (
        ("contacts", "associatedVids", "contacts"),
        ("companies", "associatedCompanyIds", "companies"),
    ):
        rows = around.get(old) or mapping(around.get(new)).get("results") or []
        rows = rows if isinstance(rows, list) else []
        found = (number_or_text(r.get("id") if isinstance(r, dict) else r) for r in rows)
        ids[ours] = [one for one in found if one]
    account = {"account": {"id": ids["companies"][0]}} if ids["companies"] else {}
    linked = [{"crm_contact_id": one} for one in ids["contacts"][:100]]
    return {**account, "linked": linked} if kind == "deal" else account


def _original(values: Mapping[str, Any]) -> dict[str, Any]:
    """The touch that HubSpot remembers of a contact."""
    source = text(values.get("hs_analytics_source"))
    if not source or source in ("OFFLINE", "OTHER_CAMPAIGNS"):
        return {}
    touch: dict[str, Any] = {"channel": SOURCES.get(source, source.lower())}
    if source.startswith("PAID") and (campaign := text(values.get("hs_analytics_source_data_1"))):
        touch["campaign"] = campaign
    if click := text(values.get(CLICK)):
        touch["click_ids"] = {"gclid": click}
    return touch
