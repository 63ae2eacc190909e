"""Whatever is sent or asked, the service answers; what it answers is one of its own words."""

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.reports.question import GROUPS, KNOWN, STAGES
from tests.api.harness import Service, deal, order, page, running, touch
from tests.api.whole_events import PARTS, RATE, SPEND, whole

pytestmark = pytest.mark.anyio
TAKERS = ("/v1/events", "/v1/spend", "/v1/rates")
SEGMENT = ("/v1/batch", "/v1/track")
READS = (
    "/v1/attribution",
    "/v1/roi",
    "/v1/trend",
    "/v1/journeys",
    "/v1/paths",
    "/v1/funnel",
    "/v1/spend",
)
OTHERS = (
    "/v1/models",
    "/v1/sources",
    "/v1/quarantine",
    "/v1/keys",
    "/v1/people/p_1",
    "/v1/journeys/won:order:O-fuzz",
    "/v1/conversions/won:order:O-fuzz/explain",
    "/livez",
    "/readyz",
    "/metrics",
)
few = settings(
    max_examples=30,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """At the end the mart must have taken in all that was accepted meanwhile: one fact that the
    derivation cannot read would stop every report for ever."""
    async with running(tmp_path_factory.mktemp("service")) as shared:
        await shared.tell(
            page("fuzz", "2026-03-01T10:00:00Z", "https://shop.example/?utm_source=google"),
            touch("fuzz", "2026-03-02T10:00:00Z", "google/cpc"),
            order("fuzz", "2026-03-03T10:00:00Z", id="O-fuzz"),
            deal("fuzz", "2026-03-04T10:00:00Z", "won", amount="1.00", currency="USD"),
        )
        await shared.tell({**SPEND, "stated_at": None}, path="/v1/spend")
        await shared.ask("/v1/roi")
        yield shared
        for path in READS:
            assert (await shared.ask(path, from_="1990-01-01"))["meta"]["watermark"] > 0
        assert shared.parts.follower.last_error is None


# Whole events with any part of them put out of place, and values from nowhere.
numbers = st.one_of(
    st.integers(), st.floats(), st.sampled_from([2**63, -(2**63), 2**64, 10**18, -1, 0, 1e308])
)
words = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["NaN", "null", "\0", "2026-03-01", "https://a.example/", "EUR", "1e999"]),
)
scalars = st.one_of(st.none(), st.booleans(), numbers, words)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
wholes = st.sampled_from([*(whole(kind) for kind in PARTS), SPEND, RATE])


@st.composite
def spoilt(draw: st.DrawFn) -> Any:
    """A whole item with one to three of its values replaced, at any depth."""
    item = orjson.loads(orjson.dumps(draw(wholes)))
    for _ in range(draw(st.integers(1, 3))):
        place: Any = item
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            deeper = isinstance(place[key], dict | list) and place[key] and draw(st.booleans())
            if not deeper:
                place[key] = draw(values)
                break
            place = place[key]
    return item


def as_json(value: Any) -> bytes:
    """With NaN, infinities and integers of any size, which strict writers refuse."""
    return json.dumps(value).encode()


def check(response: httpx.Response) -> None:
    assert response.status_code < 500, response.text
    if response.status_code >= 400 and "application/json" not in response.headers["content-type"]:
        assert response.headers["content-type"] == "application/problem+json"
        assert {"type", "title", "status", "code", "detail"} <= response.json().keys()


def check_receipt(response: httpx.Response, items: int) -> None:
    check(response)
    if response.status_code in (200, 202, 422):
        receipt = response.json()
        rejected = receipt["rejected"]
        assert receipt["accepted"] + receipt["duplicates"] + len(rejected) == items
        assert all(r["code"] and r["detail"] and 0 <= r["index"] < items for r in rejected)


@pytest.mark.parametrize("path", [*TAKERS, *SEGMENT])
@few
@given(body=st.one_of(st.binary(max_size=60), st.lists(words).map(lambda w: ",".join(w).encode())))
async def test_any_bytes(service: Service, path: str, body: bytes) -> None:
    check(await service.post(body, path))


@pytest.mark.parametrize("path", TAKERS)
@few
@given(value=values)
async def test_any_json(service: Service, path: str, value: Any) -> None:
    items = len(value) if isinstance(value, list) else 1
    check_receipt(await service.post(as_json(value), path), items)


@pytest.mark.parametrize("path", SEGMENT)
@few
@given(value=values | st.fixed_dictionaries({"batch": values, "anonymousId": values}))
async def test_any_segment_json(service: Service, path: str, value: Any) -> None:
    check(await service.post(as_json(value), path))


@pytest.mark.parametrize("path", TAKERS)
@few
@given(items=st.lists(spoilt(), min_size=1, max_size=4))
async def test_spoilt_items(service: Service, path: str, items: list[Any]) -> None:
    check_receipt(await service.post(as_json(items), path), len(items))


# Each as_of makes a mart of its own and each far watermark waits: both are asked for apart.
REPORTED = sorted(KNOWN - {"as_of", "min_watermark"})
OWN = {
    "/v1/trend": ["every"],
    "/v1/journeys": ["limit", "cursor", "search", "filter[channel]"],
    "/v1/paths": ["limit", "cursor"],
    "/v1/spend": ["limit", "cursor", "filter[channel]"],
    "/v1/quarantine": ["limit", "cursor", "source", "code"],
}
FILTERED = ["filter[channel]", "filter[campaign]", "filter[landing_page]"]
likely = {
    "from": st.sampled_from(
        ["2026-01-01", "1971-01-01", "2026-03-01T00:00:00+01:00", "1772359200"]
    ),
    "to": st.sampled_from(["2026-04-01", "8999-12-31", "2026-03-29T02:30:00", "1772359200000"]),
    "tz": st.sampled_from(["Europe/Berlin", "Pacific/Apia", "Etc/GMT+12", "../etc/passwd"]),
    "currency": st.sampled_from(["EUR", "usd", "JPY", "KWD", "XAU"]),
    "conversion": st.sampled_from(STAGES),
    "model": st.sampled_from(
        ["first_touch,linear", "time_decay:half_life=0d", "custom", "w_shaped@ruler", "linear:x=1"]
    ),
    "lookback": st.sampled_from(["none", "0d", "90d", "999999w", "999999s", "-1d"]),
    "basis": st.sampled_from(["touch", "conversion"]),
    "scope": st.sampled_from(["person", "account"]),
    "group_by": st.lists(st.sampled_from(GROUPS), max_size=4, unique=True).map(",".join),
    "every": st.sampled_from(["day", "week", "month", "hour"]),
    "limit": st.sampled_from(["1", "1000", "0", "1001", "-1", "1e3", "٣"]),
    "cursor": st.sampled_from(["WzFd", "WzEsIngiXQ", "W10", "bnVsbA", "====", "WyJcdTAwMDAiLDFd"]),
    "search": st.sampled_from(["o-fuzz", "\0", "%", "'", "p_1", "\ufffd"]),
}


@st.composite
def questions(draw: st.DrawFn) -> tuple[str, dict[str, str]]:
    """An address with parameters that it knows, mostly such as make sense, now and then others."""
    path = draw(st.sampled_from([*READS, *READS, *OTHERS]))
    names = [*(REPORTED if path in READS else []), *OWN.get(path, [])]
    names += FILTERED if path in READS and path not in OWN else []
    asked = draw(st.lists(st.sampled_from(names or ["tz"]), max_size=6, unique=True))
    found = {name: draw(likely.get(name, words)) for name in asked}
    if asked and draw(st.integers(0, 3)) == 0:
        found[draw(st.sampled_from(asked))] = draw(st.text(max_size=12))
    if draw(st.integers(0, 5)) == 0:
        found[draw(st.text(min_size=1, max_size=8))] = draw(words)
    endings = ["", "", ".csv", ".parquet", ".arrow", ".xml"] if path in READS else [""]
    return path + draw(st.sampled_from(endings)), found


@settings(few, max_examples=200)
@given(question=questions())
async def test_any_question(service: Service, question: tuple[str, dict[str, str]]) -> None:
    path, params = question
    check(await service.client.get(path, params=params, headers=service.bearer("everything")))


@pytest.mark.parametrize("name", ["as_of", "min_watermark"])
@settings(few, max_examples=25)
@given(value=st.text(max_size=12) | st.integers(2**40, 2**70).map(str) | st.floats().map(str))
async def test_any_watermark(service: Service, name: str, value: str) -> None:
    check(
        await service.client.get(
            "/v1/attribution", params={name: value}, headers=service.bearer("read")
        )
    )


@pytest.mark.parametrize(
    "around", ["/v1/journeys/{}", "/v1/conversions/{}/explain", "/v1/people/{}", "/v1/{}"]
)
@few
@given(text=st.text(min_size=1, max_size=20))
async def test_any_address(service: Service, around: str, text: str) -> None:
    path = around.format(quote(text, safe=""))
    check(await service.client.get(path, headers=service.bearer("people")))


@few
@given(
    header=st.sampled_from(["authorization", "accept", "if-none-match", "content-type", "cookie"]),
    value=st.binary(max_size=30).filter(lambda raw: not set(raw) & set(b"\r\n\0")),
)
async def test_any_header(service: Service, header: str, value: bytes) -> None:
    headers = [(b"authorization", service.bearer("read")["authorization"].encode())]
    headers = [h for h in headers if h[0] != header.encode()] + [(header.encode(), value)]
    check(await service.client.get("/v1/attribution", headers=headers))


@few
@given(value=values)
async def test_any_key_asked_for(service: Service, value: Any) -> None:
    response = await service.client.post(
        "/v1/keys", content=as_json(value), headers=service.bearer("admin")
    )
    check(response)
    assert response.status_code != 201
