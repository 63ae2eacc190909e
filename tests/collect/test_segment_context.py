"""What the context of a message says beside who it was: consent, other ids, a click, a company."""

import json
from typing import Any

import pytest

from service.collect.segment import rewrite_message
from tests.collect.sending import call, send, sender

HOME = "https://ex.com/"
WHO = {"anonymousId": "a1", "messageId": "m1", "timestamp": "2026-03-01T11:00:00Z"}


def page(context: dict[str, Any], **more: Any) -> dict[str, Any]:
    message = {**WHO, **more, "context": {"page": {"url": HOME}, **context}}
    batch = send("segment", call("/v1/page", message))
    assert [(r.code, r.field, r.detail) for r in batch.refused] == []
    payload: dict[str, Any] = json.loads(batch.facts[0].payload)
    return payload


# Consent


def categories(**said: Any) -> dict[str, Any]:
    return {"consent": {"categoryPreferences": said}}


def managed(allowed: Any, denied: Any) -> dict[str, Any]:
    return {"consentManagement": {"allowedConsentIds": allowed, "deniedConsentIds": denied}}


@pytest.mark.parametrize(
    ("context", "consent"),
    [
        pytest.param({}, None, id="not asked"),
        pytest.param(categories(Advertising=True, Analytics=True), "granted", id="both"),
        pytest.param(categories(Advertising=True, Analytics=False), "denied", id="no analytics"),
        pytest.param(categories(marketing=False, Analytics=True), "denied", id="no marketing"),
        pytest.param(categories(C0001=True, C0002=True, C0004=False), "denied", id="OneTrust"),
        pytest.param(categories(C0001=True, C0002=True), "granted", id="OneTrust, granted"),
        pytest.param(categories(Functional=False), None, id="another category"),
        pytest.param(categories(Analytics="no"), None, id="no answer"),
        pytest.param({"consent": {"categoryPreferences": ["Analytics"]}}, None, id="a list"),
        pytest.param({"consent": True}, None, id="no object"),
        pytest.param(managed(["C0001"], ["C0002"]), "denied", id="RudderStack, denied"),
        pytest.param(managed(["C0002", "C0004"], []), "granted", id="RudderStack, granted"),
        pytest.param(managed(None, [7]), None, id="RudderStack, odd"),
    ],
)
def test_consent(context: dict[str, Any], consent: str | None) -> None:
    message = {**WHO, "type": "page", "context": {"page": {"url": HOME}, **context}}
    (event,) = rewrite_message(message, 0, sender())
    assert event.get("context", {}).get("consent") == consent


# Other identifiers


@pytest.mark.parametrize(
    ("context", "more", "identifiers"),
    [
        pytest.param(
            {"clientIds": {"ga4": {"clientId": "1.2"}}}, {}, ["ga_client_id:1.2"], id="client ids"
        ),
        pytest.param(
            {}, {"integrations": {"All": True, "Google Analytics": {"clientId": "3.4"}}},
            ["ga_client_id:3.4"], id="integration",
        ),
        pytest.param(
            {}, {"integrations": {"Google Analytics": True, "Amplitude": {"clientId": "9"}}},
            [], id="other integrations",
        ),
        pytest.param({"clientIds": "1.2"}, {"integrations": ["x"]}, [], id="odd"),
        pytest.param(
            {"device": {"advertisingId": "7A3CBEA0-BDF5-11E4-8DFC-AA07A5B093DB"}}, {},
            ["device_id:7a3cbea0-bdf5-11e4-8dfc-aa07a5b093db"], id="advertising id",
        ),
        pytest.param(
            {"device": {"advertisingId": "7A3CBEA0-BDF5-11E4-8DFC-AA07A5B093DB", "adTrackingEnabled": False}},
            {}, [], id="not to be tracked",
        ),
        pytest.param(
            {"device": {"advertisingId": "00000000-0000-0000-0000-000000000000"}}, {}, [], id="zeros"
        ),
    ],
)  # fmt: skip
def test_other_identifiers(
    context: dict[str, Any], more: dict[str, Any], identifiers: list[str]
) -> None:
    assert page(context, **more)["identifiers"] == ["anonymous_id:a1", *identifiers]


# The click of a network


@pytest.mark.parametrize(
    ("context", "click_ids"),
    [
        pytest.param({"referrer": {"id": "b1", "type": "dataxu"}}, {"btid": "b1"}, id="dataxu"),
        pytest.param({"referrer": {"id": "u1", "type": "millennial-media"}}, {"urid": "u1"}, id="millennial"),
        pytest.param({"referrer": {"id": "x", "type": "somebody"}}, None, id="unknown"),
        pytest.param({"referrer": {"id": "null", "type": "dataxu"}}, None, id="placeholder"),
        pytest.param({"referrer": "https://g.com/"}, None, id="an address"),
        pytest.param(
            {"referrer": {"id": "b1", "type": "dataxu"}, "library": {"name": "analytics.js"}},
            None, id="repeated by the browser",
        ),
    ],
)  # fmt: skip
def test_clicks_of_the_referrer(context: dict[str, Any], click_ids: dict[str, str] | None) -> None:
    payload = page(context)
    assert payload.get("click_ids") == click_ids
    assert payload.get("touch") == ({"clicks": "".join(click_ids)} if click_ids else None)
    assert payload["page"] == {"url": HOME}


def test_the_address_knows_its_own_click_best() -> None:
    context = {"referrer": {"id": "old", "type": "dataxu"}, "page": {"url": f"{HOME}?btid=new"}}
    assert page(context)["click_ids"] == {"btid": "new"}


# Companies


@pytest.mark.parametrize(
    ("context", "more", "account"),
    [
        pytest.param({"groupId": "acme"}, {}, {"id": "acme"}, id="context"),
        pytest.param({"groupId": 42}, {}, {"id": "42"}, id="number"),
        pytest.param({}, {"groupId": "acme"}, {"id": "acme"}, id="message"),
        pytest.param({"groupId": "null"}, {}, None, id="placeholder"),
        pytest.param({"groupId": ["acme"]}, {}, None, id="list"),
        pytest.param({"groupId": "a" * 201}, {}, None, id="too long"),
    ],
)
def test_the_company_of_the_context(
    context: dict[str, Any], more: dict[str, Any], account: dict[str, str] | None
) -> None:
    assert page(context, **more).get("account") == account
