"""Why a report changed, over HTTP: to the cent, and down to the facts."""

from datetime import timedelta

import pytest

from tests.api.harness import Service, by, order, touch
from tests.api.test_api_campaigns import line, roi, rule

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
