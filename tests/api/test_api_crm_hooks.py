"""CRMs' webhooks over HTTP: from the address to the journey, in the words of each."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from service.kit.errors import Unavailable
from service.ledger.append import Batch
from tests.api.harness import Json, Service, running, touch
from tests.collect.portal import SECRET, TOKEN, Portal, event, running_portal
from tests.collect.test_amocrm import form, lead
from tests.collect.test_salesforce import deal as opportunity
from tests.collect.test_salesforce import envelope

pytestmark = pytest.mark.anyio
FORM = {"content-type": "application/x-www-form-urlencoded"}
XML = {"content-type": "text/xml; charset=UTF-8", "soapaction": '""'}


@pytest.fixture
def portal() -> Iterator[Portal]:
    with running_portal() as found:
        yield found


async def made(service: Service, kind: str, **options: Any) -> str:
    """The path of a new hook of the source `crm`."""
    asked = {"kind": kind, "source": "crm", "options": options}
    response = await service.post(asked, "/v1/hooks", key="admin")
    assert response.status_code == 201, response.text
    path: str = response.json()["address"].removeprefix(service.parts.settings.public_url)
    return path


async def outcomes(service: Service) -> Json:
    service.parts.writer.submit(Batch([])).result()  # counts are written in their turn
    items = (await service.ask("/v1/sources"))["items"]
    found = next(s for s in items if s["name"] == "crm")
    return {**found["outcomes"], **found["refused_requests"]}


async def value_of(service: Service, conversion: str) -> Any:
    service.watermark = service.parts.writer.watermark
    return (await service.ask(f"/v1/journeys/{conversion}"))["conversion"]["value"]


async def test_amocrm(either: Service) -> None:
    path = await made(either, "amocrm", currency="EUR", id_prefix="amo:")
    told = await either.client.post(path, content=form(leads_status=[lead()]), headers=FORM)
    assert (told.status_code, told.text) == (200, "ok")
    assert await value_of(either, "won:deal:amo:5") == 1200
    # Whatever comes, the answer is 200, and nothing of it is silent.
    for body in (b"a" + b"[b]" * 99 + b"=1", form(leads_add=[lead(6, 555)]), b"\xff", b""):
        assert (await either.client.post(path, content=body, headers=FORM)).status_code == 200
    again = await either.client.post(path, content=form(leads_update=[lead()]), headers=FORM)
    assert again.status_code == 200
    assert await outcomes(either) == {
        "accepted": 1, "duplicate": 1, "malformed_form": 1, "unmapped_stage": 1,
    }  # fmt: skip
    large = await either.client.post(path, content=b"a=" + b"x" * 2**20, headers=FORM)
    assert (large.status_code, large.text) == (200, "body_too_large")
    assert (await outcomes(either))["body_too_large"] == 1


async def test_salesforce(either: Service) -> None:
    path = await made(either, "salesforce", organization_id="00D2X000000abcdUAA")
    told = await either.client.post(path, content=opportunity(), headers=XML)
    assert (told.status_code, told.headers["content-type"]) == (200, "text/xml; charset=utf-8")
    assert "<Ack>true</Ack>" in told.text
    assert await value_of(either, "won:deal:0062X00000AbCdEFGH") == 1200
    other = await either.client.post(path, content=envelope(organization="00D9"), headers=XML)
    assert (other.status_code, "wrong_organization" in other.text) == (401, True)
    bomb = b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'
    refused = await either.client.post(path, content=bomb, headers=XML)
    assert (refused.status_code, "<faultcode>soapenv:Client" in refused.text) == (400, True)
    assert await outcomes(either) == {"accepted": 1, "wrong_organization": 1, "malformed_xml": 1}


async def test_bitrix24(tmp_path: Path, database_url: str, portal: Portal) -> None:
    async with running(tmp_path, database_url, allow_private_addresses=True) as service:
        path = await made(service, "bitrix24", application_token=TOKEN, portal=portal.address)
        await service.tell(
            touch({"email": "ann@example.com"}, "2026-02-01T10:00:00Z", "google/cpc")
        )
        told = await service.client.post(path, content=event("ONCRMDEALUPDATE"), headers=FORM)
        assert (told.status_code, told.text) == (200, "ok")
        for _ in range(2_000):  # the errand runs in a thread of the service
            if "accepted" in await outcomes(service):
                break
        service.watermark = service.parts.writer.watermark
        journey = await service.ask("/v1/journeys/won:deal:410")
        assert journey["conversion"]["value"] == 1000.5
        assert [t["source"] for t in journey["touchpoints"]] == ["google", "google"]
        wrong = event("ONCRMDEALUPDATE", token="x")
        refused = await service.client.post(path, content=wrong, headers=FORM)
        assert (refused.status_code, refused.json()["code"]) == (401, "wrong_token")
        listed = await service.get("/v1/hooks")
        assert TOKEN not in listed.text
        assert SECRET not in listed.text


async def test_an_errand_is_on_disk_before_the_answer(
    either: Service,
) -> None:
    """And where it cannot be written, the sender hears that it was not."""
    path = await made(
        either, "bitrix24", application_token=TOKEN, portal="https://portal.example/rest/1/x/"
    )
    either.parts.fetcher.stop()
    body = event("ONCRMDEALUPDATE")
    with either.parts.engine.begin() as connection:
        connection.execute(text("ALTER TABLE tasks RENAME TO elsewhere"))
    failed = await either.client.post(path, content=body, headers=FORM)
    assert (failed.status_code, failed.headers["retry-after"]) == (503, "2")
    with either.parts.engine.begin() as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO tasks"))
    assert (await either.client.post(path, content=body, headers=FORM)).status_code == 200
    with either.parts.engine.begin() as connection:
        rows = connection.execute(text("SELECT name, state FROM tasks")).all()
    assert [tuple(row) for row in rows] == [("1:deal:410", "waiting")]


async def test_a_ledger_that_is_down_is_told_to_each_in_its_own_words(
    fresh: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = {kind: await made(fresh, kind) for kind in ("amocrm", "salesforce", "odoo")}

    def full(_: Any) -> None:
        raise Unavailable("overloaded", "later", 3)

    monkeypatch.setattr(fresh.parts.writer, "submit", full)
    bodies = {
        "amocrm": form(leads_add=[lead()]),
        "salesforce": opportunity(),
        "odoo": b'{"_model": "crm.lead", "_id": 1, "type": "lead", "email_from": "a@x.org"}',
    }
    for kind, path in paths.items():
        answer = await fresh.client.post(path, content=bodies[kind])
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "3"), kind
        assert "overloaded" in answer.text
