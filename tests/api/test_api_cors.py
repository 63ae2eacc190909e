"""A page of any site may post with its key, and read what became of it; it may read nothing else."""

from typing import Any

import pytest

from tests.api.harness import Service, page

pytestmark = pytest.mark.anyio
SITE = "https://www.example.com"
WHO = {"origin": SITE}


async def test_a_browser_may_ask_before_it_posts(service: Service) -> None:
    asked = {
        **WHO,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }
    answer = await service.client.options("/v1/events", headers=asked)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == SITE
    assert answer.headers["access-control-allow-headers"] == "authorization,content-type"
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    ("key", "body", "status"),
    [
        pytest.param("collect", page("cors", "2026-03-01T10:00:00Z", SITE), 202, id="stored"),
        pytest.param("collect", {"id": "cors-bad"}, 422, id="rejected"),
        pytest.param("collect", b"{", 400, id="unreadable"),
        pytest.param("read", {}, 403, id="a key that may not"),
    ],
)
async def test_the_page_can_read_its_answer(
    service: Service, key: str, body: Any, status: int
) -> None:
    answer = await service.post(body, key=key, **WHO)
    assert answer.status_code == status, answer.text
    assert answer.headers["access-control-allow-origin"] == SITE
    assert "Origin" in answer.headers["vary"]


async def test_without_a_key_the_page_reads_why(service: Service) -> None:
    answer = await service.client.post("/v1/events", content=b"{}", headers=WHO)
    assert (answer.status_code, answer.json()["code"]) == (401, "no_key")
    assert answer.headers["access-control-allow-origin"] == SITE


@pytest.mark.parametrize("path", ["/v1/roi", "/v1/spend", "/v1/keys", "/v1/journeys"])
async def test_reports_and_money_are_not_open_to_other_sites(service: Service, path: str) -> None:
    answer = await service.client.get(path, headers={**service.bearer("everything"), **WHO})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers
