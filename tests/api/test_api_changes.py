"""Why a report changed, over HTTP: to the cent, and down to the facts."""

from datetime import timedelta

import pytest

from service.kit.memory import Memory
from service.reports import fits
from tests.api.harness import Json, Service, by, order, page, touch
from tests.api.test_api_campaigns import line, roi, rule
from tests.api.test_api_configuration import draft, publish, world

pytestmark = pytest.mark.anyio
MARCH = {"from_": "2026-03-01", "to": "2026-04-01", "model": "linear"}


async def test_each_change_stands_under_its_cause(fresh: Service) -> None:
    await fresh.tell(
        touch("a-1", "2026-03-05T10:00:00Z", "google/cpc", campaign="spring"),
        order("a-1", "2026-03-06T10:00:00Z", "100.00", id="O1"),
    )
    await fresh.tell(line("spring"), path="/v1/spend")
    before = await fresh.ask("/v1/roi", **MARCH)
    then = before["meta"]["watermark"]
    fresh.clock.now += timedelta(hours=1)
    later = "2026-03-31T12:30:00Z"
    await fresh.tell(
        order("a-1", "2026-03-07T10:00:00Z", "30.25", id="O1", status="refunded"),
        order("a-1", "2026-03-08T10:00:00Z", "7.50"),
        order("a-1", later, "11.00"),
    )
    await fresh.tell(line("spring", amount="12.00"), path="/v1/spend")
    answer = await fresh.ask("/v1/changes", from_as_of=then, **MARCH)
    total = answer["totals"]
    assert (total["from"], total["to"], total["difference"]) == (100, 88.25, -11.75)
    assert {n: v for n, v in total["causes"].items() if v} == {
        "deals_changed": -30.25,
        "late_facts": 7.5,
        "new_facts": 11,
    }
    assert by(answer["rows"], "channel")["paid_search"]["difference"] == -11.75
    spend = await fresh.ask("/v1/changes", from_as_of=then, measure="spend", **MARCH)
    assert spend["totals"]["causes"]["spend_restated"] == 2
    facts = {c["cause"]: c["facts"] for c in answer["causes"]}
    assert {n: f["count"] for n, f in facts.items() if f["count"]} == {
        "spend_restated": 1,
        "deals_changed": 1,
        "late_facts": 1,
        "new_facts": 1,
    }
    page = await fresh.ask("/v1/changes/facts", from_as_of=then, cause="late_facts", limit=1)
    assert [i["seq"] for i in page["items"]] == facts["late_facts"]["first"]
    assert page["next"] is None
    assert "payload" in page["items"][0]
    bare = await fresh.ask("/v1/changes/facts", "read", from_as_of=then, cause="late_facts")
    assert "payload" not in bare["items"][0]
    assert "id" not in bare["items"][0]


async def test_rules_hold_as_of_their_moment_and_their_change_is_a_cause(fresh: Service) -> None:
    await fresh.tell(line("summer", amount="10.00"), path="/v1/spend")
    await roi(fresh)
    then = fresh.clock.now.isoformat()
    fresh.clock.now += timedelta(hours=1)
    await rule(fresh, ({"campaign": "summer"}, {"campaign": "spring"}))
    assert [r["campaign"] for r in (await roi(fresh))["rows"]] == ["spring"]
    assert [r["campaign"] for r in (await roi(fresh, as_of=then))["rows"]] == ["summer"]
    answer = await fresh.ask(
        "/v1/changes", from_as_of=then, measure="spend", group_by="campaign", **MARCH
    )
    rows = by(answer["rows"], "campaign")
    assert rows["summer"]["causes"]["configuration"] == -10
    assert rows["spring"]["causes"]["configuration"] == 10
    versions = await fresh.ask("/v1/changes/facts", from_as_of=then, cause="configuration")
    assert [v["version"] for v in versions["items"]] == [1]


async def test_what_is_published_between_is_a_cause_and_as_of_knows_it_not(
    either: Service,
) -> None:
    await world(either)
    period = {"from_": "2026-03-01", "to": "2026-04-01"}
    then, watermark = either.clock.now.isoformat(), either.watermark
    before = await either.ask("/v1/attribution", **period)
    either.clock.now += timedelta(hours=1)
    await either.tell(order("a-1", "2026-03-07T10:00:00Z", "30.00"))
    either.clock.now += timedelta(hours=1)
    partners = {"match": {"source": "partner-*"}, "channel": "partners"}
    await draft(
        either,
        channel_rules=[partners],
        exclusions=[{"match": {"channel": "sms"}}],
        lookback="1d",
        default_model="first_touch",
    )
    await publish(either)
    for moment in (then, watermark):
        assert await either.ask("/v1/attribution", **period, as_of=moment) == before
    answer = await either.ask("/v1/changes", from_as_of=then, report="attribution", **period)
    expected = {"referral": (50, 15, -65), "sms": (100, 15, -115), "partners": (0, 0, 100)}
    rows = by(answer["rows"], "channel")
    for channel, (start, late, published) in expected.items():
        causes = rows[channel]["causes"]
        assert (rows[channel]["from"], causes["late_facts"]) == (start, late)
        assert causes["configuration"] == published
    assert answer["unattributed"]["causes"]["configuration"] == 80
    assert answer["totals"]["causes"]["configuration"] == 0
    assert answer["totals"]["difference"] == 30
    versions = [answer["between"][edge]["settings"]["version"] for edge in ("from", "to")]
    assert versions == [0, 1]
    assert [m["model"] for m in answer["meta"]["models"]] == ["first_touch"]
    (made,) = (await either.ask("/v1/changes/facts", from_as_of=then, cause="configuration"))[
        "items"
    ]
    assert (made["name"], made["version"]) == ("configuration", 1)


async def test_no_report_is_given_a_number_that_was_only_supposed(
    fresh: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all that is remembered: answers, marts of earlier moments, fits of models."""
    await world(fresh)
    then = fresh.watermark
    fresh.clock.now += timedelta(hours=1)
    await fresh.tell(
        touch("a-3", "2026-03-04T10:00:00Z", "texts/sms"),
        order("a-3", "2026-03-07T10:00:00Z", "900.00"),
        order("a-3", "2026-03-31T12:30:00Z", "7.00"),
    )
    asked = [
        (report, {**MARCH, "model": model, **moment})
        for report in ("/v1/roi", "/v1/attribution")
        for model in ("linear", "markov")
        for moment in ({}, {"as_of": then}, {"as_of": then + 2})
    ]
    expected = [await fresh.ask(report, **params) for report, params in asked]
    fresh.parts.desk.forget()
    monkeypatch.setattr(fits, "_fits", Memory(fits.REMEMBERED))
    for report in ("roi", "attribution"):
        for model in ("linear", "markov"):
            params = {**MARCH, "model": model, "report": report}
            changes = await fresh.ask("/v1/changes", from_as_of=then, **params)
            assert changes["totals"]["causes"]["late_facts"] == 900
            assert changes["totals"]["causes"]["new_facts"] == 7
    assert [await fresh.ask(report, **params) for report, params in asked] == expected


async def test_published_and_taken_back_is_no_difference(fresh: Service) -> None:
    await world(fresh)
    then = fresh.clock.now.isoformat()
    fresh.clock.now += timedelta(hours=1)
    await draft(fresh, exclusions=[{"match": {"channel": "sms"}}])
    await publish(fresh)
    middle = fresh.clock.now.isoformat()
    fresh.clock.now += timedelta(hours=1)
    await fresh.post({"version": 0}, "/v1/configuration/rollback", "admin")
    whole = await fresh.ask("/v1/changes", from_as_of=then, **MARCH)
    assert {r["difference"] for r in whole["rows"]} == {0}
    configured = whole["causes"][-1]
    assert (configured["cause"], configured["facts"]["count"]) == ("configuration", 2)
    half = await fresh.ask("/v1/changes", from_as_of=then, to_as_of=middle, **MARCH)
    assert half["unattributed"]["causes"]["configuration"] == 50
    back = await fresh.ask("/v1/changes", from_as_of=middle, **MARCH)
    assert back["unattributed"]["causes"]["configuration"] == -50


async def test_what_statuses_mean_is_listed_where_it_changed(fresh: Service) -> None:
    hook = {"kind": "webhook", "source": "crm", "options": {"stages": {"Signed": "won"}}}
    made = (await fresh.post(hook, "/v1/hooks", "admin")).json()
    await world(fresh)
    then = fresh.clock.now.isoformat()
    fresh.clock.now += timedelta(hours=1)
    for options in (
        {"stages": {"Signed": "lost"}},
        {"stages": {"Signed": "lost"}, "currency": "EUR"},
    ):
        response = await fresh.client.put(
            f"/v1/hooks/{made['id']}", json={"options": options}, headers=fresh.bearer("admin")
        )
        assert response.status_code == 200, response.text
    found = await fresh.ask("/v1/changes/facts", from_as_of=then, cause="configuration")
    assert [(i["name"], i["version"]) for i in found["items"]] == [(f"hook:{made['id']}", 2)]


async def test_causes_are_told_in_their_order_each_with_its_meaning(fresh: Service) -> None:
    await world(fresh)
    answer = await fresh.ask("/v1/changes", **MARCH)
    assert [c["cause"] for c in answer["causes"]] == list(answer["totals"]["causes"])
    assert [c["cause"] for c in answer["causes"]] == [
        "spend_restated",
        "exchange_rates",
        "identity",
        "deals_changed",
        "erasure",
        "late_facts",
        "new_facts",
        "configuration",
    ]
    assert all(c["meaning"].endswith(".") for c in answer["causes"])


async def test_the_facts_of_a_cause_wait_for_a_receipt(fresh: Service) -> None:
    await fresh.tell(order("a-1", "2026-03-06T10:00:00Z", "100.00"))
    then = (await fresh.ask("/v1/roi"))["meta"]["watermark"]
    fresh.clock.now += timedelta(hours=1)
    await fresh.tell(order("a-1", "2026-03-31T12:30:00Z", "7.00"))
    found = await fresh.ask("/v1/changes/facts", from_as_of=then, cause="new_facts")
    assert [item["seq"] for item in found["items"]] == [fresh.watermark]


@pytest.mark.parametrize("include", [{}, {"include": "bots"}], ids=["people", "robots too"])
async def test_as_many_facts_are_told_as_are_counted(fresh: Service, include: Json) -> None:
    """A robot's visit that becomes known late is a fact between the moments, whoever counts."""
    await fresh.tell(order("a-1", "2026-03-06T10:00:00Z", "100.00"))
    then = (await fresh.ask("/v1/roi"))["meta"]["watermark"]
    fresh.clock.now += timedelta(hours=1)
    visit = page("r-1", "2026-03-31T11:00:00Z", "https://site.example/")
    await fresh.tell(
        visit | {"context": {"user_agent": "Googlebot/2.1"}}, touch("a-1", "2026-03-05T10:00:00Z")
    )
    asked = {"from_as_of": then, **include}
    counted = (await fresh.ask("/v1/changes", **asked, **MARCH))["causes"]
    told = {
        cause["cause"]: len(
            (await fresh.ask("/v1/changes/facts", **asked, cause=cause["cause"]))["items"]
        )
        for cause in counted
    }
    assert told == {cause["cause"]: cause["facts"]["count"] for cause in counted}
    assert sum(told.values()) == 2
    refused = await fresh.get("/v1/changes/facts", include="birds", cause="new_facts")
    assert (refused.status_code, refused.json()["field"]) == (422, "include")


@pytest.mark.parametrize("path", ["/v1/changes", "/v1/changes/facts"])
async def test_one_moment_is_not_two(fresh: Service, path: str) -> None:
    more = {"cause": "late_facts"} if path.endswith("facts") else {}
    refused = await fresh.get(path, as_of=1, **more)
    assert (refused.status_code, refused.json()["field"]) == (422, "as_of")


async def test_only_so_many_changes_are_remembered(
    fresh: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world(fresh)
    await fresh.ask("/v1/roi")
    monkeypatch.setattr(fresh.parts.desk._answers, "most", 3)
    for moment in range(fresh.watermark):
        await fresh.ask("/v1/changes", from_as_of=moment, to_as_of=moment + 1, **MARCH)
        await fresh.ask("/v1/changes/facts", from_as_of=moment, cause="new_facts")
    assert len(fresh.parts.desk._answers) <= 3


async def test_settings_written_after_the_later_of_two_moments_are_told_too(
    fresh: Service,
) -> None:
    """The newest watermark has the settings of now, and a moment since then those of that moment."""
    await world(fresh)
    await fresh.ask("/v1/roi")
    fresh.clock.now += timedelta(hours=1)
    between = fresh.clock.now.isoformat()
    fresh.clock.now += timedelta(hours=1)
    await draft(fresh, exclusions=[{"match": {"channel": "sms"}}])
    await publish(fresh)
    answer = await fresh.ask("/v1/changes", from_as_of=fresh.watermark, to_as_of=between, **MARCH)
    assert answer["unattributed"]["causes"]["configuration"] == -50
    assert answer["causes"][-1]["facts"]["count"] == 1
