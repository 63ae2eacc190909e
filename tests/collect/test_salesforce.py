"""Salesforce's Outbound Messages: SOAP in, exact facts and an acknowledgement out."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import pytest
from sqlalchemy import Engine

from service.collect.formats.salesforce import FORMAT, MAX_NOTIFICATIONS
from service.collect.soap import soap_fault
from service.kit.errors import BadRequest, ThroughlineError, Unauthenticated, Unavailable
from service.ledger.append import Batch, Receipt, append
from tests.collect.hooked import conversions, facts_of, received, refusals_of
from tests.collect.sending import RECEIVED, call

ORGANIZATION = "00D2X000000abcdUAA"
OPTIONS: dict[str, Any] = {
    "organization_id": ORGANIZATION,
    "stages": {"Proposal": "opportunity"},
    "fields": {"GCLID__c": "click_ids.gclid", "UTM__c": "touch.source", "CloseDate": "segment.due"},
    "reason_field": "Reason__c",
}
DEAL: dict[str, Any] = {
    "Id": "0062X00000AbCdEFGH",
    "Name": "Big & bright",
    "StageName": "Closed Won",
    "IsWon": "true",
    "IsClosed": "true",
    "Amount": "1200.0",
    "CurrencyIsoCode": "EUR",
    "AccountId": "0012X00000AAA",
    "ContactId": "0032X00000CCC",
    "CloseDate": "2026-03-01",
    "CreatedDate": "2026-02-01T10:00:00.000Z",
    "LastModifiedDate": "2026-03-01T09:00:00.000Z",
    "Reason__c": None,
}


def notification(name: str, kind: str, fields: dict[str, Any]) -> str:
    written = "".join(
        f'<sf:{n} xsi:nil="true"/>' if v is None else f"<sf:{n}>{escape(v)}</sf:{n}>"
        for n, v in fields.items()
    )
    return (
        f"<Notification><Id>{name}</Id>"
        f'<sObject xsi:type="sf:{kind}" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">'
        f"{written}</sObject></Notification>"
    )


def envelope(*notifications: str, organization: str = ORGANIZATION) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:xsd="http://www.w3.org/2001/XMLSchema" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>'
        '<notifications xmlns="http://soap.sforce.com/2005/09/outbound">'
        f"<OrganizationId>{organization}</OrganizationId><ActionId>04k2X0000000001QAA</ActionId>"
        "<SessionId>00D!SECRETSESSION</SessionId>"
        "<EnterpriseUrl>https://acme.my.salesforce.com/services/Soap/c/62.0</EnterpriseUrl>"
        "<PartnerUrl>https://acme.my.salesforce.com/services/Soap/u/62.0</PartnerUrl>"
        f"{''.join(notifications)}</notifications></soapenv:Body></soapenv:Envelope>"
    ).encode()


def sent(body: bytes, **options: Any) -> Batch:
    request = call("/v1/webhooks/hk_x", body, headers={"content-type": "text/xml"})
    return received("salesforce", request, **{**OPTIONS, **options})


def deal(name: str = "04l1", **fields: Any) -> bytes:
    return envelope(notification(name, "Opportunity", {**DEAL, **fields}))


def test_a_won_opportunity() -> None:
    batch = sent(deal())
    (fact,) = batch.facts
    assert fact.occurred_at == 1_772_355_600_000_000
    assert fact.fact_id.startswith("04l1:")
    assert facts_of(batch)[fact.fact_id] == {
        "type": "deal",
        "account": {"id": "0012X00000AAA"},
        "segment": {"due": "2026-03-01"},
        "deal": {
            "id": "0062X00000AbCdEFGH",
            "name": "Big & bright",
            "stage": "won",
            "status": "Closed Won",
            "amount_minor": 120000,
            "currency": "EUR",
            "contacts": [["crm_contact_id:0032X00000CCC"]],
        },
    }


@pytest.mark.parametrize(
    ("fields", "stage"),
    [
        ({}, "won"),
        ({"StageName": "Gewonnen"}, "won"),
        ({"IsWon": "false"}, "lost"),
        ({"IsWon": "false", "IsClosed": "false", "StageName": "Talks"}, "opportunity"),
        ({"IsWon": None, "IsClosed": None, "StageName": "Closed Lost"}, "lost"),
        ({"IsWon": None, "IsClosed": None, "StageName": "closed won"}, "won"),
        ({"IsWon": None, "IsClosed": None, "StageName": "Proposal"}, "opportunity"),
        ({"IsWon": "false", "IsClosed": "true", "StageName": "Proposal"}, "opportunity"),
        ({"StageName": None}, "won"),
        ({"StageName": None, "IsWon": "false"}, "lost"),
        ({"StageName": None, "IsWon": None, "IsClosed": "false"}, "opportunity"),
    ],
)
def test_stages(fields: dict[str, Any], stage: str) -> None:
    (fact,) = facts_of(sent(deal(**fields))).values()
    assert fact["deal"]["stage"] == stage


def test_a_lost_one_says_why() -> None:
    (fact,) = facts_of(sent(deal(IsWon="false", Reason__c="price"))).values()
    assert fact["deal"]["reason"] == "price"


def test_a_stage_without_meaning_waits_and_its_neighbour_does_not() -> None:
    unknown = {**DEAL, "IsWon": None, "IsClosed": None, "StageName": "Parked"}
    batch = sent(
        envelope(notification("04l1", "Opportunity", unknown), notification("04l2", "Opportunity", DEAL))
    )  # fmt: skip
    assert refusals_of(batch) == [(0, "unmapped_stage", "stages")]
    assert batch.refused[0].fact_id == "04l1"
    assert len(batch.facts) == 1


def test_sent_again_it_is_the_same_fact_unless_it_says_something_else() -> None:
    """A message that was not acknowledged comes again with the object as it then is."""
    first, again = sent(deal()).facts[0], sent(deal()).facts[0]
    assert first == again
    newer = sent(deal(Amount="1300.0", LastModifiedDate="2026-03-01T09:05:00.000Z")).facts[0]
    assert newer.fact_id != first.fact_id


def test_reopened_won_again_and_changed_after(ledger: Callable[[], Engine]) -> None:
    """In the wrong order, twice."""

    def at(minute: int, **fields: Any) -> bytes:
        return deal(f"04l{minute}", LastModifiedDate=f"2026-03-01T09:{minute:02}:00.000Z", **fields)

    told = [
        at(0),
        at(1, IsWon="false", IsClosed="false", StageName="Proposal"),
        at(2, Amount="200.0"),
        at(3, Amount="1.3E7"),
    ]
    rows = conversions(ledger(), [sent(body) for body in [*reversed(told), *told]])
    assert [row[:5] for row in rows] == [
        ("opportunity:deal:0062X00000AbCdEFGH", 1_772_355_600, "won", 1_300_000_000, "EUR"),
        ("won:deal:0062X00000AbCdEFGH", 1_772_355_720, "won", 1_300_000_000, "EUR"),
    ]


def test_a_lead_that_was_converted() -> None:
    lead = {
        "Id": "00Q1", "Status": "Closed - Converted", "IsConverted": "true", "Email": "ann@x.org",
        "Phone": "+49 30 123456", "MobilePhone": "+49 170 1234567", "GCLID__c": "Cj0",
        "UTM__c": "google", "ConvertedContactId": "0031", "ConvertedAccountId": "0011",
        "ConvertedOpportunityId": "0061", "ConvertedDate": "2026-02-20",
        "CreatedDate": "2026-02-01T10:00:00.000Z", "LastModifiedDate": "2026-02-20T09:00:00.000Z",
    }  # fmt: skip
    batch = sent(envelope(notification("04l9", "Lead", lead)))
    told, touch, link = facts_of(batch).values()
    assert told["lead"] == {"id": "00Q1", "stage": "sql", "status": "Closed - Converted"}
    assert told["account"] == {"id": "0011"}
    assert [i.partition(":")[0] for i in told["identifiers"]] == [
        "crm_contact_id", "email", "phone", "crm_lead_id",
    ]  # fmt: skip
    assert touch["click_ids"] == {"gclid": "Cj0"}
    assert link["deal"] == {"id": "0061", "lead_id": "00Q1", "contacts": [["crm_contact_id:0031"]]}
    assert [f.occurred_at // 10**6 for f in batch.facts] == [
        1_771_578_000, 1_769_940_000, 1_771_545_600,
    ]  # fmt: skip


def test_an_opportunity_carries_on_what_its_lead_began(ledger: Callable[[], Engine]) -> None:
    """Also where the hook knows stages of opportunities that are leads here."""
    lead = {
        "Id": "00Q1", "IsConverted": "true", "Status": "x", "Email": "ann@x.org",
        "ConvertedOpportunityId": DEAL["Id"], "LastModifiedDate": "2026-02-20T09:00:00.000Z",
    }  # fmt: skip
    click = {
        "Id": "00Q1", "Status": "New", "Email": "ann@x.org", "GCLID__c": "Cj0",
        "CreatedDate": "2026-02-19T09:00:00.000Z", "LastModifiedDate": "2026-02-19T09:00:00.000Z",
    }  # fmt: skip
    stages = {**OPTIONS["stages"], "Early": "mql"}
    bodies = [
        envelope(notification("04l1", "Lead", click)),
        envelope(notification("04l2", "Lead", lead)),
        deal("04l3", ContactId=None, AccountId=None),
    ]
    rows = conversions(ledger(), [sent(body, stages=stages) for body in bodies])
    assert [(row[0], row[-1]) for row in rows if row[0].startswith("won")] == [
        (f"won:deal:{DEAL['Id']}", 1)
    ]


@pytest.mark.parametrize(
    ("status", "stage"),
    [("Open - Not Contacted", "lead"), ("New", "lead"), ("Unqualified", "rejected")],
)
def test_statuses_of_leads(status: str, stage: str) -> None:
    lead = {"Id": "00Q1", "Status": status, "Email": "a@x.org"}
    (fact,) = facts_of(sent(envelope(notification("04l9", "Lead", lead)))).values()
    assert fact["lead"]["stage"] == stage


def test_contacts_and_their_roles() -> None:
    contact = {"Id": "0031", "Email": "b@x.org", "AccountId": "0011"}
    role = {"Id": "00K1", "OpportunityId": "0061", "ContactId": "0031", "IsPrimary": "false"}
    body = envelope(
        notification("04l1", "Contact", contact),
        notification("04l2", "OpportunityContactRole", role),
    )
    person, link = facts_of(sent(body)).values()
    assert (person["type"], person["account"]) == ("identify", {"id": "0011"})
    assert link["deal"] == {"id": "0061", "contacts": [["crm_contact_id:0031"]]}
    assert "b@x.org" not in str(sent(body))


def test_without_a_moment_it_is_dated_by_its_arrival_and_still_one_fact(
    ledger: Callable[[], Engine],
) -> None:
    fields = {"Id": "0061", "StageName": "Closed Won"}
    body = envelope(notification("04l1", "Opportunity", fields))
    engine = ledger()
    receipts = [
        append(engine, [received("salesforce", call("/x", body, received_at=at))])[0]
        for at in (RECEIVED, RECEIVED + timedelta(hours=1))
    ]
    assert [(r.accepted, r.duplicates) for r in receipts] == [(1, 0), (0, 1)]


@pytest.mark.parametrize(
    ("kind", "fields", "code"),
    [
        ("Case", {"Id": "5"}, "unknown_value"),
        ("Opportunity", {"StageName": "Closed Won"}, "missing_field"),
        ("Opportunity", {**DEAL, "Amount": "much"}, "bad_amount"),
        ("Opportunity", {**DEAL, "CurrencyIsoCode": "XXQ"}, "unknown_currency"),
        ("Opportunity", {**DEAL, "LastModifiedDate": "soon"}, "bad_timestamp"),
        ("OpportunityContactRole", {"Id": "1", "ContactId": "2"}, "missing_field"),
        ("Lead", {"Id": "1", "Status": "Odd"}, "unmapped_stage"),
    ],
)
def test_refusals(kind: str, fields: dict[str, Any], code: str) -> None:
    batch = sent(envelope(notification("04l1", kind, fields)))
    assert [r.code for r in batch.refused] == [code]
    assert "SECRETSESSION" not in batch.refused[0].raw


@pytest.mark.parametrize(
    "organization", ["00D2X000000abcdUAA", "00D2X000000abcd", "00D2X000000abcdXYZ"]
)
def test_the_organization_by_its_first_15_characters(organization: str) -> None:
    assert len(sent(envelope(organization=organization)).facts) == 0
    with pytest.raises(Unauthenticated) as caught:
        sent(envelope(organization="00D2X000000ABCDUAA"))
    assert caught.value.code == "wrong_organization"
    assert sent(envelope(organization="00D9"), organization_id="").facts == []


def test_at_most_a_hundred() -> None:
    one = notification("04l1", "Opportunity", DEAL)
    assert len(sent(envelope(*[one] * MAX_NOTIFICATIONS)).facts) == MAX_NOTIFICATIONS
    with pytest.raises(BadRequest) as caught:
        sent(envelope(*[one] * (MAX_NOTIFICATIONS + 1)))
    assert caught.value.code == "too_many_items"


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"<a/>",
        b"<a",
        b"\xff\xfe",
        b'<?xml version="1.0" encoding="nonsense"?><a/>',
        b'<?xml version="1.0" encoding="utf-16"?><a/>',
        f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]><x>&l9;</x>'.encode(),
        b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
        b'<!DOCTYPE x SYSTEM "http://127.0.0.1:1/evil.dtd"><x/>',
        b'<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:1/p">%p;]><x/>',
        b"<a>" * 50_000,
        b"<a>" * 50_000 + b"</a>" * 50_000,
        b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body/></e:Envelope>',
        (
            b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><x/></e:Body>'
            b"</e:Envelope>"
        ),
        b"<a>&#0;</a>",
    ],
)
def test_hostile_and_broken_envelopes(body: bytes) -> None:
    with pytest.raises(BadRequest) as caught:
        sent(body)
    assert caught.value.code == "malformed_xml"


@pytest.mark.parametrize(
    "declared",
    [
        f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}<!ENTITY e "&l9;">]>',
        '<!DOCTYPE x [<!ENTITY e "harmless">]>',
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>',
        "<!DOCTYPE x>",
    ],
)
def test_no_document_type_in_an_envelope_that_is_well_otherwise(declared: str) -> None:
    body = deal(Name="NAME").replace(b"?>", f"?>{declared}".encode(), 1)
    if "ENTITY e" in declared:
        body = body.replace(b"NAME", b"&e;")
    with pytest.raises(BadRequest) as caught:
        sent(body)
    assert caught.value.code == "malformed_xml"


def test_the_acknowledgement() -> None:
    reply = FORMAT.answer(call("/x"), Receipt())
    assert (reply.status, reply.media_type) == (200, "text/xml; charset=utf-8")
    root = ElementTree.fromstring(reply.body)
    ack = root.find(
        "{http://schemas.xmlsoap.org/soap/envelope/}Body"
        "/{http://soap.sforce.com/2005/09/outbound}notificationsResponse"
        "/{http://soap.sforce.com/2005/09/outbound}Ack"
    )
    assert ack is not None
    assert ack.text == "true"


@pytest.mark.parametrize(
    ("error", "status", "whose"),
    [
        (BadRequest("malformed_xml", "a <b> & \x00 c"), 400, "Client"),
        (Unauthenticated("wrong_organization", "no"), 401, "Client"),
        (Unavailable("ledger_unavailable", "later"), 503, "Server"),
    ],
)
def test_faults(error: ThroughlineError, status: int, whose: str) -> None:
    assert FORMAT.refuse is not None
    reply = FORMAT.refuse(call("/x"), error)
    assert reply.status == status
    root = ElementTree.fromstring(reply.body)
    assert root.findtext(".//faultcode") == f"soapenv:{whose}"
    assert (root.findtext(".//faultstring") or "").startswith(f"{error.code}: ")


def test_a_fault_can_say_anything() -> None:
    ElementTree.fromstring(soap_fault("x", "\x00\x1b\ud800￾<>&", 400).body)
