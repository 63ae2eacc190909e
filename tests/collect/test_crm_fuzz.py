"""Whatever comes to a CRM's hook becomes facts or refusals, and nothing else."""

import contextlib
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.collect.hooks import hook_formats, validated
from service.collect.intake import collect_messages
from service.kit.errors import BadRequest, Unauthenticated
from tests.collect.hooked import received
from tests.collect.portal import CONTACT, DEAL, LEAD, TOKEN
from tests.collect.sending import ROOM, call, sender
from tests.collect.test_odoo import RECORD

STAGES = {"stages": {"1": "lead", "2": "won", "3": "lost:why", "4": "ignore", "a": "sql"}}
OPTIONS: dict[str, dict[str, Any]] = {
    "amocrm": {**STAGES, "fields": {"1": "identifiers.email", "a": "touch.source"}},
    "salesforce": {**STAGES, "reason_field": "Name", "fields": {"Name": "account.name"}},
    "odoo": {**STAGES, "fields": {"name": "segment.name", "id": "identifiers.user_id"}},
    "bitrix24": {**STAGES, "application_token": TOKEN, "portal": "https://b.example/rest/1/x/"},
}
odd = (
    st.sampled_from(["1", "2", "3", "4", "a", "", "0", "142", "true", "1e9", "-1", "2026-03-01"])
    | st.text(st.characters(), max_size=6)
    | st.integers(-5, 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.none()
    | st.booleans()
)
trees = st.recursive(
    odd,
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(
            st.sampled_from(["ID", "id", "name", "VALUE", "EMAIL", "0", "a"]), below, max_size=3
        )
    ),
    max_leaves=6,
)


def rewritten(kind: str, message: Any) -> None:
    wire = hook_formats()[kind]
    who = replace(sender(), options=validated(kind, OPTIONS[kind]))
    batch = collect_messages([message], who, wire, ROOM)
    assert batch.facts or batch.refused or batch.ignored


def changed(whole: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """The object with any of its fields gone or replaced by anything."""
    return st.fixed_dictionaries(
        {}, optional={name: st.just(v) | trees for name, v in whole.items()}
    )


@given(changed(RECORD))
def test_odoo(record: Any) -> None:
    rewritten("odoo", record)


@given(
    st.sampled_from(["deal", "lead", "contact", "x"]),
    changed({**LEAD, **CONTACT, **DEAL}),
    st.fixed_dictionaries({}, optional={"contacts": trees, "contact": trees, "gone": trees}),
)
def test_bitrix24(entity: str, record: Any, more: dict[str, Any]) -> None:
    rewritten("bitrix24", {"entity": entity, "id": "410", "record": record, **more})


names = st.sampled_from(
    [
        "id",
        "status_id",
        "pipeline_id",
        "price",
        "last_modified",
        "created_at",
        "custom_fields",
        "name",
        "code",
        "values",
        "value",
        "data",
        "leads",
        "contacts",
        "linked_leads_id",
        "ID",
        "uid",
        "lead_id",
        "action",
        "decline_result",
        "loss_reason",
        "0",
        "1",
    ]
)
places = st.tuples(
    st.sampled_from(["leads", "contacts", "unsorted", "account", "a"]),
    st.sampled_from(["add", "update", "status", "delete", "0"]),
    st.sampled_from(["0", "1", ""]),
    st.lists(names, max_size=4),
)


@given(st.lists(st.tuples(places, st.text(max_size=5) | st.sampled_from(["1", "5", "142"]))))
def test_amocrm(pairs: list[tuple[Any, str]]) -> None:
    fields = [("".join([a, *(f"[{s}]" for s in (b, c, *rest))]), v) for (a, b, c, rest), v in pairs]
    body = urlencode(fields, errors="replace").encode()
    received("amocrm", call("/x", body), **OPTIONS["amocrm"])


@given(
    st.sampled_from(["Opportunity", "Lead", "Contact", "OpportunityContactRole", ""]),
    st.dictionaries(
        st.sampled_from(
            [
                "Id",
                "StageName",
                "IsWon",
                "IsClosed",
                "Amount",
                "CurrencyIsoCode",
                "ContactId",
                "Status",
                "Email",
                "Phone",
                "Name",
                "LastModifiedDate",
                "ConvertedOpportunityId",
                "ConvertedDate",
                "OpportunityId",
                "AccountId",
            ]
        ),
        odd,
    ),
)
def test_salesforce(kind: str, fields: dict[str, Any]) -> None:
    rewritten("salesforce", {"id": "04l1", "type": kind, "fields": fields})


@pytest.mark.parametrize("kind", sorted(OPTIONS))
@given(st.binary(max_size=80) | st.text(max_size=40).map(lambda t: t.encode("utf-8", "replace")))
def test_any_bytes(kind: str, body: bytes) -> None:
    with contextlib.suppress(BadRequest, Unauthenticated):
        received(kind, call("/x", body), **OPTIONS[kind])


@pytest.mark.parametrize("kind", sorted(OPTIONS))
@given(trees)
def test_any_message_of_the_quarantine(kind: str, message: Any) -> None:
    rewritten(kind, message)
