"""HubSpot's own packages sign and judge; we agree with them on what is accepted and refused."""

import json
import os
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from service.collect.formats.hubspot import verify
from service.collect.hubspot_records import HubspotOptions
from service.collect.wire import Call
from service.kit.errors import Unauthenticated

SECRET = "a client secret"
NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
URL = "https://crm.example:8443"
BODY = '[{"eventId":1,"propertyValue":"Zażółć 💶","subscriptionType":"deal.creation"}]'
NODE = """
const { Signature } = require("@hubspot/api-client");
const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
const out = cases.map(({ now, version, signature, ...options }) => {
  Date.now = () => now;
  const all = { ...options, signatureVersion: version };
  try {
    return [Signature.isValid({ ...all, signature }), Signature.getSignature(options.method, version, options)];
  } catch (error) {
    return [false, Signature.getSignature(options.method, version, options)];
  }
});
console.log(JSON.stringify(out));
"""


def request(
    signature: str,
    seconds: float = 0,
    version: str = "v3",
    body: str = BODY,
    method: str = "POST",
    path: str = "/v1/webhooks/hk_KEY",
    query: str = "",
) -> Call:
    headers = {"x-hubspot-request-timestamp": stamp(seconds)}
    headers["x-hubspot-signature-v3" if version == "v3" else "x-hubspot-signature"] = signature
    return Call(method, path, query, headers, body.encode(), NOW, public_url=URL)


def stamp(seconds: float) -> str:
    return str(round((NOW + timedelta(seconds=seconds)).timestamp() * 1000))


def accepted(call: Call, secret: str = SECRET) -> bool:
    try:
        verify(call, HubspotOptions(secret=secret, older_signatures=True))
    except Unauthenticated:
        return False
    return True


def uri(call: Call) -> str:
    return call.public_url + call.path + (f"?{call.query}" if call.query else "")


@pytest.fixture
def official(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The Python package, with its clock stopped."""
    module = pytest.importorskip(
        "hubspot.utils.signature", reason="hubspot-api-client is not installed"
    )

    class Stopped(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return NOW

    monkeypatch.setattr(module, "datetime", Stopped)
    return module.Signature


def python_accepts(official: Any, call: Call, version: str, secret: str = SECRET) -> bool:
    header = "x-hubspot-signature-v3" if version == "v3" else "x-hubspot-signature"
    try:
        valid: bool = official.is_valid(
            call.headers[header],
            secret,
            call.body.decode(),
            uri(call),
            call.method,
            version,
            call.headers["x-hubspot-request-timestamp"],
        )
    except Exception as error:
        assert type(error).__name__ == "InvalidSignatureTimestampError"  # noqa: PT017
        return False
    return valid


@pytest.mark.parametrize("version", ["v1", "v2", "v3"])
@pytest.mark.parametrize("query", ["", "a=1&b=2"])
def test_what_the_package_signs_is_accepted(official: Any, version: str, query: str) -> None:
    blank = request("", query=query)
    made = official.get_signature(SECRET, BODY, version, uri(blank), "POST", stamp(0))
    call = request(made, version=version, query=query)
    assert accepted(call)
    assert python_accepts(official, call, version)
    assert not accepted(call, "another secret")
    assert not python_accepts(official, call, version, "another secret")


def test_escapes_in_the_address_may_be_signed_decoded(official: Any) -> None:
    query = "to=a%3Ab%2Fc%40d"
    for signed in (query, "to=a:b/c@d"):
        made = official.get_signature(
            SECRET, BODY, "v3", f"{URL}/v1/webhooks/hk_KEY?{signed}", "POST", stamp(0)
        )
        assert accepted(request(made, query=query))


def changed(official: Any) -> list[Call]:
    """Requests of which one thing is not as it was signed."""
    made = official.get_signature(SECRET, BODY, "v3", uri(request("")), "POST", stamp(0))
    good = request(made)
    calls = [
        replace(
            good, body=good.body[:place] + bytes([good.body[place] ^ 1]) + good.body[place + 1 :]
        )
        for place in range(len(BODY) - 20)
        if good.body[place] < 128
    ]
    calls += [
        request(made[:place] + ("A" if made[place] != "A" else "B") + made[place + 1 :])
        for place in range(len(made) - 2)
    ]
    calls += [request(made, seconds=1), request(made, method="PUT"), request(made, path="/v1/w/x")]
    return [*calls, request(made, query="a=1"), request(""), request(made, body=BODY + " ")]


def test_whatever_is_changed_is_refused_by_both(official: Any) -> None:
    for call in changed(official):
        assert not accepted(call)
        assert not python_accepts(official, call, "v3")


@pytest.mark.parametrize(("seconds", "good"), [(-299, True), (-301, False), (299, True)])
def test_five_minutes(official: Any, seconds: int, good: bool) -> None:
    made = official.get_signature(SECRET, BODY, "v3", uri(request("")), "POST", stamp(seconds))
    call = request(made, seconds)
    assert accepted(call) == python_accepts(official, call, "v3") == good


def test_a_moment_ahead_of_us_is_refused_though_the_package_takes_it(official: Any) -> None:
    made = official.get_signature(SECRET, BODY, "v3", uri(request("")), "POST", stamp(301))
    assert python_accepts(official, request(made, 301), "v3")
    assert not accepted(request(made, 301))


@pytest.mark.parametrize("written", ["", "soon", "-1", "1e12", "9" * 30])
def test_a_moment_that_is_none(official: Any, written: str) -> None:
    made = official.get_signature(SECRET, BODY, "v3", uri(request("")), "POST", written)
    call = request(made)
    assert not accepted(
        replace(call, headers={**call.headers, "x-hubspot-request-timestamp": written})
    )


def test_older_signatures_only_where_they_are_asked_for(official: Any) -> None:
    made = official.get_signature(SECRET, BODY, "v1")
    call = request(made, version="v1")
    assert accepted(call)
    with pytest.raises(Unauthenticated):
        verify(call, HubspotOptions(secret=SECRET))
    verify(request("nonsense"), HubspotOptions())


def test_the_node_package_agrees(official: Any) -> None:
    modules = os.environ.get("THROUGHLINE_TEST_NODE_MODULES")
    if not modules or not (Path(modules) / "@hubspot" / "api-client").is_dir():
        pytest.skip("THROUGHLINE_TEST_NODE_MODULES names no folder with @hubspot/api-client")
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    calls = []
    for seconds in (0, -299, -301, 299):
        made = official.get_signature(SECRET, BODY, "v3", uri(request("")), "POST", stamp(seconds))
        calls.append(request(made, seconds))
    calls += changed(official)[::7]
    cases = [
        {
            "now": round(NOW.timestamp() * 1000),
            "version": "v3",
            "signature": call.headers["x-hubspot-signature-v3"],
            "method": call.method,
            "clientSecret": SECRET,
            "requestBody": call.body.decode(),
            "url": uri(call),
            "timestamp": int(call.headers["x-hubspot-request-timestamp"]),
        }
        for call in calls
    ]
    done = subprocess.run(
        ["node", "-e", NODE],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        env={**os.environ, "NODE_PATH": modules},
        timeout=60,
        check=True,
    )
    found = json.loads(done.stdout)
    assert [valid for valid, _ in found] == [accepted(call) for call in calls]
    assert [valid for valid, _ in found][:4] == [True, True, False, True]
    for (_, made), call in zip(found, calls, strict=True):
        assert accepted(
            replace(call, headers={**call.headers, "x-hubspot-signature-v3": made})
        ) == (abs(NOW.timestamp() - int(call.headers["x-hubspot-request-timestamp"]) / 1000) <= 300)
