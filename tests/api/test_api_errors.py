"""One shape of error on every address, and what the service says when it cannot take more."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from service.ledger import writer as writer_module
from service.ledger.append import Batch, Receipt, append
from tests.api.harness import Service, running, touch, unique

pytestmark = pytest.mark.anyio
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
ADDRESSES = {
    "/v1/events": {"POST"},
    "/v1/spend": {"GET", "HEAD", "POST"},
    "/v1/rates": {"POST"},
    "/v1/attribution": {"GET", "HEAD"},
    "/v1/attribution.csv": {"GET", "HEAD"},
    "/v1/journeys/won:order:O1": {"GET", "HEAD"},
    "/v1/conversions/won:order:O1/explain": {"GET", "HEAD"},
    "/v1/people/p_1": {"GET", "HEAD"},
    "/v1/models": {"GET", "HEAD"},
    "/v1/keys": {"GET", "HEAD", "POST"},
    "/v1/keys/1": {"DELETE"},
    "/v1/sources": {"GET", "HEAD"},
    "/v1/quarantine": {"GET", "HEAD"},
    "/livez": {"GET", "HEAD"},
    "/readyz": {"GET", "HEAD"},
    "/metrics": {"GET", "HEAD"},
    "/openapi.json": {"GET", "HEAD"},
}


def problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = response.json()
    assert {"type", "title", "status", "code", "detail"} <= found.keys()
    assert (found["status"], found["code"]) == (status, code)
    assert found["type"] == f"urn:throughline:error:{code}"
    assert found["title"]
    assert found["detail"]
    return found


@pytest.mark.parametrize(
    ("address", "method"),
    [(a, m) for a, takes in ADDRESSES.items() for m in METHODS if m not in takes],
)
async def test_a_method_that_is_not_taken(service: Service, address: str, method: str) -> None:
    response = await service.client.request(method, address, headers=service.bearer("everything"))
    assert set(response.headers["allow"].split(", ")) == ADDRESSES[address]
    if method != "HEAD":
        problem(response, 405, "method_not_allowed")


@pytest.mark.parametrize(
    "address",
    ["/v1", "/v1/", "/v2/events", "/v1/nothing", "/v1/attribution/", "//v1/attribution",
     "/v1/attribution/x", "/v1/people", "/v1/people/", "/v1/events.csv", "/v1/%2e%2e/livez", "/V1/events"],
)  # fmt: skip
async def test_an_address_that_is_none(service: Service, address: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        response = await service.client.request(
            method, address, headers=service.bearer("everything")
        )
        if response.status_code != 405:
            problem(response, 404, "not_found")


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("/v1/journeys/won:order:none", "no_such_conversion"),
        ("/v1/journeys/a/b%2Fc%00%F0%9F%98%80", "no_such_conversion"),
        ("/v1/conversions/none/explain", "no_such_conversion"),
        ("/v1/people/p_none", "no_such_person"),
        ("/v1/attribution.xml", "unknown_format"),
        ("/v1/attribution.", "not_found"),
    ],
)
async def test_something_that_there_is_not(service: Service, address: str, code: str) -> None:
    problem(await service.get(address), 404, code)


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("from=yesterday", "bad_date", "from"),
        ("to=2026-02-30", "bad_date", "to"),
        ("from=2026-03-01T00:00:00", "bad_date", "from"),
        ("from=9999-12-31", "bad_date", "from"),
        ("from=2026-03-02&to=2026-03-01", "empty_period", "to"),
        ("from=2026-03-01&to=2026-03-01", "empty_period", "to"),
        ("tz=Berlin", "unknown_time_zone", "tz"),
        ("tz=../../etc/passwd", "unknown_time_zone", "tz"),
        ("currency=XXX", "unknown_currency", "currency"),
        ("currency=", "unknown_currency", "currency"),
        ("conversion=visit", "unknown_value", "conversion"),
        ("model=best_touch", "unknown_model", "model"),
        ("model=time_decay:half_life=soon", "bad_parameter", "model"),
        ("model=linear:weight=2", "bad_parameter", "model"),
        ("lookback=90", "bad_duration", "lookback"),
        ("basis=click", "unknown_value", "basis"),
        ("scope=company", "unknown_value", "scope"),
        ("group_by=colour", "unknown_group", "group_by"),
        ("group_by=channel,channel", "unknown_group", "group_by"),
        ("group_by=", "unknown_group", "group_by"),
        ("filter[colour]=red", "unknown_filter", "filter[colour]"),
        ("filter[channel=email", "unknown_filter", "filter[channel"),
        ("form=csv", "unknown_parameter", "form"),
        ("limit=5", "unknown_parameter", "limit"),
        ("Model=linear", "unknown_parameter", "Model"),
        ("model=linear&model=first_touch", "repeated_parameter", "query"),
        ("as_of=tomorrow", "bad_date", "as_of"),
    ],
)
async def test_a_question_that_makes_no_sense(
    service: Service, query: str, code: str, field: str
) -> None:
    response = await service.client.get(f"/v1/attribution?{query}", headers=service.bearer("read"))
    assert problem(response, 422, code)["field"] == field


@pytest.mark.parametrize(
    ("address", "code", "field"),
    [
        ("/v1/journeys?limit=0", "out_of_range", "limit"),
        ("/v1/journeys?limit=1001", "out_of_range", "limit"),
        ("/v1/journeys?limit=1e2", "out_of_range", "limit"),
        ("/v1/paths?cursor=WzFd4", "bad_cursor", "cursor"),
        ("/v1/journeys?cursor=WzFd", "bad_cursor", "cursor"),
        ("/v1/spend?cursor=next", "bad_cursor", "cursor"),
        ("/v1/trend?every=hour", "unknown_value", "every"),
        ("/v1/funnel?group_by=day", "unknown_group", "group_by"),
        # What a report cannot be filtered by was left out of account without a word.
        ("/v1/paths?filter[channel]=email", "unknown_filter", "filter[channel]"),
        ("/v1/spend?filter[campaign]=x", "unknown_filter", "filter[campaign]"),
        ("/v1/models?name=linear", "unknown_parameter", "name"),
        ("/v1/sources?limit=1", "unknown_parameter", "limit"),
        ("/v1/quarantine?souce=website", "unknown_parameter", "souce"),
        ("/v1/quarantine?cursor=x", "out_of_range", "cursor"),
    ],
)
async def test_other_questions_that_make_no_sense(
    service: Service, address: str, code: str, field: str
) -> None:
    response = await service.client.get(address, headers=service.bearer("everything"))
    assert problem(response, 422, code)["field"] == field


async def test_what_is_common_to_all_reports_is_known_to_all(service: Service) -> None:
    common = {
        "from_": "2026-01-01", "to": "2026-04-01", "tz": "UTC", "currency": "EUR", "scope": "person",
        "conversion": "won", "model": "linear", "lookback": "90d", "basis": "touch",
        "group_by": "channel",
    }  # fmt: skip
    for path in ("attribution", "roi", "trend", "journeys", "paths", "funnel", "spend", "models"):
        await service.ask(f"/v1/{path}", **common)


# Overload and faults


@contextmanager
def blocked_writer(
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[tuple[threading.Event, threading.Event]]:
    """The writer stands still inside a commit: `inside` is set when it does, `go_on` ends it."""
    inside, go_on = threading.Event(), threading.Event()

    def slow(engine: Engine, batches: list[Batch], prune_at: int | None) -> list[Receipt]:
        inside.set()
        go_on.wait(30)
        return append(engine, batches, prune_at)

    with monkeypatch.context() as patch:
        patch.setattr(writer_module, "append", slow)
        try:
            yield inside, go_on
        finally:
            go_on.set()


async def until_waiting(service: Service, items: int) -> None:
    """Until so many items wait for the writer."""
    async with asyncio.timeout(30):
        while service.parts.writer.queued != items:
            await asyncio.sleep(0.001)


async def test_a_full_queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path, queue_facts=4) as tiny:
        with blocked_writer(monkeypatch) as (inside, go_on):
            events = [touch(unique("a"), "2026-03-01T10:00:00Z") for _ in range(5)]
            first = asyncio.create_task(tiny.post(events[0]))
            assert await asyncio.to_thread(inside.wait, 30)
            waiting = [asyncio.create_task(tiny.post(event)) for event in events[1:]]
            await until_waiting(tiny, 4)
            refused = await tiny.post(touch("late", "2026-03-01T10:00:00Z"))
            found = problem(refused, 503, "overloaded")
            assert "again" in found["detail"]
            assert int(refused.headers["retry-after"]) >= 1
            # Who only asks is answered meanwhile.
            assert (await tiny.client.get("/livez")).status_code == 200
            assert (await tiny.client.get("/readyz")).status_code == 200
            assert (await tiny.get("/v1/attribution")).status_code == 200
            assert "throughline_queue_items 4.0" in (await tiny.client.get("/metrics")).text
            go_on.set()
            for done in await asyncio.gather(first, *waiting):
                assert done.status_code == 202
        assert (await tiny.post(touch("late", "2026-03-01T10:00:00Z"))).status_code == 202


async def test_a_sender_who_gives_up_spoils_nothing(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its batch was taken out of the writer's hands, which ended the writer for everybody.
    with blocked_writer(monkeypatch) as (inside, _):
        event = touch(unique("a"), "2026-03-01T10:00:00Z")
        given_up = asyncio.create_task(service.post(event))
        assert await asyncio.to_thread(inside.wait, 30)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
    again = await asyncio.wait_for(service.post(event), 10)
    assert (again.status_code, again.json()["duplicates"]) == (200, 1)


async def test_a_ledger_that_cannot_be_written(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(engine: Engine, batches: list[Batch]) -> list[Receipt]:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(writer_module, "append", broken)
        event = touch(unique("a"), "2026-03-01T10:00:00Z")
        response = await service.post(event)
        found = problem(response, 503, "ledger_unavailable")
        assert "disk full" not in found["detail"]
        assert int(response.headers["retry-after"]) >= 1
    assert (await service.post(event)).json()["accepted"] == 1


@pytest.mark.postgres
async def test_a_database_that_went_away(tmp_path: Path, postgres_cluster: Any) -> None:
    name = postgres_cluster.fresh_database()
    async with running(tmp_path, postgres_cluster.url(name)) as service:
        await service.tell(touch("a-1", "2026-03-01T10:00:00Z"))
        await service.ask("/v1/attribution")
        postgres_cluster.drop_database(name)
        for path in ("/v1/sources", "/v1/quarantine", "/v1/keys"):
            response = await service.get(path)
            problem(response, 503, "ledger_unavailable")
            assert int(response.headers["retry-after"]) >= 1
        problem(await service.client.get("/readyz"), 503, "not_ready")
        problem(await service.post(touch("a-1", "2026-03-01T10:00:00Z")), 503, "ledger_unavailable")
        assert (await service.client.get("/livez")).status_code == 200
        assert (await service.get("/v1/attribution")).status_code == 200


async def test_a_crash_says_nothing_of_itself(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: Any) -> Any:
        raise ZeroDivisionError("sk_secret ann@example.com")

    monkeypatch.setattr(service.parts.desk, "attribution", crash)
    transport = httpx.ASGITransport(app=service.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        response = await client.get("/v1/attribution", headers=service.bearer("read"))
    problem(response, 500, "internal")
    assert "ann@" not in response.text


async def test_the_roles_take_apart_what_one_process_does(tmp_path: Path) -> None:
    async with running(tmp_path / "collect", role="collect") as collecting:
        assert (await collecting.post(touch("a-1", "2026-03-01T10:00:00Z"))).status_code == 202
        problem(await collecting.get("/v1/attribution"), 404, "not_found")
        assert (await collecting.client.get("/livez")).status_code == 200
    async with running(tmp_path / "query", role="query") as asking:
        problem(await asking.post(touch("a-1", "2026-03-01T10:00:00Z")), 404, "not_found")
        assert (await asking.get("/v1/attribution")).status_code == 200
