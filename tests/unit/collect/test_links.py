"""Links that count their clicks: where they may lead, and that no request leads them elsewhere."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.collect.links import (
    ALPHABET,
    CODE,
    MADE_CODE_LENGTH,
    asked_for,
    check_target,
    click_event,
    click_in,
    destination,
    new_click,
    read_link,
)
from service.kit.errors import Refusal
from tests.collect.sending import call

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TARGET = "https://example.com/spring"


def sent_to(query: str = "", **more: Any) -> str:
    link = read_link({"code": "x", "target": TARGET, **more})[1]
    return destination(link, asked_for(query), "click-1")


@pytest.mark.parametrize(
    "target",
    [
        TARGET,
        "https://example.com",
        "https://example.com:8443/a?b=c#d",
        "https://xn--bcher-kva.example/%C3%BC",
        "https://[2001:db8::1]/",
        "http://localhost:3000/",
        "http://127.0.0.1/",
        "http://[::1]:80/",
    ],
)
def test_where_a_link_may_lead(target: str) -> None:
    check_target(target)
    assert read_link({"target": target})[1].target == target


@pytest.mark.parametrize(
    "target",
    [
        "",
        "/spring",
        "//evil.example/",
        "///evil.example/",
        "https:evil.example",
        "https:/evil.example",
        "https:///evil.example",
        "https:\\\\evil.example",
        "https://good.example\\@evil.example/",
        "https://user@evil.example/",
        "https://good.example:pass@evil.example/",
        "https://@evil.example/",
        "http://example.com/",
        "http://localhost.evil.example/",
        "http://127.0.0.1.evil.example/",
        "javascript:alert(1)",
        "JaVaScRiPt://example.com/%0aalert(1)",
        "data:text/html,x",
        "ftp://example.com/",
        "https://example.com/\r\nSet-Cookie: a=b",
        "https://example.com/\n",
        "https://example.com/\x00",
        "https://exam ple.com/",
        " https://example.com/",
        "https://example.com/ü",
        "https://münchen.example/",
        "https://example.com:99999/",
        "https://example.com:x/",
        "https://example.com:0/",
        "https://[::1/",
        "https://",
        "https://?x",
        "https://example..com/",
        "https://" + "a" * 2_000,
        'https://example.com/"><script>',
    ],
)
def test_where_it_may_not(target: str) -> None:
    with pytest.raises(Refusal) as refused:
        read_link({"target": target})
    assert (refused.value.code, refused.value.field) == ("bad_target", "target")


@pytest.mark.parametrize(
    ("given_", "code", "field"),
    [
        ([], "wrong_type", ""),
        ({}, "missing_field", "target"),
        ({"target": 5}, "wrong_type", "target"),
        ({"target": TARGET, "code": ""}, "bad_code", "code"),
        ({"target": TARGET, "code": "a/b"}, "bad_code", "code"),
        ({"target": TARGET, "code": "-a"}, "bad_code", "code"),
        ({"target": TARGET, "code": "a\n"}, "bad_code", "code"),
        ({"target": TARGET, "code": "a" * 65}, "bad_code", "code"),
        ({"target": TARGET, "code": 7}, "bad_code", "code"),
        ({"target": TARGET, "to": "x"}, "unknown_field", "to"),
        ({"target": TARGET, "sender": ""}, "empty", "sender"),
        ({"target": TARGET, "carry_click": "yes"}, "wrong_type", "carry_click"),
        ({"target": f"{TARGET}?utm_source=a", "medium": "b"}, "bad_target", "target"),
    ],
)
def test_what_is_no_link(given_: Any, code: str, field: str) -> None:
    with pytest.raises(Refusal) as refused:
        read_link(given_)
    assert (refused.value.code, refused.value.field) == (code, field)


def test_a_code_is_made_where_none_is_given() -> None:
    made = {read_link({"target": TARGET})[0] for _ in range(100)}
    assert len(made) == 100
    assert {len(code) for code in made} == {MADE_CODE_LENGTH}
    assert set("".join(made)) <= set(ALPHABET)
    assert all(CODE.fullmatch(code) for code in made)


@pytest.mark.parametrize(
    ("query", "more", "expected"),
    [
        ("", {}, TARGET),
        ("", {"source": "a b&c", "campaign_id": "4"}, f"{TARGET}?utm_source=a%20b%26c&utm_id=4"),
        ("gclid=x%2By&junk=1", {}, f"{TARGET}?gclid=x%2By"),
        ("utm_source=q&utm_term=t", {}, f"{TARGET}?utm_source=q&utm_term=t"),
        ("utm_source=q&utm_term=t", {"source": "own"}, f"{TARGET}?utm_source=own"),
        ("utm_source={source}&gclid={gclid}", {}, TARGET),
        ("", {"carry_click": True}, f"{TARGET}?tl_click=click-1"),
        ("tl_click=forged", {}, TARGET),
        ("gclid=1", {"target": f"{TARGET}?a=b#top"}, f"{TARGET}?a=b&gclid=1#top"),
        ("gclid=1", {"target": f"{TARGET}?"}, f"{TARGET}?gclid=1"),
        ("gclid=1", {"target": f"{TARGET}?GCLID=own"}, f"{TARGET}?GCLID=own"),
        ("utm_source=q", {"target": f"{TARGET}?utm_medium=m"}, f"{TARGET}?utm_medium=m"),
        ("gclid=1&gclid=2", {}, f"{TARGET}?gclid=1"),
        ("url=https://evil.example", {}, TARGET),
        ("gclid=%0d%0aSet-Cookie:a=b", {}, f"{TARGET}?gclid=Set-Cookie%3Aa%3Db"),
        ("utm_source=%5c%5cevil.example", {}, f"{TARGET}?utm_source=%5C%5Cevil.example"),
    ],
)
def test_what_goes_along(query: str, more: dict[str, Any], expected: str) -> None:
    assert sent_to(query, **more) == expected


@given(query=st.text(max_size=300) | st.binary(max_size=200).map(lambda b: b.decode("latin-1")))
@example("//evil.example")
@example("utm_source=%0d%0aLocation:%20https://evil.example")
@example("gclid=\ud800")
@example("#@evil.example")
def test_no_query_leads_elsewhere(query: str) -> None:
    for more in ({}, {"source": "own"}, {"target": "https://example.com/a?b=c#d"}):
        made, own = urlsplit(sent_to(query, **more)), urlsplit(str(more.get("target", TARGET)))
        assert (made.scheme, made.netloc, made.path, made.fragment) == (*own[:3], own.fragment)
        text = made.geturl()
        assert text.isascii()
        assert text.isprintable()
        names = {name for name, _ in parse_qsl(made.query, keep_blank_values=True)}
        assert not names & {"tl_click", "url", "target"}


def test_the_event_of_a_click() -> None:
    link = read_link({"target": TARGET, "source": "poster", "channel": "offline"})[1]
    headers = {"Referer": "https://news.example/", "User-Agent": "Mozilla/5.0 X"}
    request = call("/r/x", query="gclid=1&utm_term=t", headers=headers, method="GET")
    event = click_event(link, request, asked_for(request.query), "c-1")
    assert event == {
        "id": "click:c-1",
        "type": "touch",
        "occurred_at": "2026-03-01T12:00:00+00:00",
        "identifiers": {"anonymous_id": request.visitor("example.com")},
        "touch": {
            "kind": "click",
            "url": TARGET,
            "referrer": "https://news.example/",
            "source": "poster",
            "channel": "offline",
            "click_ids": {"gclid": "1"},
        },
        "context": {"user_agent": "Mozilla/5.0 X"},
    }


@given(late=st.integers(-3_600, 3_600))
def test_a_click_is_known_again_while_it_is_fresh(late: int) -> None:
    click = new_click(NOW)
    found = click_in(f"https://example.com/?a=b&tl_click={click}#c", NOW + timedelta(seconds=late))
    assert found == (click if -60 <= late <= 600 else None)


@pytest.mark.parametrize(
    "value", ["", "x", "z" * 12 + "." + "a" * 20, "0.1", "undefined.aaaaaaaaaa"]
)
def test_what_is_no_click(value: str) -> None:
    assert click_in(f"https://example.com/?tl_click={value}", NOW) is None
