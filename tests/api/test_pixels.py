"""An image is answered whatever becomes of the message in its address."""

from base64 import urlsafe_b64encode
from typing import Any

import httpx
import orjson
import pytest

from service.collect.wire import GIF
from tests.api.harness import EVERYTHING, Service

pytestmark = pytest.mark.anyio
MOMENT = "2026-03-20T10:00:00Z"


def in_base64(message: Any) -> str:
    return urlsafe_b64encode(orjson.dumps(message)).decode().rstrip("=")


async def fetch(service: Service, path: str, **asked: str) -> httpx.Response:
    answer = await service.client.get(path, params=asked)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/gif"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.content == GIF
    return answer


async def outcomes(service: Service, source: str) -> dict[str, int]:
    sources = (await service.ask("/v1/sources"))["items"]
    found: dict[str, int] = next(s["outcomes"] for s in sources if s["name"] == source)
    return found


async def test_what_is_stored_and_what_is_not_look_the_same(fresh: Service) -> None:
    key = fresh.keys["collect"]
    who = {"anonymousId": "pixel-1", "timestamp": MOMENT}
    good = {"writeKey": key, **who, "event": "Email Opened"}
    await fetch(fresh, "/v1/pixel/track", data=in_base64(good))
    await fetch(fresh, "/v1/pixel/track/", data=orjson.dumps(good).decode())
    await fetch(fresh, "/pixel/v1/track", writeKey=key, event="Seen", **who)
    assert await outcomes(fresh, "collect") == {"accepted": 2, "duplicate": 1}
    await fetch(fresh, "/v1/pixel/track", data=in_base64({"writeKey": key, **who}))
    await fetch(fresh, "/pixel/v1/track", writeKey=key, event="Seen")
    for unknown in ("pk_unknown", fresh.keys[EVERYTHING], fresh.keys["revoked"], ""):
        await fetch(fresh, "/pixel/v1/page", writeKey=unknown, **who)
        await fetch(fresh, "/v1/pixel/page", data=in_base64({**who, "writeKey": unknown}))
    for data in ("%%%", "e30", "W10", "{", "=", "\ud7ff"):
        await fetch(fresh, "/v1/pixel/identify", data=data)
    await fetch(fresh, "/v1/pixel/alias")
    await fetch(fresh, "/pixel/v1/page")
    await fetch(fresh, "/pixel/v1/page?" + "&".join(f"a{n}=1" for n in range(1_001)))
    refused = {"missing_field": 1, "missing_identifiers": 1}
    assert await outcomes(fresh, "collect") == {"accepted": 2, "duplicate": 1, **refused}


@pytest.mark.parametrize("kind", ["identify", "group", "alias", "page", "screen", "track"])
async def test_every_kind_has_its_pixel(service: Service, kind: str) -> None:
    message = {
        "writeKey": service.keys["collect"],
        "messageId": f"pixel-{kind}",
        "userId": f"user-{kind}",
        "previousId": "before",
        "groupId": "acme",
        "event": "Seen",
        "timestamp": MOMENT,
    }
    before = (await outcomes(service, "collect")).get("accepted", 0)
    await fetch(service, f"/v1/pixel/{kind}", data=in_base64(message))
    assert (await outcomes(service, "collect"))["accepted"] == before + 1
