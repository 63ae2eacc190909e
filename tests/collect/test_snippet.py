"""Our own snippet's batches: events in, exact facts out, and the script itself."""

import gzip
import json
import shutil
import subprocess
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from service.collect.formats.snippet import FORMAT, script, sent_key, serve_script
from service.collect.links import new_click
from service.kit.errors import BadRequest, Forbidden
from tests.collect.sending import RECEIVED, call, send, sender
from tests.real.clients import node_modules

PUBLIC = sender(scopes=("collect",))
PAGE = {
    "id": "e-1",
    "type": "page",
    "at": "2026-03-01T11:59:50Z",
    "anonymous_id": "m8k2x1q0.b8a6cf0e",
    "url": "https://example.com/plans?utm_source=google&utm_medium=cpc&gclid=abc",
    "referrer": "https://www.google.com/",
    "title": "Plans",
}


def batch(*events: Any, **more: Any) -> Any:
    return {"key": "pk_x", "sent_at": "2026-03-01T12:00:00Z", "events": list(events), **more}


def facts(*events: Any, **more: Any) -> list[tuple[str, str, Any]]:
    made = send("snippet", call("/t", batch(*events), **more), PUBLIC)
    assert made.refused == []
    return [(f.fact_id, f.type, json.loads(f.payload)) for f in made.facts]


def refusals(*events: Any) -> list[tuple[int, str, str]]:
    made = send("snippet", call("/t", batch(*events)), PUBLIC)
    return [(r.index, r.code, r.field) for r in made.refused]


def test_a_page() -> None:
    assert facts(PAGE) == [
        (
            "e-1",
            "page",
            {
                "claimed_at": "2026-03-01T11:59:50Z",
                "identifiers": ["anonymous_id:m8k2x1q0.b8a6cf0e"],
                "page": {n: PAGE[n] for n in ("url", "referrer", "title")},
                "click_ids": {"gclid": "abc"},
                "touch": {"source": "google", "medium": "cpc", "clicks": "gclid"},
            },
        )
    ]


def test_a_track_and_an_identify() -> None:
    common = {"at": PAGE["at"], "anonymous_id": "a-1", "url": "https://example.com/"}
    track = {"id": "e-2", "type": "track", "name": "Played", "properties": {"minutes": 3}}
    who = {"userId": "u-1", "email": "Ann@Example.com", "name": "Ann", "city": "Riga"}
    found = facts(track | common, {"id": "e-3", "type": "identify", "identifiers": who} | common)
    assert found[0][2] == {
        "claimed_at": PAGE["at"],
        "identifiers": ["anonymous_id:a-1"],
        "page": {"url": "https://example.com/"},
        "track": {"name": "Played", "properties": {"minutes": 3}},
    }
    said = found[1][2]
    assert [i.partition(":")[0] for i in said["identifiers"]] == [
        "email", "user_id", "anonymous_id",
    ]  # fmt: skip
    assert said["public"] is True
    assert said["email_domain"] == "example.com"
    assert "ann" not in json.dumps(said).lower()


def test_a_visitor_without_an_id_is_named_for_the_day() -> None:
    nobody = {n: v for n, v in PAGE.items() if n != "anonymous_id"}
    forged = {**nobody, "id": "e-2", "visitor": "somebody", "agent": "Googlebot/2.1"}
    chrome, firefox = {"User-Agent": "Chrome"}, {"User-Agent": "Firefox"}
    one, two = facts(nobody, forged, headers=chrome)
    (other,) = facts(nobody, headers=firefox)
    (elsewhere,) = facts({**nobody, "url": "https://other.example/"}, headers=chrome)
    tomorrow = facts(nobody, headers=chrome, received_at=RECEIVED + timedelta(days=1))[0]
    assert one[2]["identifiers"] == two[2]["identifiers"]
    assert "bot" not in two[2]
    names = {str(f[2]["identifiers"]) for f in (one, other, elsewhere, tomorrow)}
    assert len(names) == 4
    assert not any("203.0.113.7" in name for name in names)


def test_a_robot_is_flagged_by_the_browser_that_sent() -> None:
    (found,) = facts(PAGE, headers={"User-Agent": "Googlebot/2.1"})
    assert found[2]["bot"] is True


@pytest.mark.parametrize(
    ("sent_at", "occurred_at"),
    [
        ("2026-03-01T12:00:00Z", "2026-03-01T11:59:50+00:00"),
        ("2026-03-01T15:00:00Z", "2026-03-01T08:59:50+00:00"),  # three hours ahead
        ("2026-03-01T11:55:00Z", "2026-03-01T12:00:00+00:00"),  # sent before it occurred
        ("2026-03-01T11:00:00Z", "2026-03-01T11:59:50+00:00"),  # waited an hour
        ("yesterday", "2026-03-01T11:59:50+00:00"),
        (None, "2026-03-01T11:59:50+00:00"),
    ],
)
def test_the_clock_is_corrected(sent_at: Any, occurred_at: str) -> None:
    made = send("snippet", call("/t", batch(PAGE, sent_at=sent_at)), PUBLIC)
    moment = RECEIVED.fromisoformat(occurred_at).timestamp()
    assert [f.occurred_at for f in made.facts] == [int(moment * 1_000_000)]


def test_a_fresh_click_of_a_link_is_one_more_identifier() -> None:
    now, old = new_click(RECEIVED), new_click(RECEIVED - timedelta(hours=1))
    fresh = facts({**PAGE, "url": f"https://example.com/?tl_click={now}#x"})[0][2]
    stale = facts({**PAGE, "url": f"https://example.com/?tl_click={old}"})[0][2]
    assert fresh["identifiers"] == [f"anonymous_id:{PAGE['anonymous_id']}", f"click:tl:{now}"]
    assert stale["identifiers"] == [f"anonymous_id:{PAGE['anonymous_id']}"]


@pytest.mark.parametrize(
    ("changed", "code", "field"),
    [
        ({"type": "order"}, "unknown_value", "type"),
        ({"type": ["page"]}, "unknown_value", "type"),
        ({"id": None}, "wrong_type", "id"),
        ({"id": "x" * 300}, "too_long", "id"),
        ({"at": 5}, "wrong_type", "at"),
        ({"at": "noon"}, "bad_timestamp", "at"),
        ({"at": "2027-03-01T12:00:00Z", "sent_at": None}, "occurred_in_future", "at"),
        ({"url": "about:blank"}, "bad_url", "url"),
        ({"url": None}, "bad_url", "url"),
        ({"anonymous_id": "null"}, "missing_identifiers", "identifiers"),
        ({"anonymous_id": ["x"]}, "bad_identifier", "anonymous_id"),
        ({"type": "track"}, "missing_field", "name"),
        ({"type": "track", "name": "Order Completed"}, "scope_missing", "name"),
        ({"type": "track", "name": "Sign up"}, "scope_missing", "name"),
        ({"type": "identify"}, "missing_identifiers", "identifiers"),
        (
            {"type": "identify", "identifiers": {"name": "Ann"}},
            "missing_identifiers",
            "identifiers",
        ),
    ],
)
def test_what_is_refused_costs_nothing_beside_it(changed: Any, code: str, field: str) -> None:
    body = batch({**PAGE, **changed}, {**PAGE, "id": "e-9"})
    if "sent_at" in changed:
        body["sent_at"] = None
    made = send("snippet", call("/t", body), PUBLIC)
    assert [(r.index, r.code, r.field) for r in made.refused] == [(0, code, field)]
    assert [f.fact_id for f in made.facts] == ["e-9"]


@pytest.mark.parametrize("event", [None, 5, "page", [], {}])
def test_what_is_no_event_is_refused(event: Any) -> None:
    code = "unknown_value" if event == {} else "not_an_object"
    assert refusals(event) == [(0, code, "type" if event == {} else "")]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "malformed_json"),
        (b"[]", "not_an_object"),
        (b"{}", "missing_field"),
        (b'{"events": {}}', "missing_field"),
        (json.dumps(batch(*[PAGE] * 101)).encode(), "too_many_items"),
    ],
)
def test_what_is_no_batch_is_refused_whole(body: bytes, code: str) -> None:
    with pytest.raises(BadRequest) as refused:
        send("snippet", call("/t", body), PUBLIC)
    assert refused.value.code == code


def test_the_key() -> None:
    assert sent_key(call("/t", batch())) == "pk_x"
    assert sent_key(call("/t", batch(key=7), query="key=pk_q")) == "pk_q"
    assert sent_key(call("/t", b"[]")) is None
    header = {"Authorization": "Bearer pk_h"}
    assert sent_key(call("/t", batch(), headers=header)) == "pk_h"
    with pytest.raises(Forbidden) as refused:
        sent_key(call("/t", batch(key="sk_secret")))
    assert refused.value.code == "secret_in_page"
    assert "sk_secret" not in refused.value.detail


def test_the_script_is_small() -> None:
    assert len(gzip.compress(script()[0], 9)) < 1_500


def test_the_script_is_kept_by_browsers_until_it_changes() -> None:
    first = serve_script(call("/t.js", method="GET"))
    assert (first.status, first.media_type) == (200, "text/javascript")
    assert first.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert first.headers["Cache-Control"] == "public, max-age=3600"
    known = {"If-None-Match": f'W/"x", {first.headers["ETag"]}'}
    again = serve_script(call("/t.js", method="GET", headers=known))
    assert (again.status, again.body) == (304, b"")
    other = serve_script(call("/t.js", method="GET", headers={"If-None-Match": '"x"'}))
    assert other.body == first.body


def test_the_script_is_made_of_its_source() -> None:
    esbuild = Path(node_modules("esbuild")) / ".bin" / "esbuild"
    assert shutil.which("node")
    source = resources.files("service.collect").joinpath("snippet", "t.js").read_bytes()
    made = subprocess.run(
        [str(esbuild), "--minify", "--target=es2017", "--log-level=warning"],
        input=source,
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert made.stdout == script()[0], "run `make snippet`"


def test_what_the_quarantine_lists() -> None:
    assert FORMAT.identity({"id": "e-1"}) == "e-1"
    assert FORMAT.identity({"id": 5}) == FORMAT.identity("x") == ""
