"""Web analytics clients over HTTP: keys, pixels, pages of other sites, and errors in their words."""

from typing import Any

import pytest

from service.collect.wire import GIF
from tests.api.harness import EVERYTHING, Service

pytestmark = pytest.mark.anyio
BROWSER = {"origin": "https://shop.example.com", "user-agent": "Mozilla/5.0 Chrome/147"}
PAGE = "https://shop.example.com/?utm_source=google&utm_medium=cpc"
HIT = {"idsite": "1", "rec": "1", "_id": "0123456789abcdef", "url": PAGE}
EVENT = {"event": "$pageview", "distinct_id": "u-1", "properties": {"$current_url": PAGE}}
PATHS = (
    "/matomo.php",
    "/piwik.php",
    "/api/event",
    "/api/send",
    "/api/batch",
    "/batch/",
    "/e/",
    "/i/v0/e/",
    "/capture/",
    "/flags/",
)


async def outcomes(service: Service, source: str) -> dict[str, int]:
    found = (await service.get("/v1/sources")).json()["items"]
    return next((s["outcomes"] for s in found if s["name"] == source), {})


def more(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {k: v - before.get(k, 0) for k, v in after.items() if v != before.get(k, 0)}


async def test_a_pixel_answers_the_same_whatever_becomes_of_it(service: Service) -> None:
    before = await outcomes(service, "collect")
    good = {**HIT, "idsite": service.keys["collect"], "rand": "1"}
    asked: list[dict[str, str]] = [
        good,
        {**good, "idsite": "1"},
        {**good, "idsite": "pk_nobodyknowsthiskey"},
        {**good, "idsite": service.keys[EVERYTHING]},
        {**good, "url": "nowhere", "rand": "2"},
        {},
    ]
    for query in asked:
        for path in ("/matomo.php", "/piwik.php"):
            answer = await service.client.get(path, params=query)
            assert (answer.status_code, answer.content) == (200, GIF)
            assert answer.headers["content-type"] == "image/gif"
            assert "no-store" in answer.headers["cache-control"]
    quiet = await service.client.get("/matomo.php", params={**good, "send_image": "0"})
    assert (quiet.status_code, quiet.content) == (204, b"")
    told = more(before, await outcomes(service, "collect"))
    assert told == {"accepted": 1, "duplicate": 2, "bad_url": 2}


async def test_a_bulk_says_what_became_of_it(service: Service) -> None:
    hits = ["?" + "&".join(f"{k}={v}" for k, v in {**HIT, "rand": str(n)}.items()) for n in (7, 8)]
    body = {"requests": [hits[0].replace("&utm_medium=cpc", ""), "?rec=1"]}
    answer = await service.post({**body, "token_auth": service.keys["facts"]}, "/matomo.php")
    assert answer.json() == {
        "status": "success",
        "tracked": 1,
        "invalid": 1,
        "invalid_indices": [1],
    }
    refused = await service.client.post("/matomo.php", json={"requests": hits})
    assert (refused.status_code, refused.json()["code"]) == (401, "no_key")


@pytest.mark.parametrize("path", PATHS)
async def test_pages_of_other_sites_may_post(service: Service, path: str) -> None:
    asked = {
        **BROWSER,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type,x-umami-cache",
    }
    answer = await service.client.request("OPTIONS", path, headers=asked)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == BROWSER["origin"]
    assert answer.headers["access-control-allow-headers"] == "content-type,x-umami-cache"
    posted = await service.client.post(path, json={}, headers=BROWSER)
    assert posted.headers["access-control-allow-origin"] == BROWSER["origin"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        pytest.param("/api/event", {"n": "pageview", "u": PAGE, "d": "a.example"}, 202, id="plausible"),
        pytest.param(
            "/api/send", {"type": "event", "payload": {"url": PAGE, "hostname": "a.example"}}, 200,
            id="umami",
        ),
        pytest.param("/e/", EVENT, 200, id="posthog"),
        pytest.param("/matomo.php", HIT, 200, id="matomo"),
    ],
)  # fmt: skip
async def test_a_public_key_in_the_address(
    service: Service, path: str, body: Any, status: int
) -> None:
    before = await outcomes(service, "collect")
    key = service.keys["collect"]
    answer = await service.client.post(f"{path}?key={key}", json=body, headers=BROWSER)
    assert answer.status_code == status, answer.text
    told = more(before, await outcomes(service, "collect"))
    assert told in ({"accepted": 1}, {"duplicate": 1})
    secret = service.keys["facts"]
    answer = await service.client.post(f"{path}?key={secret}", json=body, headers=BROWSER)
    assert (answer.status_code, answer.json()["code"]) == (403, "secret_in_address")
    nobody = await service.client.post(path, json=body, headers=BROWSER)
    assert (nobody.status_code, nobody.json()["code"]) == (401, "no_key")


async def test_errors_are_in_the_words_of_the_protocol(service: Service) -> None:
    key = service.keys["collect"]
    umami = await service.client.post(f"/api/send?key={key}", content=b"{")
    assert umami.status_code == 400
    assert umami.json()["error"]["code"] == "malformed_json"
    posthog = await service.client.post(f"/batch/?key={key}", content=b"{")
    assert (posthog.status_code, posthog.json()["code"]) == (400, "malformed_json")
    assert posthog.json()["detail"]


async def test_settings_and_flags_of_the_browser_client(service: Service) -> None:
    config = await service.client.get("/array/pk_x/config", headers=BROWSER)
    assert config.json()["token"] == "pk_x"
    script = await service.client.get("/array/pk_x/config.js", headers=BROWSER)
    assert script.headers["content-type"].startswith("text/javascript")
    assert script.text.startswith("window._POSTHOG_REMOTE_CONFIG=")
    flags = await service.client.post("/flags/?v=2", content=b"not looked at", headers=BROWSER)
    assert flags.json()["flags"] == {}


async def test_the_visitor_is_told_by_what_is_seen_and_nothing_of_it_stays(
    service: Service,
) -> None:
    body = {"type": "event", "payload": {"url": PAGE, "hostname": "b.example"}}
    address = f"/api/send?key={service.keys['collect']}"
    sessions = {
        agent: (
            await service.client.post(address, json=body, headers={**BROWSER, "user-agent": agent})
        ).json()["sessionId"]
        for agent in ("Firefox", "Chrome", "Firefox")
    }
    assert len(set(sessions.values())) == 2
