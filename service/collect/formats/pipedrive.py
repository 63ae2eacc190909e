"""Pipedrive's webhooks of version 2: each tells the whole state of one object after a change.

A deal that was merged into another is deleted, and the other changes; so are persons, who become
one here by their addresses. A lead that becomes a deal is deleted, too: that says nothing.

Source: Pipedrive's guide for webhooks v2.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import Field

from service.collect.crm import Record, events_of
from service.collect.hooks import HookFormat, HookOptions
from service.collect.moments import iso_moment
from service.collect.native import Sender
from service.collect.picking import mapping, number_or_text, text
from service.collect.schemas import Text
from service.collect.signing import check_basic
from service.collect.wire import Call, NativeEvent, Reply, reply_json
from service.kit.errors import Refusal
from service.ledger.append import Receipt

STATUSES: Final = {"open": "opportunity", "won": "won", "lost": "lost", "deleted": "lost:deleted"}
ADDRESSES: Final = (("email", ("emails", "email")), ("phone", ("phones", "phone")))
MOST_ADDRESSES: Final = 10
UTC: Final = "UTC"
"""Zone of moments that Pipedrive writes without one."""


class PipedriveOptions(HookOptions):
    """`user` and `password`: HTTP Basic, as set on the webhook; without a password the address alone
    is the secret. `stages`: `pipeline:stage`, the stage's id, or the status of a deal."""

    user: Text = ""
    password: Text = Field("", repr=False)


def verify(call: Call, options: PipedriveOptions) -> None:
    """Raises Unauthenticated."""
    if options.password:
        check_basic(call.headers.get("authorization", ""), options.user, options.password)


def read(message: Any, _: int, sender: Sender) -> list[NativeEvent]:
    """The native events of a change. Raises Refusal."""
    meta = mapping(mapping(message).get("meta"))
    if text(meta.get("version")) != "2.0":
        raise Refusal(
            "unknown_value", "meta.version", "this is no webhook of version 2.0; make it with v2"
        )
    reader = _READERS.get(text(meta.get("entity")))
    action = text(meta.get("action"))
    data = message.get("data")
    if action == "delete":
        data = data or message.get("previous")
    if reader is None or not isinstance(data, dict):
        if reader is not None and action != "delete":
            raise Refusal("missing_field", "data", "a change holds the object in `data`")
        data = {}
    if reader is None:
        return []
    object_id = number_or_text(meta.get("entity_id"), 100) or number_or_text(data.get("id"), 100)
    if not object_id:
        raise Refusal("missing_field", "meta.entity_id", "a change names its object")
    moment = iso_moment(meta.get("timestamp"), "meta.timestamp", UTC)
    name = f"{meta['entity']}:{object_id}:{number_or_text(meta.get('id'), 60) or moment}"
    common = {"event_id": name, "occurred_at": moment, "object_id": object_id}
    record = reader(data, action == "delete", common)
    records = [*_end(record, data), record] if record else []
    return [event for found in records for event in events_of(found, sender)]


def _deal(data: Mapping[str, Any], deleted: bool, common: dict[str, Any]) -> Record:
    status = "deleted" if deleted or data.get("is_deleted") is True else text(data.get("status"))
    stage = number_or_text(data.get("stage_id"))
    statuses = [status] if status else []
    if status in ("open", "") and stage:
        # A won deal keeps the stage in which it was won.
        statuses = [f"{number_or_text(data.get('pipeline_id'))}:{stage}", stage, *statuses]
    return Record(
        kind="deal",
        statuses=statuses,
        meaning=STATUSES.get(status, ""),
        reason=text(data.get("lost_reason")),
        name=text(data.get("title")),
        **_worth(data),
        **_belonging(data, deleted),
        **common,
    )


def _end(record: Record, data: Mapping[str, Any]) -> Iterator[Record]:
    """That a deal was won or lost, dated by its own moment: what is changed afterwards is told with
    the same status and a later one."""
    status = record.statuses[0] if record.kind == "deal" and record.statuses else ""
    if status in ("won", "lost") and (ended := data.get(f"{status}_time")):
        moment = iso_moment(ended, f"data.{status}_time", UTC)
        yield Record(
            event_id=f"deal:{record.object_id}:{status}:{moment}",
            occurred_at=moment,
            kind="deal",
            object_id=record.object_id,
            statuses=record.statuses,
            meaning=record.meaning,
        )


def _lead(data: Mapping[str, Any], deleted: bool, common: dict[str, Any]) -> Record | None:
    if deleted:
        return None
    labels = data.get("label_ids")
    archived = data.get("is_archived") is True
    return Record(
        kind="lead",
        statuses=["archived"]
        if archived
        else [*map(number_or_text, labels if isinstance(labels, list) else ()), "lead"],
        meaning="rejected:archived" if archived else "lead",
        name=text(data.get("title")),
        **_belonging(data, False),
        **common,
    )


def _person(data: Mapping[str, Any], deleted: bool, common: dict[str, Any]) -> Record | None:
    if deleted:
        return None
    people: dict[str, Any] = {"crm_contact_id": common["object_id"]}
    also: list[dict[str, str]] = []
    for kind, names in ADDRESSES:
        values = _addresses(next((v for n in names if (v := data.get(n))), None))
        if values:
            people[kind] = values[0]
        also += [{kind: value} for value in values[1:]]
    belonging = _belonging(data, False)
    return Record(kind="contact", also=also, **{**belonging, "people": people}, **common)


def _addresses(value: Any) -> list[str]:
    """E-mail addresses or telephone numbers, the primary one first."""
    rows = value if isinstance(value, list) else [value]
    rows = [row if isinstance(row, dict) else {"value": row} for row in rows[:MOST_ADDRESSES]]
    rows.sort(key=lambda row: row.get("primary") is not True)
    found = (number_or_text(row.get("value")) for row in rows)
    return list(dict.fromkeys(one for one in found if one))


def _worth(data: Mapping[str, Any]) -> dict[str, Any]:
    value = data.get("value")
    if isinstance(value, dict):
        return {"amount": value.get("amount"), "currency": text(value.get("currency"))}
    return {"amount": value, "currency": text(data.get("currency"))}


def _belonging(data: Mapping[str, Any], deleted: bool) -> dict[str, Any]:
    """The person and organisation of an object, and its fields, those of the account's own too."""
    person = _reference(data.get("person_id"))
    company = _reference(data.get("org_id")) or _reference(data.get("organization_id"))
    created = data.get("add_time")
    fields = {name: value for name, value in data.items() if not isinstance(value, dict | list)}
    fields |= {name: _plain(v) for name, v in mapping(data.get("custom_fields")).items()}
    return {
        "people": {"crm_contact_id": person} if person else {},
        "account": {"id": company} if company else {},
        "custom": {} if deleted else fields,
        "created_at": iso_moment(created, "data.add_time", UTC) if created else "",
    }


def _reference(value: Any) -> str:
    given = mapping(value)
    return number_or_text(given.get("value") or given.get("id") or value, 100)


def _plain(value: Any) -> Any:
    """A custom field's value: text and numbers as they are, of options their ids."""
    if not isinstance(value, dict):
        return value
    if isinstance(rows := value.get("values"), list):
        return ",".join(number_or_text(mapping(row).get("id") or row) for row in rows)
    return next((value[n] for n in ("value", "id") if value.get(n) is not None), None)


def answer(_: Call, receipt: Receipt) -> Reply:
    return reply_json({"accepted": receipt.accepted, "duplicates": receipt.duplicates})


def identity(message: Any) -> str:
    return number_or_text(mapping(mapping(message).get("meta")).get("id"), 200)


_READERS: Final = {"deal": _deal, "lead": _lead, "person": _person}

FORMAT = HookFormat(
    name="pipedrive",
    title="Pipedrive's webhooks v2",
    options=PipedriveOptions,
    verify=verify,
    messages=lambda call: [call.json],
    answer=answer,
    rewrite=read,
    identity=identity,
)
