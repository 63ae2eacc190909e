"""Rules, exclusions and defaults: drafted, tried on any report, published, taken back."""

from typing import Any

import pytest

from tests.api.harness import Json, Service, by, order, touch

pytestmark = pytest.mark.anyio
MARCH = {"from_": "2026-03-01", "to": "2026-04-01"}
BASE = "/v1/configuration"
PARTNERS = {
    "channel_rules": [{"match": {"source": "Partner-*"}, "channel": "partners"}],
}
NO_SMS = {"exclusions": [{"match": {"channel": "sms"}, "note": "reminders"}]}


async def world(service: Service) -> None:
    """One buys for 100 after a partner's link and an SMS, one for 50 after an SMS alone."""
    await service.tell(
        touch("a-1", "2026-03-05T10:00:00Z", "partner-7/referral"),
        touch("a-1", "2026-03-05T11:00:00Z", "texts/sms"),
        order("a-1", "2026-03-06T10:00:00Z", "100.00"),
        touch("a-2", "2026-03-05T12:00:00Z", "texts/sms"),
        order("a-2", "2026-03-06T11:00:00Z", "50.00"),
    )


async def draft(service: Service, status: int = 200, **content: Any) -> Json:
    response = await service.client.put(
        f"{BASE}/draft", json={"configuration": content}, headers=service.bearer("admin")
    )
    assert response.status_code == status, response.text
    answer: Json = response.json()
    return answer


async def publish(service: Service, status: int = 200, note: str = "") -> Json:
    response = await service.post({"note": note}, f"{BASE}/publish", "admin")
    assert response.status_code == status, response.text
    answer: Json = response.json()
    return answer


async def rows(service: Service, path: str = "/v1/attribution", **more: Any) -> Any:
    answer = await service.ask(path, **MARCH, model="linear", **more)
    return answer["rows"], answer["unattributed"], answer["totals"]


def without_meta(answer: Json) -> Json:
    return {name: part for name, part in answer.items() if name != "meta"}


async def test_own_rules_stand_before_the_built_in_ones(either: Service) -> None:
    await world(either)
    assert (await either.ask("/v1/roi", **MARCH))["meta"]["settings"] == {
        "version": 0,
        "draft": False,
    }
    await draft(either, **PARTNERS)
    await publish(either, note="apart")
    answer = await either.ask("/v1/attribution", **MARCH, model="linear")
    assert {r["channel"]: r["value"] for r in answer["rows"]} == {"partners": 50, "sms": 100}
    assert answer["meta"]["settings"] == {"version": 1, "draft": False}
    roi = await either.ask("/v1/roi", **MARCH, model="linear")
    assert by(roi["rows"], "channel")["partners"]["revenue"] == 50
    paths = await either.ask("/v1/paths", **MARCH)
    assert ["partners", "sms"] in [row["path"] for row in paths["rows"]]


async def test_what_is_excluded_earns_nothing_and_is_counted(either: Service) -> None:
    await world(either)
    await draft(either, **NO_SMS)
    await publish(either)
    answer = await either.ask("/v1/attribution", **MARCH, model="linear")
    assert {r["channel"]: r["value"] for r in answer["rows"]} == {"referral": 100}
    assert answer["unattributed"]["reasons"] == [
        {"reason": "excluded_touchpoints", "conversions": 1, "value": 50}
    ]
    assert answer["totals"]["value"] == 150
    assert {"reason": "excluded_by_configuration", "facts": 2} in answer["meta"]["excluded"]
    items = (await either.ask("/v1/journeys", **MARCH))["items"]
    assert sorted(item["channels"] for item in items) == [[], ["referral"]]


@pytest.mark.parametrize("report", ["roi", "attribution", "funnel", "trend", "paths", "quality"])
async def test_a_dry_run_tells_what_publishing_then_gives(either: Service, report: str) -> None:
    await world(either)
    path = "/v1/sources/quality" if report == "quality" else f"/v1/{report}"
    before = await either.ask(path, **MARCH)
    await draft(either, **PARTNERS, **NO_SMS, lookback="30d", default_model="linear")
    tried = await either.ask(f"{BASE}/dry-run", report=report, **MARCH)
    assert tried["now"] == before
    assert tried["draft"]["meta"]["settings"] == {"version": 0, "draft": True}
    await publish(either)
    after = await either.ask(path, **MARCH)
    assert without_meta(after) == without_meta(tried["draft"])
    assert after["meta"]["settings"] == {"version": 1, "draft": False}
    assert (after["meta"]["lookback"], after["meta"]["models"][0]["name"]) == ("30d", "linear")


async def test_a_dry_run_differs_exactly_where_it_does(either: Service) -> None:
    await world(either)
    await draft(either, **PARTNERS)
    tried = await either.ask(f"{BASE}/dry-run", report="attribution", model="linear", **MARCH)
    found = by(tried["rows"], "channel")
    assert found["partners"]["difference"]["value"] == 50
    assert found["referral"]["difference"]["value"] == -50
    assert (found["sms"]["difference"]["value"], found["sms"]["changed"]) == (0, False)
    assert tried["totals"] == {"conversions": 0, "value": 0}
    assert tried["changed"] is True


async def test_a_dry_run_of_what_is_published_differs_nowhere(either: Service) -> None:
    await world(either)
    await draft(either, **PARTNERS, **NO_SMS)
    await publish(either)
    await draft(either, **PARTNERS, **NO_SMS)
    for report in ("roi", "attribution", "funnel", "trend", "paths", "quality"):
        tried = await either.ask(f"{BASE}/dry-run", report=report, **MARCH)
        assert tried["changed"] is False, report
        assert without_meta(tried["now"]) == without_meta(tried["draft"]), report


async def test_going_back_gives_the_same_rows_again(either: Service) -> None:
    await world(either)
    first = await rows(either)
    await draft(either, **PARTNERS)
    await publish(either)
    second = await rows(either)
    assert second != first
    await draft(either, **NO_SMS)
    await publish(either)
    response = await either.post({"version": 1, "note": "back"}, f"{BASE}/rollback", "admin")
    made = response.json()
    assert (made["version"], made["restores"], made["note"]) == (3, 1, "back")
    assert await rows(either) == second
    await either.post({"version": 0}, f"{BASE}/rollback", "admin")
    assert await rows(either) == first
    answer = await either.ask(f"{BASE}/versions")
    assert [item["version"] for item in answer["items"]] == [4, 3, 2, 1]
    page = (await either.get(f"{BASE}/versions", limit=2)).json()
    assert (page["next"], len(page["items"])) == ("3", 2)
    page = (await either.get(f"{BASE}/versions", limit=2, cursor="3")).json()
    assert (page["next"], [item["version"] for item in page["items"]]) == (None, [2, 1])


async def test_a_draft_of_an_older_version_is_not_published(either: Service) -> None:
    await draft(either, **PARTNERS)
    await publish(either)
    assert (await draft(either, **NO_SMS))["based_on"] == 1
    await either.post({"version": 0}, f"{BASE}/rollback", "admin")
    assert (await either.get(f"{BASE}/draft")).json()["outdated"] is True
    assert (await publish(either, 409))["code"] == "newer_version"
    # Saved again it still is what it was made from, until somebody says otherwise.
    assert (await draft(either, **NO_SMS))["based_on"] == 1
    body = {"configuration": NO_SMS, "based_on": 2}
    response = await either.client.put(f"{BASE}/draft", json=body, headers=either.bearer("admin"))
    assert response.json()["outdated"] is False
    assert (await publish(either))["version"] == 3
    assert (await either.get(f"{BASE}/draft")).json()["code"] == "no_draft"
    assert (await publish(either, 404))["code"] == "no_draft"


async def test_presets_are_asked_for_by_name(either: Service) -> None:
    await world(either)
    await draft(either, model_presets={"house": "time_decay:half_life=14d"}, default_model="@house")
    await publish(either)
    meta = (await either.ask("/v1/attribution", **MARCH))["meta"]
    assert [m["model"] for m in meta["models"]] == ["time_decay:half_life=14d"]
    meta = (await either.ask("/v1/attribution", **MARCH, model="linear,@house"))["meta"]
    assert [m["model"] for m in meta["models"]] == ["linear", "time_decay:half_life=14d"]
    response = await either.get("/v1/attribution", model="@nobody")
    assert (response.status_code, response.json()["field"]) == (422, "model")


async def test_as_of_takes_the_version_of_then(either: Service) -> None:
    await world(either)
    then, watermark = either.clock.now.isoformat(), either.watermark
    before = await rows(either)
    either.clock.now = either.clock.now.replace(hour=13)
    await draft(either, **PARTNERS)
    await publish(either)
    either.clock.now = either.clock.now.replace(hour=14)
    await either.tell(touch("a-3", "2026-03-07T10:00:00Z", "texts/sms"))
    assert (await rows(either)) != before
    assert (await rows(either, as_of=then)) == before
    answer = await either.ask("/v1/roi", **MARCH, as_of=watermark)
    # The ledger ended there until the last touch, and by then the version was published.
    assert answer["meta"]["settings"]["version"] == 1


async def test_a_draft_is_based_on_a_version_that_there_is(either: Service) -> None:
    body = {"configuration": {}, "based_on": 1}
    response = await either.client.put(f"{BASE}/draft", json=body, headers=either.bearer("admin"))
    assert (response.status_code, response.json()["field"]) == (422, "based_on")


async def test_who_published_and_what_acts_on_arrival_is_told(either: Service) -> None:
    hook = {"kind": "webhook", "source": "crm", "options": {"stages": {"Signed": "won"}}}
    made = (await either.post(hook, "/v1/hooks", "admin")).json()
    await draft(either, **PARTNERS)
    shown = await publish(either, note="apart")
    assert shown == (await either.get(BASE, "read")).json()
    assert (shown["published_by"], shown["note"]) == ("admin", "apart")
    assert shown["published_at"] == "2026-03-31T12:00:00Z"
    (of_hook,) = shown["stage_maps"]
    assert (of_hook["hook_id"], of_hook["stages"]) == (made["id"], {"Signed": "won"})


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({"lookback": "90"}, "configuration.lookback"),
        ({"default_model": "best"}, "configuration.default_model"),
        ({"default_model": "@gone"}, "configuration.default_model"),
        ({"model_presets": {"a": "linear:x=1"}}, "configuration.model_presets.a"),
        ({"channel_rules": [{"match": {}, "channel": "x"}]}, "configuration.channel_rules.0.match"),
        (
            {"channel_rules": [{"match": {"source": "a"}, "channel": ""}]},
            "configuration.channel_rules.0.channel",
        ),
        ({"exclusions": [{"match": {"colour": "red"}}]}, "configuration.exclusions.0.match.colour"),
        ({"stages": {}}, "configuration.stages"),
    ],
)
async def test_a_mistake_is_named_and_nothing_is_kept(
    either: Service, content: Json, field: str
) -> None:
    assert (await draft(either, 422, **content))["field"] == field
    assert (await either.get(f"{BASE}/draft")).status_code == 404


async def test_rules_see_hosts_kinds_and_what_a_channel_means_for_models(either: Service) -> None:
    visit = {
        "id": "config-page-1",
        "type": "page",
        "occurred_at": "2026-03-05T10:00:00Z",
        "identifiers": {"anonymous_id": "a-9"},
        "page": {"url": "https://shop.example/x", "referrer": "https://wiki.intranet.example/y"},
    }
    await either.tell(visit, order("a-9", "2026-03-06T10:00:00Z", "10.00"))
    rule = {
        "match": {"referrer_host": "*.INTRANET.example", "landing_host": "shop.*"},
        "channel": "Direct",
    }
    await draft(either, channel_rules=[rule])
    await publish(either)
    answer = await either.ask("/v1/attribution", **MARCH, model="linear")
    assert [r["channel"] for r in answer["rows"]] == ["direct"]
