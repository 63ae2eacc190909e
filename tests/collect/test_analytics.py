"""Keys among other words, who asks, moments as numbers, ids of messages that have none."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.collect.analytics import (
    WINDOW,
    asked_by_browser,
    content_id,
    cookieless,
    done_event,
    first_key,
    forwarded_for,
    is_key,
    moment_of,
    people_in,
    stated_moment,
)
from service.kit.errors import Refusal
from tests.collect.sending import RECEIVED, call, sender

PUBLIC = "pk_" + "a" * 43
SECRET = "sk_" + "b" * 43
CHROME = {"Accept-Language": "en-GB,en;q=0.9", "User-Agent": "Mozilla/5.0 Chrome/147"}


@pytest.mark.parametrize(
    ("value", "ours"),
    [
        (PUBLIC, True),
        (f" {SECRET} ", True),
        ("1", False),
        (1, False),
        (None, False),
        ("None", False),
        ("pk_", False),
        ("phc_abcdefghijk", False),
        ("b1d6ee10-58c4-4a29-80ff-df2c5cd6ef15", False),
        (f"{PUBLIC} {PUBLIC}", False),
    ],
)
def test_what_has_the_form_of_a_key(value: object, ours: bool) -> None:
    assert is_key(value) is ours


def test_the_first_key_counts() -> None:
    assert first_key(None, 7, "1", f" {PUBLIC} ", SECRET) == PUBLIC
    assert first_key(None, "1", "") is None


@pytest.mark.parametrize(
    ("headers", "browser"),
    [
        pytest.param(CHROME, True, id="image"),
        pytest.param({"Origin": "https://example.com"}, True, id="fetch"),
        pytest.param({"Accept-Language": "*", "User-Agent": "node"}, False, id="fetch of Node"),
        pytest.param({"Accept-Language": ""}, False, id="empty"),
        pytest.param({"User-Agent": "Mozilla/5.0 Chrome/147"}, False, id="a browser's name"),
        pytest.param({}, False, id="nothing"),
    ],
)
def test_who_asks(headers: dict[str, str], browser: bool) -> None:
    asked = call("/api/event", {}, headers=headers)
    assert asked_by_browser(asked) is browser
    assert bool(cookieless(asked, "example.com")) is browser
    assert cookieless(asked, "example.com", address="198.51.100.1")


def test_a_cookieless_visitor_is_an_agent_at_an_address_on_a_site() -> None:
    asked = call("/api/event", {}, headers=CHROME)
    mine = cookieless(asked, "example.com")
    assert cookieless(asked, "EXAMPLE.com", CHROME["User-Agent"], "203.0.113.7") == mine
    others = {
        cookieless(asked, "example.org"),
        cookieless(asked, "example.com", "Firefox"),
        cookieless(asked, "example.com", address="203.0.113.8"),
    }
    assert len(others | {mine}) == 4


def test_the_visitor_behind_a_server_is_the_first_that_is_named() -> None:
    assert forwarded_for(call("/", {}, headers={"X-Forwarded-For": " 198.51.100.1, 10.0.0.1"})) == (
        "198.51.100.1"
    )
    assert forwarded_for(call("/", {})) == ""


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        pytest.param(1767323045, "2026-01-02T03:04:05+00:00", id="seconds"),
        pytest.param("1767323045", "2026-01-02T03:04:05+00:00", id="seconds as text"),
        pytest.param(1767323045.5, "2026-01-02T03:04:05.500000+00:00", id="parts of a second"),
        pytest.param(1767323045500, "2026-01-02T03:04:05.500000+00:00", id="milliseconds"),
        pytest.param("2026-01-02 03:04:05", "2026-01-02T03:04:05+00:00", id="no zone"),
        pytest.param("2026-01-02T03:04:05", "2026-01-02T03:04:05+00:00", id="no zone, with T"),
        pytest.param("2026-01-02T03:04:05Z", "2026-01-02T03:04:05+00:00", id="ISO 8601"),
        pytest.param("2026-01-02T03:04:05.5+01:00", "2026-01-02T02:04:05.500000+00:00", id="zone"),
    ],
)
def test_moments(value: object, moment: str) -> None:
    assert moment_of(value, "cdt").isoformat() == moment


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (True, "wrong_type"),
        (None, "wrong_type"),
        ([], "wrong_type"),
        ("", "bad_timestamp"),
        ("yesterday", "bad_timestamp"),
        ("2026-13-02 03:04:05", "bad_timestamp"),
        ("99999999999999999", "bad_timestamp"),
        (float("inf"), "bad_timestamp"),
        (10**30, "bad_timestamp"),
        (-5, "bad_timestamp"),
        (0, "occurred_too_early"),
    ],
)
def test_moments_that_are_none(value: object, code: str) -> None:
    with pytest.raises(Refusal) as caught:
        moment_of(value, "cdt")
    assert (caught.value.code, caught.value.field) == (code, "cdt")


def test_history_comes_from_servers() -> None:
    old = RECEIVED - timedelta(hours=24, seconds=1)
    assert stated_moment(old.isoformat(), "cdt", sender()) == old.isoformat()
    with pytest.raises(Refusal) as caught:
        stated_moment(old.isoformat(), "cdt", sender(scopes=("collect",)))
    assert (caught.value.code, caught.value.field) == ("scope_missing", "cdt")
    recent = (RECEIVED - timedelta(hours=24)).isoformat()
    assert stated_moment(recent, "cdt", sender(scopes=("collect",))) == recent


@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text()))
def test_the_same_words_have_the_same_id(said: dict[str, object]) -> None:
    again = dict(reversed(said.items()))
    assert content_id(said) == content_id(again)
    assert content_id({**said, "more": 1}) != content_id(said)


@given(st.timedeltas(timedelta(0), timedelta(days=9)), st.timedeltas(timedelta(0), WINDOW * 3))
def test_without_a_moment_it_is_so_for_a_short_while(start: timedelta, later: timedelta) -> None:
    first, second = RECEIVED + start, RECEIVED + start + later
    seconds = WINDOW.total_seconds()
    same = first.timestamp() // seconds == second.timestamp() // seconds
    assert (content_id("hit", first) == content_id("hit", second)) == same
    assert content_id("hit", first) != content_id("hit")


def test_what_is_nested_too_deep_has_an_id_too() -> None:
    deep: object = 1
    for _ in range(5_000):
        deep = [deep]
    assert content_id(deep).startswith("hash:")


def test_people_are_text_or_numbers() -> None:
    assert people_in({"email": "a@example.com", "phone": 600700800, "name": "Ann"}) == {
        "email": "a@example.com",
        "phone": 600700800,
    }
    assert people_in({"email": None, "phone": True}) == {}


def test_what_was_done_keeps_the_page_only_where_it_is_no_order() -> None:
    told = done_event("Played", {"minutes": 3}, {}, 0, sender(), "https://example.com/a")
    assert told == {
        "type": "track",
        "track": {"name": "Played", "properties": {"minutes": 3}, "url": "https://example.com/a"},
    }
    assert "url" not in done_event("Played", {}, {}, 0, sender(), "/a")["track"]
    bought = {"order_id": "O1", "revenue": 0.1 + 0.2, "currency": "EUR"}
    assert done_event("Purchase", bought, {}, 0, sender(), "https://example.com/a") == {
        "type": "order",
        "order": {"id": "O1", "status": "completed", "amount": "0.30", "currency": "EUR"},
    }
