"""Spend meets clicks by campaign, rules say which is meant, and what does not meet is told."""

from typing import Any

import pytest

from service.ledger.configuration import write_setting
from tests.api.harness import NOW, Json, Service, by, order, touch

pytestmark = pytest.mark.anyio
MARCH = {"from_": "2026-03-01", "to": "2026-04-01", "model": "linear"}
FIGURES = ("spend", "conversions", "revenue", "visits")


def line(
    campaign: str | None = None, number: str | None = None, amount: str = "10.00", **more: Any
) -> Json:
    said = {"date": "2026-03-05", "source": "google", "medium": "cpc", "campaign": campaign,
            "campaign_id": number, "amount": amount, "currency": "EUR", "clicks": 4}  # fmt: skip
    return {**{k: v for k, v in said.items() if v is not None}, **more}


async def bought(service: Service, who: str, amount: str, **fields: str) -> None:
    """Somebody comes by a click and buys."""
    await service.tell(
        touch(who, "2026-03-05T10:00:00Z", "google/cpc", **fields),
        order(who, "2026-03-06T10:00:00Z", amount),
    )


async def roi(service: Service, **more: Any) -> Json:
    answer = await service.ask("/v1/roi", group_by="campaign", **MARCH, **more)
    for name in FIGURES:
        parts = [row[name] for row in answer["rows"]] + [answer["unattributed"][name]]
        assert sum(parts) == pytest.approx(answer["totals"][name], abs=1e-9)
    return answer


async def rule(service: Service, *pairs: tuple[Json, Json]) -> Json:
    body = {"rules": [{"match": match, "to": to} for match, to in pairs]}
    response = await service.client.put(
        "/v1/campaigns/rules", json=body, headers=service.bearer("admin")
    )
    assert response.status_code == 200, response.text
    answer: Json = response.json()
    return answer


async def test_a_billed_id_meets_a_clicked_name_once_a_fact_names_both(either: Service) -> None:
    await either.tell(line(number="42", amount="30.00"), path="/v1/spend")
    await bought(either, "a-1", "100.00", campaign="spring")
    rows = by((await roi(either))["rows"], "campaign")
    assert rows["42"]["spend"] == 30
    assert (rows["spring"]["spend"], rows["spring"]["revenue"]) == (0, 100)
    # Another click carries both, written a little otherwise.
    await bought(either, "a-2", "50.00", campaign="Spring ", campaign_id="42")
    (row,) = (await roi(either))["rows"]
    assert (row["campaign"], row["spend"], row["revenue"]) == ("Spring", 30, 150)
    only = await roi(either, filter_campaign="SPRING")
    assert only["totals"]["spend"] == 30


async def test_a_rule_joins_what_nothing_else_does(fresh: Service) -> None:
    await fresh.tell(
        line("Spring sale", "7", "30.00"), line("Other", "8", "5.00"), path="/v1/spend"
    )
    await bought(fresh, "b-1", "100.00", campaign="spr_2026_de")
    before = await roi(fresh)
    assert len(before["rows"]) == 3
    assert before["meta"]["campaign_rules"] == 0
    kept = await rule(fresh, ({"source": "google", "campaign": "spr_*"}, {"campaign_id": "7"}))
    assert kept["version"] == 1
    after = await roi(fresh)
    rows = by(after["rows"], "campaign")
    assert (rows["Spring sale"]["spend"], rows["Spring sale"]["revenue"]) == (30, 100)
    assert after["totals"] == before["totals"]
    assert after["meta"]["campaign_rules"] == 1
    again = await rule(fresh)
    assert again == {"version": 2, "rules": []}
    assert (await roi(fresh))["rows"] == before["rows"], "without the rule all is as before"
    got = await fresh.get("/v1/campaigns/rules", key="admin")
    assert got.json() == {"version": 2, "rules": []}


async def test_rules_that_another_process_wrote_hold_here_too(
    fresh: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fresh.tell(line("One"), path="/v1/spend")
    assert (await roi(fresh))["rows"][0]["campaign"] == "One"
    monkeypatch.setattr("service.reports.editions.SECONDS", -1.0)
    rules = {"rules": [{"match": {"campaign": "one"}, "to": {"campaign": "Two"}}]}
    write_setting(fresh.parts.engine, "campaigns", rules, NOW, "another process")
    assert (await roi(fresh))["rows"][0]["campaign"] == "Two"


async def test_rules_are_refused_by_field(service: Service) -> None:
    body = {"rules": [{"match": {"campaign": "x"}, "to": {"campaign": ""}}]}
    refused = await service.client.put(
        "/v1/campaigns/rules", json=body, headers=service.bearer("admin")
    )
    assert refused.status_code == 422
    assert refused.json()["field"] == "rules.0.to.campaign"
    broken = await service.client.put(
        "/v1/campaigns/rules", content=b"{", headers=service.bearer("admin")
    )
    assert (broken.status_code, broken.json()["code"]) == (400, "malformed_json")


async def test_spend_and_touches_that_do_not_meet_are_told(fresh: Service) -> None:
    await fresh.tell(
        line("Spring", amount="100.00"),
        line("Ghost", amount="70.25", impressions=900),
        line("Ghost", amount="1.00", date="2026-03-06"),
        line("Elsewhen", amount="9.00", date="2026-02-01"),
        line("Free", amount="0.00"),
        line("Exotic", amount="500", currency="XOF"),
        path="/v1/spend",
    )
    await bought(fresh, "c-1", "100.00", campaign="spring")
    await bought(fresh, "c-2", "40.00", campaign="untold")
    await fresh.tell(touch("c-3", "2026-03-07T10:00:00Z", "news/email", campaign="letter"))
    await fresh.tell(touch("c-4", "2026-03-07T10:00:00Z", "google/cpc", campaign="Free"))
    answer = await fresh.ask("/v1/sources/quality", **MARCH, currency="EUR")
    assert answer["meta"]["group_by"] == ["source", "campaign"]
    assert [(r["finding"], r["campaign"]) for r in answer["rows"]] == [
        ("spend_without_touches", "Ghost"),
        ("touches_without_spend", "untold"),
        ("touches_without_spend", "Free"),
        ("spend_without_touches", "Exotic"),
    ]
    ghost, untold, *_ = answer["rows"]
    assert (ghost["spend"], ghost["spend_lines"], ghost["clicks"]) == (71.25, 2, 8)
    assert (ghost["channels"], ghost["touches"]) == ("paid_search", 0)
    assert (untold["value"], untold["conversions"], untold["paid_touches"]) == (40, 1, 1)
    assert answer["totals"] == {
        "spend": 171.25,
        "spend_without_touches": 71.25,
        "paid_touches": 3,
        "touches_without_spend": 2,
        "value": 140,
        "value_without_spend": 40,
    }
    roi_totals = (await fresh.ask("/v1/roi", **MARCH, currency="EUR"))["totals"]
    assert (roi_totals["spend"], roi_totals["revenue"]) == (171.25, 140)


async def test_where_they_do_not_meet_by_channel_and_as_a_table(fresh: Service) -> None:
    await fresh.tell(line("Ghost", source="-bad source"), path="/v1/spend")
    answer = await fresh.ask("/v1/sources/quality", **MARCH, group_by="channel,source")
    (row,) = answer["rows"]
    assert (row["source"], row["spend"]) == ("-bad source", 10)
    table = await fresh.get("/v1/sources/quality.csv", **MARCH)
    assert table.text.splitlines()[0].startswith('"finding","source","campaign","channels"')
    assert '"\'-bad source"' in table.text
    refused = await fresh.get("/v1/sources/quality", **MARCH, group_by="day")
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_group")
    empty = await fresh.ask("/v1/sources/quality", **{**MARCH, "from_": "2026-03-20"})
    assert empty["rows"] == []
    assert empty["meta"]["coverage"]["spend"] is None
