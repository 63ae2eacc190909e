"""What was refused is mended and replayed over HTTP, as if it had been right when it arrived."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.collect.crm import Record, events_of
from service.collect.formats import formats
from service.collect.hooks import HookFormat
from service.collect.intake import collect_messages
from service.collect.native import Sender
from service.collect.wire import NativeEvent, reply_json
from service.ledger.append import append
from service.ledger.hooks import create_hook, list_hooks
from tests.api.harness import NOW, Json, Service, by, order, page, touch

pytestmark = pytest.mark.anyio
AT = "2026-02-01T10:00:00Z"


async def refused(service: Service, event: Json) -> Json:
    """The item that the event becomes."""
    response = await service.post([event], key="facts")
    assert response.json()["accepted"] == 0, response.text
    return (await service.ask("/v1/quarantine", limit=1))["items"][0]


async def replay(service: Service, item_id: int, message: Any = None) -> Any:
    body = {} if message is None else {"message": message}
    return await service.post(body, f"/v1/quarantine/{item_id}/replay")


async def outcomes(service: Service, source: str) -> Json:
    found: Json = by((await service.ask("/v1/sources"))["items"], "name")[source]["outcomes"]
    return found


async def test_a_mended_item_is_taken_as_of_its_arrival(either: Service) -> None:
    item = await refused(either, order("a1", "2026-02-01T10:00:00", id="O1"))
    assert (item["code"], item["format"], item["outcome"]) == ("naive_timestamp", "native", None)
    assert await outcomes(either, "facts") == {"naive_timestamp": 1}
    either.clock.now += timedelta(days=3)
    assert (await replay(either, item["id"])).json()["code"] == "naive_timestamp"
    message = order("a1", AT, id="O1")
    told = (await replay(either, item["id"], message)).json()
    assert (told["outcome"], told["accepted"]) == ("accepted", 1)
    assert await outcomes(either, "facts") == {"accepted": 1}
    # Again as it is: nothing happens; with other content: a correction belongs into a new event.
    assert (await replay(either, item["id"])).json() | {"watermark": 0} == {
        "id": item["id"], "outcome": "accepted", "accepted": 0, "duplicates": 0, "watermark": 0
    }  # fmt: skip
    assert (await replay(either, item["id"], message)).json()["code"] == "quarantine_ended"
    either.watermark = told["watermark"]
    found = await either.ask("/v1/attribution", from_="2026-02-01", to="2026-03-01")
    assert found["totals"]["value"] == 100
    with either.parts.engine.connect() as connection:
        received = connection.exec_driver_sql("SELECT received_at FROM facts").scalar()
    assert received == int(NOW.timestamp() * 1_000_000)
    one = await either.ask(f"/v1/quarantine/{item['id']}")
    assert one["outcome"] == "accepted"
    assert (await either.ask("/v1/quarantine"))["items"] == []
    assert len((await either.ask("/v1/quarantine", state="ended"))["items"]) == 1


async def test_many_are_mended_alike(fresh: Service) -> None:
    for number in range(5):
        bad = order(f"a{number}", AT, amount="1.234,00", currency="EURO", id=f"O{number}")
        await fresh.post([bad, page(f"a{number}", AT, "no address")], key="facts")
    body = {
        "source": "facts",
        "replace": {"order.amount": "10.00", "order.currency": "EUR"},
        "code": "unknown_currency",
        "limit": 2,
    }
    seen, after = [], 0
    while after is not None:
        done = (await fresh.post({**body, "after": after}, "/v1/quarantine/replay")).json()
        seen.append((done["items"], done["accepted"], done["refused"]))
        after = done["next"]
    assert seen == [(2, 2, 0), (2, 2, 0), (1, 1, 0)]
    assert await outcomes(fresh, "facts") == {"accepted": 5, "bad_url": 5}
    done = (await fresh.post({"code": "bad_url"}, "/v1/quarantine/replay")).json()
    assert (done["items"], done["refused"], len(done["reasons"])) == (0, 5, 5)
    assert done["reasons"][0]["field"] == "page.url"
    ids = [reason["id"] for reason in done["reasons"]]
    mended = {"ids": ids[:2], "remove": ["page"], "replace": {"type": "identify"}}
    done = (await fresh.post(mended, "/v1/quarantine/replay")).json()
    assert (done["items"], done["next"]) == (2, None)
    assert (await fresh.ask("/v1/attribution"))["totals"]["value"] == 50


async def test_a_dismissed_item(fresh: Service) -> None:
    item = await refused(fresh, page("a1", AT, "no address"))
    for _ in range(2):
        told = await fresh.post(b"", f"/v1/quarantine/{item['id']}/dismiss")
        assert told.json()["outcome"] == "dismissed"
    assert await outcomes(fresh, "facts") == {"dismissed": 1}


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({}, "missing_field", "ids"),
        ({"ids": []}, "empty", "ids"),
        ({"ids": [0]}, "out_of_range", "ids.0"),
        ({"ids": [1], "limit": 1001}, "out_of_range", "limit"),
        ({"ids": [1], "fix": 1}, "unknown_field", "fix"),
    ],
)
async def test_a_selection_that_makes_no_sense(
    service: Service, body: Json, code: str, field: str
) -> None:
    answer = (await service.post(body, "/v1/quarantine/replay")).json()
    assert (answer["status"], answer["code"], answer["field"]) == (422, code, field)


async def test_paths_that_lead_nowhere(fresh: Service) -> None:
    item = await refused(fresh, page("a1", AT, "no address"))
    for path in ("type.x", "a..b", "", "page.url.0"):
        body = {"ids": [item["id"]], "replace": {path: 1}}
        done = (await fresh.post(body, "/v1/quarantine/replay")).json()
        assert [reason["code"] for reason in done["reasons"]] == ["bad_path"], path
    body = {
        "ids": [item["id"], 999],
        "remove": ["nothing.0.here"],
        "replace": {"page.url": "https://x.test/"},
    }
    done = (await fresh.post(body, "/v1/quarantine/replay")).json()
    assert (done["items"], [r["code"] for r in done["reasons"]]) == (1, ["no_such_item"])


async def test_what_was_cut_needs_its_message(fresh: Service) -> None:
    long = {**touch("a1", AT), "segment": {f"n{i}": "x" * 1000 for i in range(60)}}
    item = await refused(fresh, long)
    assert item["code"] == "too_large"
    assert (await replay(fresh, item["id"])).json()["code"] == "not_replayable"
    assert (await replay(fresh, item["id"], touch("a1", AT))).json()["outcome"] == "accepted"


async def test_a_conflict_needs_another_id(fresh: Service) -> None:
    event = touch("a1", AT)
    await fresh.tell(event)
    await fresh.post([{**event, "touch": {"source": "other"}}])
    item = (await fresh.ask("/v1/quarantine"))["items"][0]
    assert (item["code"], item["format"]) == ("conflict", "fact")
    assert (await replay(fresh, item["id"])).json()["code"] == "not_replayable"
    assert (await replay(fresh, item["id"], event)).json()["outcome"] == "duplicate"


async def test_what_a_public_key_sent_stays_a_public_keys(fresh: Service) -> None:
    await fresh.post([order("a1", AT)], key="collect")
    item = (await fresh.ask("/v1/quarantine"))["items"][0]
    assert (item["code"], item["marks"]) == ("scope_missing", ["public"])
    for message in (None, order("a1", AT)):
        assert (await replay(fresh, item["id"], message)).json()["code"] == "scope_missing"
    done = (await fresh.post({"code": "scope_missing"}, "/v1/quarantine/replay")).json()
    assert (done["items"], done["refused"]) == (0, 1)
    assert (await fresh.ask("/v1/attribution"))["totals"]["value"] == 0


async def test_who_declined_stays_so(fresh: Service) -> None:
    bad = page("a-secret", "yesterday", "https://x.test/")
    await fresh.post([bad], key="collect", sec_gpc="1")
    item = (await fresh.ask("/v1/quarantine"))["items"][0]
    assert item["marks"] == ["public", "denied"]
    await replay(fresh, item["id"], {**bad, "occurred_at": AT})
    with fresh.parts.engine.connect() as connection:
        payload = connection.exec_driver_sql("SELECT payload FROM facts").scalar()
    assert "a-secret" not in str(payload)
    assert "unlinked" in str(payload)


async def test_spend_and_rates_are_read_by_their_own_readers(fresh: Service) -> None:
    line = {"date": "2026-02-01", "source": "google", "amount": "x", "currency": "EUR"}
    await fresh.post([line], "/v1/spend", key="facts")
    rate = {"date": "2026-02-01", "base": "USD", "quote": "EUR", "rate": "-1"}
    await fresh.post([rate], "/v1/rates", key="facts")
    items = {i["format"]: i["id"] for i in (await fresh.ask("/v1/quarantine"))["items"]}
    assert items.keys() == {"spend", "rates"}
    done = await fresh.post(
        {"ids": [items["spend"]], "replace": {"amount": "12.50"}}, "/v1/quarantine/replay"
    )
    assert done.json()["accepted"] == 1
    done = await fresh.post(
        {"ids": [items["rates"]], "replace": {"rate": "0.9"}}, "/v1/quarantine/replay"
    )
    assert done.json()["accepted"] == 1
    found = await fresh.ask("/v1/roi", from_="2026-02-01", to="2026-02-02")
    assert found["totals"]["spend"] == 12.5


async def test_messages_of_another_format_are_read_as_such(fresh: Service) -> None:
    message = {"type": "track", "event": "Order Completed", "messageId": "m-1", "timestamp": AT,
               "anonymousId": "a1", "properties": {"orderId": "O1", "revenue": 25}}  # fmt: skip
    await fresh.post({"batch": [message]}, "/v1/batch", key="facts")
    item = (await fresh.ask("/v1/quarantine"))["items"][0]
    assert (item["format"], item["code"]) == ("segment", "missing_currency")
    body = {"source": "facts", "replace": {"properties.currency": "EUR"}}
    done = (await fresh.post(body, "/v1/quarantine/replay")).json()
    assert done["accepted"] == 1
    assert (await fresh.ask("/v1/attribution"))["totals"]["value"] == 25


def _rewrite(message: Any, index: int, sender: Sender) -> list[NativeEvent]:
    record = Record(
        event_id=message["id"],
        occurred_at=AT,
        kind="deal",
        object_id=message["deal"],
        statuses=[message["status"]],
        amount="10.00",
        currency="EUR",
        people={"email": "ann@example.com"},
    )
    return events_of(record, sender)


@pytest.fixture
def crm(monkeypatch: pytest.MonkeyPatch) -> HookFormat:
    """A CRM of the tests' own."""
    wire = HookFormat(
        name="testcrm",
        title="A CRM",
        rewrite=_rewrite,
        messages=lambda call: call.json,
        answer=lambda *_: reply_json({}),
    )
    monkeypatch.setitem(formats(), "testcrm", wire)  # type: ignore[arg-type]
    return wire


async def test_a_status_is_mapped_and_replayed(fresh: Service, crm: HookFormat) -> None:
    parts = fresh.parts
    create_hook(parts.engine, "testcrm", "crm", {}, NOW)
    hooked = Sender(
        replace(parts.keys.caller(fresh.keys["facts"]), source_id=list_source(fresh, "crm")),
        NOW, parts.reader, options=crm.options(), currency="EUR",
    )  # fmt: skip
    sent = [{"id": f"c{n}", "deal": f"D{n}", "status": s} for n, s in enumerate("WWX")]
    append(parts.engine, [collect_messages(sent, hooked, crm, 32_768)])
    items = (await fresh.ask("/v1/quarantine", source="crm"))["items"]
    assert [i["code"] for i in items] == ["unmapped_stage"] * 3
    assert parts.mender.unmapped_status(items[0]) == "X"
    assert parts.mender.map_stage(items[-1]["id"], "won", "test") == "W"
    (hook,) = list_hooks(parts.engine)
    assert (hook["version"], hook["options"]) == (2, {"stages": {"W": "won"}})
    done = (await fresh.post({"source": "crm"}, "/v1/quarantine/replay")).json()
    assert (done["items"], done["refused"]) == (2, 1)
    fresh.watermark = done["watermark"]
    found = await fresh.ask("/v1/attribution", from_="2026-02-01", to="2026-03-01")
    assert (found["totals"]["conversions"], found["totals"]["value"]) == (2, 20)
    assert await outcomes(fresh, "crm") == {"accepted": done["accepted"], "unmapped_stage": 1}


def list_source(service: Service, name: str) -> int:
    with service.parts.engine.connect() as connection:
        found = connection.exec_driver_sql(f"SELECT id FROM sources WHERE name = '{name}'").scalar()
    return int(found or 0)


async def test_metrics_name_sources_and_codes_and_nothing_else(fresh: Service) -> None:
    await fresh.post([page("a1", AT, f"no address {n}") for n in range(9)], key="facts")
    agent = {"user_agent": "Googlebot/2.1"}
    await fresh.tell({**touch("a2", AT, "<x>/<y>"), "context": agent}, key="facts")
    for body, key in ((b"{", "facts"), (b"", "facts"), (b"[]", "read")):
        await fresh.post(body, key=key)
    for number in range(5):
        wrong = {"authorization": f"Bearer sk_{number}"}
        await fresh.client.post("/v1/events", content=b"[]", headers=wrong)
    await fresh.client.post("/v1/batch", content=b"{}", headers={"authorization": "Bearer sk_x"})
    sources = by((await fresh.ask("/v1/sources"))["items"], "name")
    assert sources["facts"]["refused_requests"] == {"empty_body": 1, "malformed_json": 1}
    text = (await fresh.client.get("/metrics")).text
    found = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels
    }
    assert found == {
        ("throughline_items_total", "accepted", "facts"): 1,
        ("throughline_items_total", "bad_url", "facts"): 9,
        ("throughline_flagged_items_total", "bot", "facts"): 1,
        ("throughline_source_refused_requests_total", "empty_body", "facts"): 1,
        ("throughline_source_refused_requests_total", "facts", "malformed_json"): 1,
        ("throughline_refused_requests_total", "empty_body"): 1,
        ("throughline_refused_requests_total", "malformed_json"): 1,
        ("throughline_refused_requests_total", "scope_missing"): 1,
        ("throughline_refused_requests_total", "unknown_key"): 6,
    }
