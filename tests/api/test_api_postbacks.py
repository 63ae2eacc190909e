"""Postbacks over HTTP: 200 and text; the conversion meets the touch that carried its click."""

from typing import Any

import pytest

from tests.api.harness import Json, Service, page, touch, unique

pytestmark = pytest.mark.anyio


async def made(service: Service, source: str, **options: Any) -> str:
    asked = {"kind": "postback", "source": source, "options": options}
    response = await service.post(asked, "/v1/hooks", key="admin")
    assert response.status_code == 201, response.text
    address: str = response.json()["address"]
    return address.removeprefix(service.parts.settings.public_url)


async def journey(service: Service, conversion: str) -> Json:
    service.watermark = service.parts.writer.watermark
    return await service.ask(f"/v1/journeys/{conversion}")


def channels(found: Json) -> list[Any]:
    return [(t["kind"], t["source"]) for t in found["touchpoints"]]


async def test_a_sale_meets_the_touch_that_carried_its_click(service: Service) -> None:
    path = await made(service, "network")
    assert path.startswith("/postback/hk_")
    who, click = unique("visitor"), unique("X")
    await service.tell(
        page(who, "2026-03-01T09:00:00Z", "https://shop.example/?utm_source=news&utm_medium=email"),
        touch(who, "2026-03-02T10:00:00Z", "network/affiliate", click_ids={"clickid": click}),
    )
    query = {"clickid": click, "tid": f"{click}-T", "payout": "10.00", "currency": "EUR"}
    taken = await service.client.get(path, params={**query, "date": "2026-03-03T10:00:00Z"})
    assert (taken.status_code, taken.text) == (200, "OK")
    assert taken.headers["content-type"].startswith("text/plain")
    found = await journey(service, f"won:deal:{click}-T")
    assert channels(found) == [("visit", "news"), ("click", "network")]
    assert found["conversion"]["value"] == 10
    # The same transaction told again changes the deal.
    more = {**query, "payout": "25.00", "date": "2026-03-04T10:00:00Z"}
    assert (await service.client.post(path + "/", data=more)).text == "OK"
    found = await journey(service, f"won:deal:{click}-T")
    assert (found["conversion"]["value"], found["conversion"]["occurred_at"]) == (
        25, "2026-03-03T10:00:00Z",
    )  # fmt: skip
    trash = {**query, "status": "trash", "date": "2026-03-05T10:00:00Z"}
    assert (await service.client.get(path, params=trash)).text == "OK"
    service.watermark = service.parts.writer.watermark
    gone = await service.get(f"/v1/journeys/won:deal:{click}-T", min_watermark=service.watermark)
    assert gone.status_code == 404


async def test_a_click_in_the_address_of_a_page_is_met_too(service: Service) -> None:
    path = await made(service, "tracker")
    who, click = unique("visitor"), unique("X")
    for name, posted in (("clickid", "subid"), ("irclickid", "irclickid")):
        await service.tell(
            page(who + name, "2026-03-01T09:00:00Z", f"https://shop.example/?{name}={click}{name}")
        )
        taken = await service.client.get(
            path, params={posted: click + name, "date": "2026-03-03T10:00:00Z"}
        )
        assert taken.text == "OK"
        found = await journey(service, f"won:deal:click:{click}{name}")
        assert [t["kind"] for t in found["touchpoints"]] == ["visit"]
        kinds = sorted(i["kind"] for i in found["identifiers"])
        assert kinds == ["anonymous_id", f"click:{name}"]


async def test_a_link_that_is_passed_on_makes_nobody_one_person(service: Service) -> None:
    click = unique("G")
    for who in ("ann", "bob"):
        url = f"https://shop.example/?gclid={click}"
        await service.tell(page(f"{click}{who}", "2026-03-01T09:00:00Z", url))
    people = set()
    for who in ("ann", "bob"):
        await service.tell(
            {
                "id": unique("event"),
                "type": "deal",
                "occurred_at": "2026-03-02T10:00:00Z",
                "identifiers": {"anonymous_id": f"{click}{who}"},
                "deal": {"id": f"{click}-{who}", "stage": "won"},
            }
        )
        found = await service.ask(f"/v1/journeys/won:deal:{click}-{who}")
        people.add(found["conversion"]["person_id"])
    assert len(people) == 2


async def test_what_cannot_be_read_is_answered_200_and_kept(fresh: Service) -> None:
    path = await made(fresh, "network")
    for query in ({}, {"subid": "X", "status": "odd"}, {"subid": "X", "payout": "much"}):
        taken = await fresh.client.get(path, params=query)
        assert (taken.status_code, taken.text) == (200, "OK")
    listed = (await fresh.ask("/v1/quarantine"))["items"]
    assert [item["code"] for item in listed] == [
        "bad_amount", "unmapped_stage", "missing_identifiers",
    ]  # fmt: skip
    (source,) = [s for s in (await fresh.ask("/v1/sources"))["items"] if s["name"] == "network"]
    assert source["outcomes"] == {"bad_amount": 1, "missing_identifiers": 1, "unmapped_stage": 1}


async def test_the_other_address_and_bodies_that_are_none(fresh: Service) -> None:
    path = await made(fresh, "network")
    key = path.rpartition("/")[2]
    wrong = await fresh.client.post(f"/v1/webhooks/{key}", json={})
    assert (wrong.status_code, wrong.json()["code"]) == (404, "wrong_hook")
    for body, code in ((b"[]", "not_an_object"), (b"{", "malformed_json")):
        bad = await fresh.client.post(path, content=body)
        assert (bad.status_code, bad.json()["code"]) == (400, code)
    many = "&".join(f"a{n}=1" for n in range(1_100))
    bad = await fresh.client.get(f"{path}?{many}")
    assert (bad.status_code, bad.json()["code"]) == (400, "too_many_fields")
    unknown = await fresh.client.get("/postback/hk_nobody?subid=X")
    assert (unknown.status_code, unknown.json()["code"]) == (401, "unknown_hook")
