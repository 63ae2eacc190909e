"""Conversions pushed to Meta: its own package says the same, and each answer is acted upon."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from service.outbound.destinations import find_destination
from service.outbound.outbox import OUTBOX, list_rows, open_rows, refresh, statement_of
from service.outbound.platforms.meta import event_of
from service.outbound.push import MAX_ATTEMPTS, Postman, push, wait_after
from tests.api.harness import Json, Service, deal, event, order, page, running

pytestmark = pytest.mark.anyio
META = {
    "name": "meta",
    "platform": "meta",
    "conversion_name": "Purchase",
    "account": "123456",
    "access_token": "EAAB-secret",
    "test_event_code": "TEST1",
}
Answer = Callable[[Json], httpx.Response]


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with running(tmp_path, advertising_hashes=True) as own:
        assert (await own.post(META, "/v1/exports")).status_code == 201
        yield own


class Graph:
    """Meta's end: what it was sent, and the answer it gives."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.requests: list[httpx.Request] = []

    def __call__(self) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(self._handle))

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.answer(json.loads(request.content))

    @property
    def bodies(self) -> list[Json]:
        return [json.loads(request.content) for request in self.requests]


def takes(body: Json) -> httpx.Response:
    return httpx.Response(200, json={"events_received": len(body["data"]), "fbtrace_id": "A1"})


def fails(status: int, code: int, **more: Any) -> httpx.Response:
    fault = {"message": "it failed", "code": code, "fbtrace_id": "A2", **more}
    return httpx.Response(status, json={"error": fault})


def changed(service: Service) -> None:
    """The outbox follows what is true now."""
    told = find_destination(service.parts.engine, "meta").model_copy(update={"currency": "USD"})
    refresh(service.parts.engine, service.parts.desk, told, "USD", service.clock())


async def three_sales(service: Service) -> None:
    agreed = {"consent": "granted"}
    await service.tell(
        page("m1", "2026-03-28T10:00:00Z", "https://shop.example/?fbclid=IwAR1"),
        event("identify", "2026-03-28T10:00:00Z",
              {"anonymous_id": "m1", "email": "John.Smith@GMail.com", "phone": "+1 (650) 555-0123"},
              context=agreed),
        page("m2", "2026-03-28T11:00:00Z", "https://shop.example/?fbclid=IwAR2"),
        page("m3", "2026-03-28T12:00:00Z", "https://shop.example/?fbclid=IwAR3"),
        *(order(f"m{n}", f"2026-03-30T1{n}:00:00Z", "99.50", "USD", id=f"O{n}") for n in (1, 2, 3)),
    )  # fmt: skip
    await service.ask("/v1/roi")
    changed(service)


def pushed(service: Service, graph: Graph) -> dict[str, int]:
    told = find_destination(service.parts.engine, "meta")
    return push(service.parts.engine, told, graph, service.clock())


def rows(service: Service) -> dict[str, tuple[str, str]]:
    listed = list_rows(service.parts.engine, "meta", 100, None, None)["items"]
    return {row["order_id"]: (row["state"], row["answer"]) for row in listed}


async def test_events_are_posted_once(service: Service) -> None:
    await three_sales(service)
    graph = Graph(takes)
    assert pushed(service, graph) == {"accepted": 3}
    assert pushed(service, graph) == {}
    (request,), (body,) = graph.requests, graph.bodies
    assert str(request.url) == "https://graph.facebook.com/v26.0/123456/events"
    assert (body["access_token"], body["test_event_code"]) == ("EAAB-secret", "TEST1")
    assert [e["event_id"] for e in body["data"]] == [f"won:order:O{n}" for n in (1, 2, 3)]
    assert set(rows(service).values()) == {("accepted", "taken, trace A1")}


async def test_the_events_are_those_of_the_official_package(service: Service) -> None:
    official = pytest.importorskip(
        "facebook_business.adobjects.serverside.event", reason="facebook-business is not installed"
    )
    from facebook_business.adobjects.serverside.action_source import ActionSource
    from facebook_business.adobjects.serverside.custom_data import CustomData
    from facebook_business.adobjects.serverside.user_data import UserData

    await three_sales(service)
    told = find_destination(service.parts.engine, "meta")
    with service.parts.engine.connect() as connection:
        ours = event_of(statement_of(open_rows(connection, "meta", {"report"})[0]), told)
    clicked = 1774692000_000
    theirs = official.Event(
        event_name="Purchase",
        event_time=1774868400,
        event_id="won:order:O1",
        action_source=ActionSource.SYSTEM_GENERATED,
        user_data=UserData(
            emails=["John.Smith@GMail.com"],
            phones=["+1 (650) 555-0123"],
            fbc=f"fb.1.{clicked}.IwAR1",
        ),
        custom_data=CustomData(
            value=99.5,
            currency="USD",
            order_id="won:order:O1",
            custom_properties={"event_source": "crm", "lead_event_source": "Throughline"},
        ),
    ).normalize()
    assert theirs == ours


async def test_one_bad_event_keeps_no_other_back(service: Service) -> None:
    await three_sales(service)

    def answer(body: Json) -> httpx.Response:
        bad = any(e["event_id"] == "won:order:O2" for e in body["data"])
        return fails(400, 100, error_user_msg="this value is wrong") if bad else takes(body)

    graph = Graph(answer)
    assert pushed(service, graph) == {"accepted": 2, "rejected": 1}
    assert rows(service)["won:order:O2"] == ("rejected", "100: this value is wrong")
    assert [len(body["data"]) for body in graph.bodies] == [3, 1, 1, 1]


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(lambda body: fails(500, 2), id="500"),
        pytest.param(lambda body: fails(400, 4), id="too many calls"),
        pytest.param(lambda body: httpx.Response(429, json={"error": {"code": 80004}}), id="429"),
        pytest.param(lambda body: fails(401, 190), id="the token has expired"),
        pytest.param(lambda body: fails(403, 200), id="the token may not"),
        pytest.param(lambda body: fails(400, 100, error_subcode=33), id="no such pixel"),
        pytest.param(lambda body: httpx.Response(200, text="<html>"), id="garbage"),
        pytest.param(lambda body: httpx.Response(200, json=[1]), id="no object"),
        pytest.param(lambda body: httpx.Response(200, json={"events_received": 1}), id="too few"),
    ],
)
async def test_what_cannot_be_taken_now_is_sent_again_with_the_same_ids(
    service: Service, failure: Answer
) -> None:
    await three_sales(service)
    failing = Graph(failure)
    assert pushed(service, failing) == {"sent": 3}
    assert len(failing.requests) == 1
    assert pushed(service, failing) == {}, "not due yet"
    service.clock.now += wait_after(1)
    graph = Graph(takes)
    assert pushed(service, graph) == {"accepted": 3}
    first, again = failing.bodies[0]["data"], graph.bodies[0]["data"]
    assert [e["event_id"] for e in first] == [e["event_id"] for e in again]


async def test_a_lost_connection_is_tried_again(service: Service) -> None:
    await three_sales(service)

    def answer(body: Json) -> httpx.Response:
        raise httpx.ConnectTimeout("no answer")

    assert pushed(service, Graph(answer)) == {"sent": 3}
    assert rows(service)["won:order:O1"] == ("sent", "Meta cannot be reached: ConnectTimeout")


async def test_what_changes_before_meta_took_it_is_told_as_it_is_now(service: Service) -> None:
    worth = {"id": "D1", "amount": "7.00", "currency": "USD"}
    await service.tell(deal("m3", "2026-03-30T09:00:00Z", "won", **worth))
    await three_sales(service)
    assert pushed(service, Graph(lambda body: fails(500, 2))) == {"sent": 4}
    await service.tell(
        order("m1", "2026-03-30T12:00:00Z", "120.00", "USD", id="O1", status="updated"),
        deal("m3", "2026-03-30T13:00:00Z", "lost", id="D1"),
    )
    await service.ask("/v1/roi")
    changed(service)
    assert rows(service)["won:deal:D1"][0] == "withdrawn"
    service.clock.now += wait_after(1)
    graph = Graph(takes)
    assert pushed(service, graph) == {"accepted": 3}
    values = {e["event_id"]: e["custom_data"]["value"] for b in graph.bodies for e in b["data"]}
    assert values == {"won:order:O1": 120.0, "won:order:O2": 99.5, "won:order:O3": 99.5}


async def test_a_new_row_has_all_its_attempts_beside_an_old_one(service: Service) -> None:
    await three_sales(service)
    with service.parts.engine.begin() as connection:
        old = OUTBOX.c.order_id == "won:order:O1"
        connection.execute(update(OUTBOX).where(old).values(attempts=MAX_ATTEMPTS - 1))
    assert pushed(service, Graph(lambda body: fails(500, 2))) == {"rejected": 1, "sent": 2}
    assert rows(service)["won:order:O2"][0] == "sent"


async def test_an_answer_that_quotes_the_token_is_kept_without_it(service: Service) -> None:
    await three_sales(service)
    pushed(service, Graph(lambda body: fails(400, 190, message="Malformed token EAAB-secret")))
    assert rows(service)["won:order:O1"] == ("sent", "190: Malformed token …")


async def test_an_answer_that_makes_no_sense_breaks_nothing(service: Service) -> None:
    await three_sales(service)
    graph = Graph(lambda body: httpx.Response(400, json={"error": {"code": [], "message": {}}}))
    assert pushed(service, graph) == {"rejected": 3}


async def test_an_address_that_is_none_is_said_so(service: Service) -> None:
    await three_sales(service)
    wrong = {"account": "1\n2"}
    told = find_destination(service.parts.engine, "meta").model_copy(update=wrong)
    push(service.parts.engine, told, Graph(takes), service.clock())
    assert rows(service)["won:order:O1"] == ("sent", "Meta cannot be reached: InvalidURL")


async def test_the_postman_goes_round_by_himself(service: Service) -> None:
    await three_sales(service)
    graph = Graph(takes)
    parts = service.parts
    postman = Postman(
        parts.engine, parts.desk, "USD", service.clock, graph, parts.settings.push_interval
    )
    postman.round()
    assert {state for state, _ in rows(service).values()} == {"accepted"}
    assert "EAAB-secret" not in json.dumps(rows(service))
