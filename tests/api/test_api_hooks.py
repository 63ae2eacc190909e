"""Hooks over HTTP: made, listed, changed, ended; what their senders post is verified and counted."""

import hashlib
import hmac
from typing import Any

import orjson
import pytest

from service.ledger.append import Batch
from tests.api.harness import Json, Service

pytestmark = pytest.mark.anyio
DEALS: Json = {
    "constants": {"kind": "deal"},
    "fields": {
        "id": "event_id",
        "at": "occurred_at",
        "deal": "object_id",
        "status": "status",
        "amount": "amount",
        "currency": "currency",
        "email": "identifiers.email",
    },
    "stages": {"won": "won", "lost": "lost", "open": "opportunity"},
}


async def made(service: Service, source: str, kind: str = "webhook", **options: Any) -> Json:
    """A new hook: `path` to post to, and the rest of the answer."""
    asked = {"kind": kind, "source": source, "options": {**DEALS, **options}}
    response = await service.post(asked, "/v1/hooks", key="admin")
    assert response.status_code == 201, response.text
    hook: Json = response.json()
    return {**hook, "path": hook["address"].removeprefix(service.parts.settings.public_url)}


async def outcomes(service: Service, source: str) -> Json:
    service.parts.writer.submit(Batch([])).result()  # counts are written in their turn
    items = (await service.ask("/v1/sources"))["items"]
    found = next(s for s in items if s["name"] == source)
    return {**found["outcomes"], **found["refused_requests"]}


def change(name: str, status: str = "won", **more: Any) -> Json:
    return {
        "id": name,
        "at": "2026-03-05T10:00:00Z",
        "deal": f"{name}-D",
        "status": status,
        "amount": "1200.00",
        "currency": "EUR",
        "email": f"{name}@hooks.example",
        **more,
    }


async def test_what_is_posted_to_a_hook_becomes_a_deal(either: Service) -> None:
    hook = await made(either, "crm")
    assert hook["path"].startswith("/v1/webhooks/hk_")
    posted = await either.client.post(hook["path"], json=change("h1"))
    assert (posted.status_code, posted.json()) == (200, {"accepted": 1, "duplicates": 0})
    again = await either.client.post(hook["path"] + "/", json=change("h1"))
    assert (again.status_code, again.json()) == (200, {"accepted": 0, "duplicates": 1})
    either.watermark = either.parts.writer.watermark
    journey = await either.ask("/v1/journeys/won:deal:h1-D")
    assert journey["conversion"]["value"] == 1200
    assert await outcomes(either, "crm") == {"accepted": 1, "duplicate": 1}


async def test_a_status_without_meaning_waits_until_it_has_one(fresh: Service) -> None:
    hook = await made(fresh, "crm")
    posted = await fresh.client.post(hook["path"], json=change("h2", "parked"))
    assert (posted.status_code, posted.json()) == (200, {"accepted": 0, "duplicates": 0})
    (item,) = (await fresh.ask("/v1/quarantine"))["items"]
    assert (item["code"], item["source"], item["field"]) == ("unmapped_stage", "crm", "stages")
    changed = {**DEALS, "stages": {**DEALS["stages"], "parked": "opportunity"}}
    put = await fresh.client.put(
        f"/v1/hooks/{hook['id']}", json={"options": changed}, headers=fresh.bearer("admin")
    )
    assert (put.status_code, put.json()["version"]) == (200, 2)
    posted = await fresh.client.post(hook["path"], json=change("h2", "parked"))
    assert posted.json() == {"accepted": 1, "duplicates": 0}


async def test_secrets_are_shown_to_nobody(
    fresh: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    secrets = {"secret": "s3cret-one", "old_secret": "s3cret-two", "password": "s3cret-three"}
    hook = await made(fresh, "crm", signature_header="X-Signature", user="u", **secrets)
    key = hook["path"].rpartition("/")[2]
    listed = await fresh.get("/v1/hooks")
    (shown,) = listed.json()["items"]
    assert {name: shown["options"][name] for name in secrets} == dict.fromkeys(secrets, "hidden")
    # What was listed can be given back as it is: the secrets stay.
    kept = await fresh.client.put(
        f"/v1/hooks/{hook['id']}",
        json={"options": shown["options"]},
        headers=fresh.bearer("admin"),
    )
    assert (kept.status_code, kept.json()["version"]) == (200, 1)
    refused = await fresh.client.post(hook["path"], json=change("h3"), headers={"x-signature": "0"})
    assert (refused.status_code, refused.json()["code"]) == (401, "bad_password")
    wrong = await fresh.client.put(
        f"/v1/hooks/{hook['id']}",
        json={"options": {"secret": ["s3cret-one"]}},
        headers=fresh.bearer("admin"),
    )
    assert (wrong.status_code, wrong.json()["field"]) == (422, "options.secret")
    whole = await fresh.client.put(
        f"/v1/hooks/{hook['id']}",
        json={"options": {"secret": "s3cret-one"}},
        headers=fresh.bearer("admin"),
    )
    assert (whole.status_code, whole.json()["field"]) == (422, "options")
    printed = capsys.readouterr()
    said = [listed.text, kept.text, refused.text, wrong.text, whole.text, printed.out, printed.err]
    for text in said:
        assert "s3cret" not in text
        assert key not in text
    keys = await fresh.get("/v1/keys")
    assert key not in keys.text


async def test_a_hidden_secret_is_no_secret(fresh: Service) -> None:
    """Options that were copied from a list would otherwise be signed by a word that all can read."""
    asked = {"kind": "webhook", "source": "crm", "options": {**DEALS, "secret": "hidden"}}
    answer = await fresh.post(asked, "/v1/hooks")
    assert (answer.status_code, answer.json()["field"]) == (422, "options.secret")
    assert (await fresh.get("/v1/hooks")).json()["items"] == []


async def test_a_forged_request_is_refused_and_counted(fresh: Service) -> None:
    hook = await made(fresh, "crm", signature_header="X-Signature", secret="a secret")
    body = orjson.dumps(change("h4"))
    signature = hmac.new(b"a secret", body, hashlib.sha256).hexdigest()
    good = await fresh.client.post(hook["path"], content=body, headers={"x-signature": signature})
    assert (good.status_code, good.json()["accepted"]) == (200, 1)
    forged = {"x-signature": signature[:-1] + ("0" if signature[-1] != "0" else "1")}
    for headers in (forged, {}, {"x-signature": ""}):
        bad = await fresh.client.post(hook["path"], content=body, headers=headers)
        assert (bad.status_code, bad.json()["code"]) == (401, "bad_signature")
    broken = await fresh.client.post(hook["path"], content=b"{", headers={"x-signature": "x"})
    assert broken.json()["code"] == "bad_signature"
    assert await outcomes(fresh, "crm") == {"accepted": 1, "bad_signature": 4}
    assert (await fresh.ask("/v1/quarantine"))["items"] == []


async def test_a_request_that_makes_no_sense_is_refused_and_counted(fresh: Service) -> None:
    hook = await made(fresh, "crm", items="events")
    for body, code in ((b"{", "malformed_json"), (b"{}", "missing_field")):
        bad = await fresh.client.post(hook["path"], content=body)
        assert (bad.status_code, bad.json()["code"]) == (400, code)
    many = orjson.dumps({"events": [{}] * 1_001})
    assert (await fresh.client.post(hook["path"], content=many)).json()["code"] == "too_many_items"
    large = b'{"events": [' + b" " * 2**20 + b"]}"
    assert (await fresh.client.post(hook["path"], content=large)).status_code == 413
    assert await outcomes(fresh, "crm") == {
        "body_too_large": 1, "malformed_json": 1, "missing_field": 1, "too_many_items": 1,
    }  # fmt: skip


async def test_a_hook_that_is_unknown_ended_or_of_another_kind(fresh: Service) -> None:
    hook = await made(fresh, "crm")
    unknown = await fresh.client.post("/v1/webhooks/hk_nobody", json={})
    assert (unknown.status_code, unknown.json()["code"]) == (401, "unknown_hook")
    plain = await fresh.client.post(f"/v1/webhooks/{fresh.keys['facts']}", json=change("h5"))
    assert (plain.status_code, plain.json()["code"]) == (401, "unknown_hook")
    asked = await fresh.client.get(hook["path"])
    assert (asked.status_code, asked.json()["code"]) == (404, "wrong_hook")
    admin = fresh.bearer("admin")
    ended = await fresh.client.delete(f"/v1/hooks/{hook['id']}", headers=admin)
    assert (ended.status_code, ended.content) == (204, b"")
    late = await fresh.client.post(hook["path"], json=change("h5"))
    assert (late.status_code, late.json()["code"]) == (401, "unknown_hook")
    for response in (
        await fresh.client.delete(f"/v1/hooks/{hook['id']}", headers=admin),
        await fresh.client.put(f"/v1/hooks/{hook['id']}", json={"options": DEALS}, headers=admin),
    ):
        assert (response.status_code, response.json()["code"]) == (409, "hook_ended")
    (shown,) = (await fresh.ask("/v1/hooks"))["items"]
    assert shown["revoked_at"] == "2026-03-31T12:00:00Z"


async def test_ending_the_key_of_a_hook_ends_the_hook(fresh: Service) -> None:
    hook = await made(fresh, "crm")
    assert (await fresh.client.post(hook["path"], json=change("h6"))).status_code == 200
    keys = (await fresh.ask("/v1/keys"))["items"]
    (own,) = [key for key in keys if key["scopes"] == ["hook"]]
    await fresh.client.delete(f"/v1/keys/{own['id']}", headers=fresh.bearer("admin"))
    assert (await fresh.client.post(hook["path"], json=change("h6"))).status_code == 401


async def test_the_key_of_a_hook_opens_nothing_else(fresh: Service) -> None:
    hook = await made(fresh, "crm")
    key = hook["path"].rpartition("/")[2]
    bearer = {"authorization": f"Bearer {key}"}
    for path in ("/v1/roi", "/v1/people/p_none", "/v1/hooks", "/v1/keys", "/v1/sources"):
        response = await fresh.client.get(path, headers=bearer)
        assert (response.status_code, response.json()["code"]) == (403, "scope_missing")
    for path in ("/v1/events", "/v1/spend", "/v1/hooks"):
        response = await fresh.client.post(path, json=[], headers=bearer)
        assert (response.status_code, response.json()["code"]) == (403, "scope_missing")


@pytest.mark.parametrize(
    ("asked", "code", "field"),
    [
        ([], "wrong_type", ""),
        ({"kind": "webhook"}, "missing_field", "source"),
        ({"kind": "nobody", "source": "crm"}, "unknown_value", "kind"),
        ({"kind": "segment", "source": "crm"}, "unknown_value", "kind"),
        ({"kind": "webhook", "source": ""}, "bad_name", "name"),
        ({"kind": "webhook", "source": "crm", "more": 1}, "unknown_field", "more"),
        (
            {"kind": "webhook", "source": "crm", "options": {"stages": {"a": "b"}}},
            "wrong_type",
            "options.stages.a",
        ),
        (
            {"kind": "webhook", "source": "crm", "options": {"fields": {"a": "revenue"}}},
            "wrong_type",
            "options.fields.a",
        ),
        (
            {"kind": "webhook", "source": "crm", "options": {"currency": "EURO"}},
            "wrong_type",
            "options.currency",
        ),
        (
            {"kind": "webhook", "source": "crm", "options": {"timezone": "Berlin"}},
            "wrong_type",
            "options.timezone",
        ),
        (
            {"kind": "webhook", "source": "crm", "options": {"token": "x"}},
            "unknown_field",
            "options.token",
        ),
    ],
)
async def test_a_hook_asked_for_wrongly(
    service: Service, asked: Any, code: str, field: str
) -> None:
    response = await service.post(asked, "/v1/hooks", key="admin")
    assert (response.status_code, response.json()["code"]) == (422, code), response.text
    assert response.json()["field"] == field
    assert response.json()["detail"]


async def test_a_hook_that_is_not_there(service: Service) -> None:
    admin = service.bearer("admin")
    for response in (
        await service.client.delete("/v1/hooks/99999", headers=admin),
        await service.client.put("/v1/hooks/99999", json={"options": {}}, headers=admin),
    ):
        assert (response.status_code, response.json()["code"]) == (404, "no_such_hook")
