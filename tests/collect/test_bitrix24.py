"""Bitrix24's webhooks and what its portal answers: exact facts out of both."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from service.collect.bitrix24 import fetch
from service.collect.formats.bitrix24 import FORMAT
from service.collect.hooks import TryLater, validated
from service.collect.intake import collect_messages
from service.kit.errors import BadRequest, Refusal, Unauthenticated
from service.kit.outbound import outbound_client
from service.ledger.append import Batch
from tests.collect.hooked import conversions, facts_of, received, refusals_of
from tests.collect.portal import CONTACT, DEAL, LEAD, TOKEN, Portal, event, running_portal
from tests.collect.sending import ROOM, call, ignored, sender

OPTIONS: dict[str, Any] = {
    "application_token": TOKEN,
    "portal": "https://example.bitrix24.com/rest/1/x",
    "fields": {"UF_CRM_CITY": "segment.city"},
}


@pytest.fixture(scope="module")
def _server() -> Iterator[Portal]:
    with running_portal() as portal:
        yield portal


@pytest.fixture
def portal(_server: Portal) -> Portal:
    """A portal as it was at the beginning."""
    _server.__dict__.update({**Portal().__dict__, "address": _server.address})
    return _server


def options(**more: Any) -> Any:
    return validated("bitrix24", {**OPTIONS, **more})


def fetched(portal: Portal, entity: str = "deal", number: int = 410) -> dict[str, Any]:
    with outbound_client(True) as client:
        return fetch({"entity": entity, "id": str(number)}, options(portal=portal.address), client)


def read(message: Any, **more: Any) -> Batch:
    who = sender()
    object.__setattr__(who, "options", options(**more))
    return collect_messages([message], who, FORMAT, ROOM)


def deal(**fields: Any) -> dict[str, Any]:
    return {"entity": "deal", "id": "410", "record": {**DEAL, **fields}, "contacts": ["84", "85"],
            "contact": {n: CONTACT[n] for n in ("EMAIL", "PHONE")}}  # fmt: skip


def errands(body: bytes) -> list[Any]:
    assert FORMAT.errands is not None
    return [(e.name, dict(e.payload)) for e in FORMAT.errands(call("/x", body))]


@pytest.mark.parametrize(
    ("name", "entity"),
    [
        ("ONCRMDEALADD", "deal"),
        ("ONCRMDEALUPDATE", "deal"),
        ("OnCrmLeadUpdate", "lead"),
        ("ONCRMCONTACTADD", "contact"),
    ],
)
def test_a_change_is_an_errand(name: str, entity: str) -> None:
    assert errands(event(name)) == [(f"{entity}:410", {"entity": entity, "id": "410"})]
    assert received("bitrix24", call("/x", event(name)), **OPTIONS) == Batch([], [])


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("ONCRMCOMPANYADD", 5), ("ONAPPINSTALL", 5), ("", 5), ("ONCRMDEALUPDATE", "../../x"),
        ("ONCRMDEALUPDATE", "0"), ("ONCRMDEALUPDATE", "5&x=1"), ("ONCRMDEALUPDATE", "9" * 19),
        ("ONCRMDEALADDX", 5),
    ],
)  # fmt: skip
def test_other_events_are_counted_and_left_alone(name: str, number: Any) -> None:
    assert errands(event(name, number)) == []
    batch = received("bitrix24", call("/x", event(name, number)), **OPTIONS)
    assert (batch.facts, batch.refused, ignored(batch)) == ([], [], 1)


@pytest.mark.parametrize("token", ["", "x", TOKEN[:-1], TOKEN + "0", TOKEN.upper(), "ключ"])
def test_a_wrong_token(token: str) -> None:
    with pytest.raises(Unauthenticated) as caught:
        received("bitrix24", call("/x", event("ONCRMDEALUPDATE", token=token)), **OPTIONS)
    assert caught.value.code == "wrong_token"


@pytest.mark.parametrize("body", [b"", b"{}", b"event=ONCRMDEALUPDATE", b"auth=" + TOKEN.encode()])
def test_no_token(body: bytes) -> None:
    with pytest.raises(Unauthenticated):
        received("bitrix24", call("/x", body), **OPTIONS)


def test_a_form_that_is_a_bomb() -> None:
    with pytest.raises(BadRequest):
        received("bitrix24", call("/x", b"a" + b"[b]" * 99 + b"=1"), **OPTIONS)


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"application_token": ""}, "options.application_token"),
        ({"portal": "http://example.com/rest/1/x/"}, "options.portal"),
        ({"portal": "https://user:x@example.com/"}, "options.portal"),
        ({"portal": "ftp://example.com/"}, "options.portal"),
    ],
)
def test_options(more: dict[str, Any], field: str) -> None:
    with pytest.raises(Refusal) as caught:
        options(**more)
    assert caught.value.field == field
    assert options().portal == "https://example.bitrix24.com/rest/1/x/"


def test_a_deal_is_fetched_with_its_contacts(portal: Portal) -> None:
    message = fetched(portal)
    assert portal.asked == ["crm.deal.get", "crm.deal.contact.items.get", "crm.contact.get"]
    assert message["contacts"] == ["84", "85"]
    assert message["contact"] == {"EMAIL": CONTACT["EMAIL"], "PHONE": CONTACT["PHONE"]}
    assert "COMMENTS" not in message["record"]
    assert "evil.example" not in str(message)
    stage, whole, touch = facts_of(read(message)).values()
    assert stage == {
        "type": "deal",
        "deal": {"id": "410", "lead_id": "123", "stage": "won", "status": "C5:WON"},
    }
    assert whole["deal"] == {
        "id": "410", "lead_id": "123", "stage": "won", "status": "C5:WON", "name": "New deal #1",
        "amount_minor": 100050, "currency": "EUR", "contacts": [["crm_contact_id:85"]],
    }  # fmt: skip
    assert (whole["account"], whole["segment"]) == ({"id": "9"}, {"city": "Berlin"})
    assert [i.partition(":")[0] for i in whole["identifiers"]] == [
        "crm_contact_id", "email", "phone",
    ]  # fmt: skip
    assert touch["touch"] == {"kind": "click", "source": "google", "medium": "cpc"}
    moments = [f.occurred_at // 10**6 for f in read(message).facts]
    assert moments == [1_772_353_800, 1_772_355_600, 1_771_590_540]


@pytest.mark.parametrize(
    ("stage", "semantic", "more", "expected"),
    [
        ("C5:WON", "S", {}, "won"),
        ("LOSE", "F", {}, "lost"),
        ("C5:PREPARATION", "P", {}, "opportunity"),
        ("C5:APOLOGY", "F", {"stages": {"APOLOGY": "lost:apology"}}, "lost"),
        ("C5:X", "", {"stages": {"C5:X": "won", "X": "lost"}}, "won"),
        ("C6:X", "", {"stages": {"C5:X": "won", "X": "lost"}}, "lost"),
    ],
)
def test_stages(stage: str, semantic: str, more: dict[str, Any], expected: str) -> None:
    batch = read(deal(STAGE_ID=stage, STAGE_SEMANTIC_ID=semantic), **more)
    assert {f["deal"]["stage"] for f in facts_of(batch).values() if f["type"] == "deal"} == {
        expected
    }


def test_a_deal_in_an_early_stage_is_a_lead() -> None:
    batch = read(deal(STAGE_ID="NEW", STAGE_SEMANTIC_ID="P"), stages={"NEW": "mql"})
    assert [f.type for f in batch.facts] == ["lead", "lead", "touch"]


def test_a_stage_without_meaning_waits_with_what_was_fetched() -> None:
    batch = read(deal(STAGE_ID="C5:ODD", STAGE_SEMANTIC_ID=None))
    assert refusals_of(batch) == [(0, "unmapped_stage", "stages")]
    assert (batch.refused[0].fact_id, batch.refused[0].format) == ("deal:410", "bitrix24")
    assert '"OPPORTUNITY":"1000.50"' in batch.refused[0].raw


def test_a_lead_is_fetched(portal: Portal) -> None:
    (fact,) = facts_of(read(fetched(portal, "lead", 123))).values()
    assert fact["lead"] == {
        "id": "123", "stage": "lead", "status": "IN_PROCESS", "name": "Lead #1591",
    }  # fmt: skip
    assert [i.partition(":")[0] for i in fact["identifiers"]] == ["email", "phone", "crm_lead_id"]
    assert "account" not in fact


@pytest.mark.parametrize(("semantic", "stage"), [("P", "lead"), ("S", "sql"), ("F", "rejected")])
def test_stages_of_leads(semantic: str, stage: str) -> None:
    message = {"entity": "lead", "id": "123", "record": {**LEAD, "STATUS_SEMANTIC_ID": semantic}}
    (fact,) = facts_of(read(message)).values()
    assert fact["lead"]["stage"] == stage


def test_a_contact_is_fetched_with_all_its_addresses(portal: Portal) -> None:
    main, second = facts_of(read(fetched(portal, "contact", 84), id_prefix="b24:")).values()
    assert [i.partition(":")[0] for i in main["identifiers"]] == [
        "crm_contact_id", "email", "phone",
    ]  # fmt: skip
    assert main["identifiers"][0] == second["identifiers"][0] == "crm_contact_id:b24:84"
    assert second["identifiers"][:2] == main["identifiers"][:2]
    assert second["identifiers"][2] != main["identifiers"][2]


def test_fetched_again_it_is_the_same_fact(portal: Portal) -> None:
    assert read(fetched(portal)) == read(fetched(portal))


def test_reopened_won_again_and_changed_after(ledger: Callable[[], Engine]) -> None:
    """In the wrong order, twice; the stage is dated by its own moment."""

    def at(minute: int, moved: int, semantic: str, amount: str) -> dict[str, Any]:
        return deal(
            DATE_MODIFY=f"2026-03-01T09:{minute:02}:00+00:00",
            MOVED_TIME=f"2026-03-01T09:{moved:02}:00+00:00",
            STAGE_SEMANTIC_ID=semantic,
            STAGE_ID={"S": "C5:WON", "P": "C5:NEW"}[semantic],
            OPPORTUNITY=amount,
            LEAD_ID=None,
        )

    told = [at(1, 0, "S", "10"), at(3, 2, "P", "10"), at(6, 4, "S", "20"), at(8, 4, "S", "30")]
    rows = conversions(ledger(), [read(message) for message in [*reversed(told), *told]])
    assert [row[:5] for row in rows] == [
        ("opportunity:deal:410", 1_772_355_600, "won", 3000, "EUR"),
        ("won:deal:410", 1_772_355_600 + 240, "won", 3000, "EUR"),
    ]


def test_deleted_objects() -> None:
    def gone(name: str, **more: Any) -> list[dict[str, Any]]:
        batch = received("bitrix24", call("/x", event(name)), **{**OPTIONS, **more})
        return list(facts_of(batch).values())

    (lost,) = gone("ONCRMDEALDELETE")
    assert lost["deal"] == {"id": "410", "stage": "lost", "status": "deleted", "reason": "deleted"}
    (rejected,) = gone("ONCRMLEADDELETE")
    assert (rejected["lead"]["stage"], rejected["lead"]["reason"]) == ("rejected", "deleted")
    assert gone("ONCRMCONTACTDELETE") == []
    assert "stage" not in gone("ONCRMDEALDELETE", stages={"deleted": "ignore"})[0]["deal"]
    assert errands(event("ONCRMDEALDELETE")) == []
    bad = received("bitrix24", call("/x", event("ONCRMDEALDELETE", ts=0)), **OPTIONS)
    assert [r.code for r in bad.refused] == ["occurred_too_early"]


MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("status", "said", "asked", "wait"),
    [
        (503, {"error": "QUERY_LIMIT_EXCEEDED", "error_description": "Too many requests"}, "",
         timedelta(seconds=2)),
        (503, {"error": "QUERY_LIMIT_EXCEEDED"}, "7", timedelta(seconds=7)),
        (429, {"error": "OPERATION_TIME_LIMIT"}, "", MINUTE),
        (429, {"error": "OPERATION_TIME_LIMIT"}, "30", MINUTE / 2),
        (429, b"slow down", "99999", timedelta(hours=1)),
        (401, {"error": "OVERLOAD_LIMIT"}, "", MINUTE),
        (401, {"error": "INVALID_CREDENTIALS"}, "", None),
        (403, {"error": "PORTAL_DELETED"}, "", None),
        (500, {"error": "INTERNAL_SERVER_ERROR"}, "", None),
        (500, {"error": "ERROR_UNEXPECTED_ANSWER"}, "soon", None),
        (502, b"<html>Bad gateway</html>", "", None),
        (200, b'{"result": {"ID": "41', "", None),
        (200, b"[]", "", None),
        (302, b"", "", None),
    ],
)  # fmt: skip
def test_what_passes_is_asked_again(
    portal: Portal, status: int, said: Any, asked: str, wait: timedelta | None
) -> None:
    portal.next, portal.wait = [(status, said)], asked
    with pytest.raises(TryLater) as caught:
        fetched(portal)
    assert caught.value.wait == wait
    assert "thewebhooksecret" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, {"error": "", "error_description": "Not found"}),
        (404, {"error": "ERROR_METHOD_NOT_FOUND", "error_description": "Method not found!"}),
        (404, b"<html>"),
        (200, {"result": None}),
        (200, {"result": []}),
        (200, {"result": {"ID": "411"}}),
        (200, {"error": "X", "result": DEAL}),
    ],
)
def test_what_stays_is_refused(portal: Portal, status: int, said: Any) -> None:
    portal.next = [(status, said)]
    with pytest.raises(Refusal) as caught:
        fetched(portal)
    assert caught.value.code == "fetch_failed"


def test_a_body_that_ends_in_the_middle(portal: Portal) -> None:
    portal.next = [(200, None)]
    with pytest.raises(httpx.TransportError):
        fetched(portal)


def test_a_number_that_ends_in_noughts(portal: Portal) -> None:
    portal.objects["crm.deal.get", 410] = {**DEAL, "CONTACT_ID": "100"}
    portal.objects["crm.contact.get", 100] = {
        **CONTACT,
        "ID": "100",
        "EMAIL": [{"VALUE": "b@x.io"}],
    }
    portal.objects["crm.contact.get", 1] = {**CONTACT, "ID": "1", "EMAIL": [{"VALUE": "a@x.io"}]}
    assert fetched(portal)["contact"]["EMAIL"] == [{"VALUE": "b@x.io"}]


def test_references_that_end_in_noughts_are_kept_whole() -> None:
    """Nor is one taken for another: 10 is not 1."""
    numbers = {"CONTACT_ID": "120", "LEAD_ID": "50", "COMPANY_ID": "900", "UTM_SOURCE": None}
    message = {**deal(**numbers), "contacts": ["120", "12"]}
    whole = list(facts_of(read(message)).values())[1]
    assert whole["deal"]["lead_id"] == "50"
    assert whole["deal"]["contacts"] == [["crm_contact_id:12"]]
    assert whole["account"] == {"id": "900"}
    assert "crm_contact_id:120" in whole["identifiers"]
    lead = {"entity": "lead", "id": "123", "record": {**LEAD, "CONTACT_ID": "70"}}
    (fact,) = facts_of(read(lead)).values()
    assert "crm_contact_id:70" in fact["identifiers"]


@pytest.mark.parametrize("nobody", ["0", "", None, "x", [], {"a": 1}])
def test_a_deal_of_nobody(portal: Portal, nobody: Any) -> None:
    portal.objects["crm.deal.get", 410] = {**DEAL, "CONTACT_ID": nobody}
    assert set(fetched(portal)) == {"entity", "id", "record"}
    assert portal.asked == ["crm.deal.get"]


def test_contacts_that_may_not_be_seen_cost_nothing_else(portal: Portal) -> None:
    del portal.objects["crm.contact.get", 84]
    message = fetched(portal)
    assert (message["contacts"], "contact" in message) == (["84", "85"], False)
    assert [f.type for f in read(message).facts] == ["deal", "deal", "touch"]
    portal.objects["crm.deal.get", 410] = {**DEAL, "CONTACT_ID": None}
    alone = fetched(portal)
    assert set(alone) == {"entity", "id", "record"}
    assert facts_of(read(alone)).popitem()[1]["identifiers"] == ["crm_deal_id:410"]


@pytest.mark.parametrize(
    "message",
    [
        None, {}, {"entity": "deal", "id": "410"}, {"entity": "deal", "id": "410", "record": []},
        {"entity": "deal", "id": "410", "record": {"ID": "410"}},
        {"entity": "deal", "id": "1", "record": {**DEAL, "OPPORTUNITY": {"a": 1}}},
        {"entity": "deal", "id": "1", "record": {**DEAL, "CURRENCY_ID": "??"}},
    ],
)  # fmt: skip
def test_a_message_that_makes_no_sense_is_refused(message: Any) -> None:
    assert len(read(message).refused) == 1
