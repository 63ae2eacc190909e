"""A person who was erased is in no file, does not come back, and moves no number."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from service.ledger.tasks import NewTask, enqueue
from tests.api.harness import Json, Service, by, deal, event, order, page, touch
from tests.api.test_api_exports import lines, make, states

pytestmark = pytest.mark.anyio
MARCH = {"from_": "2026-03-01", "to": "2026-04-01", "model": "linear"}
EMAIL = "ann.canary@example.com"
CANARIES = ("ann.canary", "cookie-canary", "+4915112345678", "contact-canary", "gclid-canary")
ADDRESS = f"https://shop.test/u/{EMAIL}?utm_source=google&utm_medium=cpc&gclid=gclid-canary"


def life() -> list[Json]:
    """What is known of Ann, and of Bob beside her."""
    return [
        page("cookie-canary", "2026-03-02T10:00:00Z", ADDRESS, title="Ann's page"),
        event(
            "identify",
            "2026-03-03T10:00:00Z",
            {"anonymous_id": "cookie-canary", "email": EMAIL, "phone": "+4915112345678"},
        ),
        touch({"email": EMAIL}, "2026-03-04T10:00:00Z", "news/email"),
        event(
            "identify",
            "2026-03-04T10:00:00Z",
            {"email": EMAIL, "crm_contact_id": "contact-canary"},
        )
        | {"id": "contact:contact-canary:1"},
        order({"email": EMAIL}, "2026-03-05T10:00:00Z", "100.00", id="O-ann"),
        deal(
            {"crm_contact_id": "contact-canary"},
            "2026-03-06T10:00:00Z",
            "won",
            id="D-both",
            name="Deal of ann.canary",
            amount="51.00",
            currency="EUR",
            contacts=[{"crm_contact_id": "contact-canary"}, {"user_id": "bob"}],
        ),
        touch({"user_id": "bob"}, "2026-03-01T10:00:00Z", "facebook/cpc"),
    ]


async def erased(service: Service, **identifiers: Any) -> Json:
    answer = await service.post({"identifiers": identifiers}, "/v1/erasures")
    assert answer.status_code == 201, answer.text
    receipt: Json = answer.json()
    return receipt


async def numbers(service: Service) -> Json:
    answer = await service.ask("/v1/roi", scope="account", **MARCH)
    return {name: answer[name] for name in ("rows", "unattributed", "totals")}


def held_in(folder: Path) -> set[str]:
    """Those of the canaries that any file of the service holds."""
    held = b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
    return {canary for canary in CANARIES if canary.encode() in held}


async def test_no_file_holds_her_and_no_number_moves(fresh: Service, tmp_path: Path) -> None:
    told = life()
    await fresh.tell(*told)
    refused = event("touch", "nonsense", {"email": EMAIL}, touch={"source": "google"})
    assert (await fresh.post([refused])).status_code == 422
    before = await numbers(fresh)
    assert before["totals"]["revenue"] == 151
    assert held_in(tmp_path) == set(CANARIES) - {"+4915112345678"}  # it is kept as a keyed hash
    fresh.clock.now += timedelta(hours=1)
    receipt = await erased(fresh, email=EMAIL.upper())
    counted = {n: receipt[n] for n in ("id", "facts", "quarantined", "tasks", "outgoing")}
    assert counted == {"id": 1, "facts": 6, "quarantined": 1, "tasks": 0, "outgoing": 0}
    assert receipt["author"] == "website"
    assert await numbers(fresh) == before
    assert held_in(tmp_path) == set()
    # The whole batch once more: what was erased is refused by name, Bob's fact is known.
    again = await fresh.post(told)
    answer = again.json()
    assert (answer["accepted"], answer["duplicates"]) == (0, 1)
    assert [r["code"] for r in answer["rejected"]] == ["erased"] * 6
    assert [r["index"] for r in answer["rejected"]] == [0, 1, 2, 3, 4, 5]
    assert (await fresh.ask("/v1/quarantine"))["items"] == []
    assert await numbers(fresh) == before
    assert held_in(tmp_path) == set()


async def test_both_databases_forget_her_and_keep_the_journey(either: Service) -> None:
    await either.tell(*life())
    then = either.watermark
    before = await numbers(either)
    seen = await either.ask("/v1/attribution", **MARCH)
    either.clock.now += timedelta(hours=1)
    await erased(either, anonymous_id="cookie-canary")
    assert await numbers(either) == before
    assert await either.ask("/v1/attribution", as_of=then, **MARCH) == {
        **seen,
        "meta": {**seen["meta"], "watermark": then},
    }
    with either.parts.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT fact_id, payload FROM facts").fetchall()
    assert not [c for c in CANARIES if c in repr(rows)]
    explained = await either.ask("/v1/conversions/won:order:O-ann/explain", **MARCH)
    assert [t["channel"] for t in explained["touchpoints"]] == ["paid_search", "email"]


async def test_her_records_go_on_and_she_may_come_back(fresh: Service) -> None:
    await fresh.tell(*life())
    await fresh.ask("/v1/roi")
    fresh.clock.now += timedelta(hours=2)
    await erased(fresh, email=EMAIL)
    fresh.clock.now += timedelta(hours=1)
    later = "2026-03-31T14:30:00Z"
    await fresh.tell(
        order(
            {"email": EMAIL, "phone": "+4930901820"}, later, "40.00", id="O-ann", status="refunded"
        ),
    )
    answer = await fresh.ask("/v1/attribution", **MARCH)
    values = {channel: row["value"] for channel, row in by(answer["rows"], "channel").items()}
    assert values == {"paid_search": 47, "email": 47, "paid_social": 17}
    assert answer["unattributed"]["value"] == 0
    with fresh.parts.engine.connect() as connection:
        refund = connection.exec_driver_sql(
            "SELECT payload FROM facts ORDER BY seq DESC LIMIT 1"
        ).scalar_one()
    assert "h1." not in refund
    # A new visit under the same address is of somebody new, who knows nothing of the old one.
    await fresh.tell(
        touch({"email": EMAIL}, later, "bing/cpc"),
        order({"email": EMAIL}, "2026-03-31T14:40:00Z", "10.00"),
    )
    values = by((await fresh.ask("/v1/attribution", **MARCH))["rows"], "channel")
    assert values["paid_search"]["value"] == 57
    assert values["email"]["value"] == 47


async def test_nothing_remembered_outlives_her(fresh: Service) -> None:
    await fresh.tell(*life())
    then = fresh.watermark
    await fresh.ask("/v1/journeys", **MARCH)
    await fresh.ask("/v1/journeys", as_of=then, **MARCH)
    await fresh.ask("/v1/journeys", include="bots", **MARCH)
    marts = fresh.parts.desk._marts
    old = marts.as_of(then, with_bots=False)
    assert marts.as_of(then, with_bots=False) is old
    assert len(fresh.parts.desk._answers) == 3
    await erased(fresh, email=EMAIL)
    assert len(fresh.parts.desk._answers) == 0
    assert len(marts._old) == 0


async def test_an_erasure_is_a_cause_that_takes_nothing(fresh: Service) -> None:
    await fresh.tell(*life())
    then = fresh.watermark
    await fresh.ask("/v1/roi")
    fresh.clock.now += timedelta(hours=1)
    receipt = await erased(fresh, email=EMAIL)
    fresh.watermark = receipt["seq"]
    await fresh.tell(order("somebody", "2026-03-31T12:30:00Z", "7.00"))
    answer = await fresh.ask("/v1/changes", from_as_of=then, **MARCH)
    assert answer["totals"]["difference"] == 7
    cause = by(answer["causes"], "cause")["erasure"]
    assert (cause["difference"], cause["facts"]) == (0, {"count": 1, "first": [receipt["seq"]]})
    page = await fresh.ask("/v1/changes/facts", from_as_of=then, cause="erasure")
    assert [(i["type"], i["source"], i["payload"]) for i in page["items"]] == [
        ("erasure", "throughline", page["items"][0]["payload"])
    ]
    assert '"facts":6' in page["items"][0]["payload"]


async def test_platforms_are_told_nothing_more_of_her(fresh: Service) -> None:
    await fresh.tell(
        page("g1", "2026-03-10T10:00:00Z", "https://shop.test/?gclid=gclid-canary"),
        deal("g1", "2026-03-20T09:30:00Z", "won", id="D1", amount="1000.00", currency="EUR"),
        page("g2", "2026-03-10T10:00:00Z", "https://shop.test/?gclid=other"),
        deal("g2", "2026-03-20T09:30:00Z", "won", id="D1-2", amount="10.00", currency="EUR"),
    )
    await make(fresh)
    assert len(await lines(fresh)) == 4
    await fresh.tell(
        deal(None, "2026-03-21T09:30:00Z", "won", id="D1", amount="900.00", currency="EUR")
    )
    await lines(fresh)
    assert ("restate", "new") in await states(fresh)
    receipt = await erased(fresh, anonymous_id="g1")
    assert receipt["outgoing"] == 2
    rows = await lines(fresh)
    assert [row.split(",")[0] for row in rows[2:]] == ["other"]
    told = [("report", "erased"), ("report", "sent"), ("restate", "erased")]
    assert sorted(await states(fresh)) == told
    with fresh.parts.engine.connect() as connection:
        told = connection.exec_driver_sql("SELECT payload FROM outbox").fetchall()
    assert "gclid-canary" not in repr(told)


async def test_what_waits_for_her_is_dropped_and_nothing_else(fresh: Service) -> None:
    """A short id names her only in its own field."""
    await fresh.tell(touch({"user_id": "42"}, "2026-03-01T10:00:00Z", "google/cpc"))
    engine, now = fresh.parts.engine, fresh.clock.now
    (source,) = [s["id"] for s in (await fresh.ask("/v1/sources"))["items"] if s["name"] == "facts"]
    tasks = [
        NewTask("fetch", "one", source, {"user_id": 42}),
        NewTask("fetch", "two", source, {"quantity": 42, "user_id": 43}),
    ]
    assert enqueue(engine, tasks, now) == 2
    bad = {"type": "touch", "occurred_at": "nonsense"}
    await fresh.post(
        [
            {**bad, "id": "q1", "identifiers": {"user_id": "42"}},
            {**bad, "id": "q2", "identifiers": {"user_id": "43"}, "segment": {"age": 42}},
        ]
    )
    receipt = await erased(fresh, user_id="42")
    assert (receipt["tasks"], receipt["quarantined"]) == (1, 1)
    left = (await fresh.ask("/v1/quarantine"))["items"]
    assert ["q2" in item["raw"] for item in left] == [True]


async def test_whoever_is_not_known_yet_is_kept_out(fresh: Service) -> None:
    receipt = await erased(fresh, email=EMAIL)
    assert (receipt["facts"], receipt["identifiers"]) == (0, 1)
    late = touch({"email": EMAIL}, "2026-03-01T10:00:00Z", "google/cpc")
    answer = await fresh.post([late, touch("a-1", "2026-03-01T10:00:00Z")])
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    assert answer.json()["rejected"] == [
        {
            "index": 0,
            "code": "erased",
            "field": "identifiers",
            "detail": "this person was erased, and what happened before is not taken in again",
        }
    ]
    sources = by((await fresh.ask("/v1/sources"))["items"], "name")
    assert sources["website"]["outcomes"] == {"accepted": 1, "erased": 1}


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"identifiers": {}}, "empty", "identifiers"),
        ({}, "missing_field", "identifiers"),
        ({"identifiers": {"email": "not an address"}}, "bad_identifier", "identifiers.email"),
        ({"identifiers": {"user_id": "null"}}, "bad_identifier", "identifiers.user_id"),
        ({"identifiers": {"Bad Kind": "x"}}, "bad_identifier", "identifiers"),
        ({"identifiers": {"user_id": "1"}, "also": 1}, "unknown_field", "also"),
    ],
)
async def test_nobody_is_erased_by_mistake(
    service: Service, body: Json, code: str, field: str
) -> None:
    answer = await service.post(body, "/v1/erasures")
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, code, field)
    assert (await service.get("/v1/erasures")).json()["items"] == []


async def test_receipts_are_listed_page_by_page(fresh: Service) -> None:
    for number in ("1", "2", "3"):
        await erased(fresh, user_id=f"user-{number}")
    first = await fresh.ask("/v1/erasures", limit=2)
    assert [item["id"] for item in first["items"]] == [3, 2]
    assert datetime.fromisoformat(first["items"][0]["erased_at"]) == fresh.clock.now
    rest = await fresh.ask("/v1/erasures", limit=2, cursor=first["next"])
    assert ([item["id"] for item in rest["items"]], rest["next"]) == ([1], None)
    assert "key" not in rest["items"][0]
