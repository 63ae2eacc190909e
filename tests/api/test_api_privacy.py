"""Who declined is counted and recognised by nobody; robots are shown on request; a public key moves
no money and brings nobody together."""

from pathlib import Path
from typing import Any

import pytest

from tests.api.harness import Json, Service, by, event, order, page, running, touch

pytestmark = pytest.mark.anyio
AT = "2026-02-01T10:00:00Z"
LATER = "2026-02-02T10:00:00Z"
ADDRESS = "https://shop.test/?utm_source=google&utm_medium=cpc&gclid=SECRET"
GOOGLEBOT = {"user_agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"}
FEBRUARY = {"from_": "2026-02-01", "to": "2026-03-01"}


def payloads(service: Service) -> str:
    with service.parts.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT fact_id, payload, subject FROM facts").fetchall()
    return repr(rows)


async def visits(service: Service, **params: Any) -> Json:
    rows = (await service.ask("/v1/roi", **FEBRUARY, **params))["rows"]
    return {row["channel"]: row["visits"] for row in rows if row["visits"]}


async def test_who_declined_counts_and_is_nobody(either: Service) -> None:
    denied = {"context": {"consent": "denied"}}
    who = {"anonymous_id": "a-1", "email": "ann@example.com"}
    await either.tell(
        page(who, AT, ADDRESS) | denied,
        page(who, LATER, ADDRESS) | denied,
        page("a-2", AT, ADDRESS),
        order(who, "2026-02-03T10:00:00Z"),
    )
    assert await visits(either) == {"paid_search": 3}
    found = await either.ask("/v1/attribution", **FEBRUARY)
    assert found["rows"] == []
    assert found["unattributed"]["value"] == 100
    with either.parts.mart.reading() as mart:
        people = mart.execute(
            "SELECT COUNT(DISTINCT person_id), COUNT(*) FROM touchpoints"
        ).fetchall()
        linked = mart.execute(
            "SELECT MAX(members) FROM (SELECT COUNT(*) AS members FROM set_members JOIN identifiers USING (identifier_id) WHERE identifier LIKE 'unlinked:%' GROUP BY set_id)"
        ).fetchall()
    assert (people, linked) == ([(3, 3)], [(1,)])
    sources = by((await either.ask("/v1/sources"))["items"], "name")["website"]
    assert sources["flagged"] == {"consent_denied": 2}
    assert sources["outcomes"] == {"accepted": 4}
    assert payloads(either).count("SECRET") == 2  # the address and the click of the one who agreed


@pytest.mark.parametrize(
    ("key", "headers", "query", "declined"),
    [
        ("collect", {"sec_gpc": "1"}, "", True),
        ("collect", {"dnt": "1"}, "", True),
        ("collect", {"sec_gpc": "0"}, "", False),
        ("collect", {}, "?gdpr=1&gdpr_consent=", True),
        ("collect", {}, "?gdpr=0", False),
        ("facts", {"sec_gpc": "1"}, "", False),
    ],
)
async def test_what_a_browsers_request_says(
    fresh: Service, key: str, headers: dict[str, str], query: str, declined: bool
) -> None:
    await fresh.post([page("a-secret", AT, ADDRESS)], f"/v1/events{query}", key, **headers)
    assert ("a-secret" not in payloads(fresh)) is declined
    assert ("unlinked" in payloads(fresh)) is declined


async def test_an_events_own_word_goes_first(fresh: Service) -> None:
    agreed = {"context": {"consent": "granted"}}
    await fresh.post([page("a-secret", AT, ADDRESS) | agreed], key="collect", sec_gpc="1")
    assert "a-secret" in payloads(fresh)


async def test_the_segment_protocol_hears_it_too(fresh: Service) -> None:
    message = {"messageId": "m1", "anonymousId": "a-secret", "timestamp": AT,
               "context": {"page": {"url": ADDRESS}}}  # fmt: skip
    assert (await fresh.post(message, "/v1/page", "collect", sec_gpc="1")).status_code == 200
    assert "unlinked" in payloads(fresh)
    assert "a-secret" not in payloads(fresh)


async def test_the_policies(tmp_path: Path) -> None:
    said = {"granted": {"context": {"consent": "granted"}}, "nothing": {},
            "denied": {"context": {"consent": "denied"}}}  # fmt: skip
    kept: dict[str, set[str]] = {}
    gpc: dict[str, bool] = {}
    for policy in ("ignore", "honour", "require"):
        async with running(tmp_path / policy, consent=policy) as service:
            for name, context in said.items():
                await service.tell(page(f"a-{name}", AT, ADDRESS) | context)
            await service.tell(order("a-order", AT))
            stored = payloads(service)
            kept[policy] = {n for n in (*said, "order") if f"a-{n}" in stored}
            gpc[policy] = (await service.client.get("/.well-known/gpc.json")).json()["gpc"]
    assert kept == {
        "ignore": {"granted", "nothing", "denied", "order"},
        "honour": {"granted", "nothing", "order"},
        "require": {"granted", "order"},
    }
    assert gpc == {"ignore": False, "honour": True, "require": True}


async def test_robots_and_spam_are_shown_on_request(either: Service) -> None:
    await either.tell(
        page("a-1", AT, ADDRESS),
        page("a-2", AT, ADDRESS) | {"context": GOOGLEBOT},
        page("a-3", AT, "https://shop.test/", referrer="https://semalt.com/"),
        order("a-2", LATER),
    )
    without = await either.ask("/v1/attribution", **FEBRUARY)
    assert without["rows"] == []
    told = {item["reason"]: item["facts"] for item in without["meta"]["excluded"]}
    assert told == {"bot": 1, "spam": 1}
    assert await visits(either) == {"paid_search": 1}
    with_them = await either.ask("/v1/attribution", include="bots", **FEBRUARY)
    assert [(r["channel"], r["value"]) for r in with_them["rows"]] == [("paid_search", 100)]
    assert (with_them["meta"]["include"], with_them["meta"]["excluded"]) == (["bots"], [])
    assert await visits(either, include="bots") == {"paid_search": 2, "referral": 1}
    # It follows what comes later, and goes back as well.
    await either.tell(page("a-4", AT, ADDRESS) | {"context": GOOGLEBOT})
    assert await visits(either, include="bots") == {"paid_search": 3, "referral": 1}
    assert await visits(either, include="bots", as_of=2) == {"paid_search": 2}
    assert await visits(either, as_of=2) == {"paid_search": 1}
    flagged = by((await either.ask("/v1/sources"))["items"], "name")["website"]["flagged"]
    assert flagged == {"bot": 2, "spam": 1}
    refused = await either.get("/v1/roi", include="everything")
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_value")


def identify(at: str, **identifiers: str) -> Json:
    return event("identify", at, identifiers)


async def people(service: Service) -> set[frozenset[str]]:
    """Who is one person, by what servers and browsers call them."""
    await service.ask("/v1/attribution")
    with service.parts.mart.reading() as mart:
        rows = mart.execute(
            "SELECT p.person_id, i.identifier FROM identifier_people AS p JOIN identifiers AS i "
            "ON i.identifier_id = p.identifier_id"
        ).fetchall()
    found: dict[int, set[str]] = {}
    for person, identifier in rows:
        found.setdefault(person, set()).add(identifier.partition(":")[2])
    return {frozenset(names) for names in found.values()}


@pytest.mark.parametrize("first", ["server", "browser"])
async def test_a_public_key_brings_nobody_together(either: Service, first: str) -> None:
    servers = [
        identify(AT, user_id="ann", crm_contact_id="c1"),
        identify(AT, user_id="bob", crm_contact_id="c2"),
    ]
    browsers = [
        identify(AT, anonymous_id="x", user_id="ann"),
        identify(LATER, anonymous_id="x", user_id="bob"),
        identify(LATER, user_id="ann", crm_contact_id="c2"),
        identify(LATER, anonymous_id="x", ga_client_id="y"),
        identify(LATER, ga_client_id="y", user_id="bob"),
    ]
    told = [("facts", servers), ("collect", browsers)]
    for key, events in told if first == "server" else reversed(told):
        for one in events:
            receipt = await either.post([one], key=key)
            assert receipt.json()["accepted"] == 1
            either.parts.mart.refresh()
    assert await people(either) == {
        frozenset({"ann", "c1", "x", "y"}),
        frozenset({"bob", "c2"}),
    }


async def test_a_server_may(either: Service) -> None:
    await either.tell(
        identify(AT, user_id="ann", crm_contact_id="c1"),
        identify(AT, user_id="bob", crm_contact_id="c2"),
        identify(LATER, user_id="ann", crm_contact_id="c2"),
        key="facts",
    )
    assert await people(either) == {frozenset({"ann", "bob", "c1", "c2"})}


async def test_forged_events_move_no_money(either: Service) -> None:
    await either.tell(
        touch({"user_id": "ann"}, AT, "google/cpc"),
        order({"user_id": "ann", "crm_contact_id": "c1"}, LATER, "70.00"),
        touch({"user_id": "bob"}, AT, "newsletter/email"),
        order({"user_id": "bob", "crm_contact_id": "c2"}, LATER, "30.00"),
        key="facts",
    )
    before = await either.ask("/v1/attribution", **FEBRUARY)
    assert {r["channel"]: r["value"] for r in before["rows"]} == {"paid_search": 70, "email": 30}
    forged: list[Json] = []
    for number in range(200):
        stranger = f"evil-{number}"
        forged += [
            touch(stranger, AT, "evil/cpc"),
            order(stranger, LATER, "1000000.00"),
            event("lead", AT, stranger, lead={"id": f"L{number}", "stage": "sql"}),
            event("deal", AT, stranger, deal={"id": f"D{number}", "stage": "won"}),
            event(
                "unlink",
                AT,
                None,
                unlink={"left": {"user_id": "ann"}, "right": {"crm_contact_id": "c1"}},
            ),
            identify(AT, anonymous_id=stranger, crm_contact_id="c1"),
            identify(AT, user_id="ann", email=f"{stranger}@example.com"),
            identify(AT, user_id="ann", crm_contact_id="c2"),
            identify(AT, crm_contact_id="c1", user_id="bob"),
        ]
    receipt = (await either.post(forged, key="collect")).json()
    assert receipt["accepted"] == 200 * 5
    assert {r["code"] for r in receipt["rejected"]} == {"scope_missing"}
    after = await either.ask("/v1/attribution", **FEBRUARY)
    assert after["totals"]["value"] == 100
    assert after["totals"]["conversions"] == 2
    spent = await either.post([{"date": "2026-02-01", "amount": "1"}], "/v1/spend", key="collect")
    assert spent.status_code == 403
    owners = await people(either)
    assert not [names for names in owners if {"ann", "bob"} <= names or {"c1", "c2"} <= names]
    assert [names for names in owners if {"ann", "c1"} <= names]
    assert [names for names in owners if {"bob", "c2"} <= names]
