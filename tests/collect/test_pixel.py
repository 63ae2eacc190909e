"""The pixel: parameters in, exact facts out; macros, recipients and machines that open mail."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.collect.sending import call, send, sender

PUBLIC = sender(scopes=("collect",))
READER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/147.0.0.0"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
OPEN = {"kind": "email_open", "campaign": "letter", "email_id": "l-7", "user_id": "u-1"}


def judged(agent: str = READER, referrer: str = "", **asked: str) -> Any:
    headers = {"User-Agent": agent, "Referer": referrer}
    request = call("/pixel.gif", query=urlencode(asked), headers=headers, method="GET")
    return send("pixel", request, PUBLIC)


def payload(agent: str = READER, referrer: str = "", **asked: str) -> Any:
    made = judged(agent, referrer, **asked)
    assert made.refused == []
    (fact,) = made.facts
    assert fact.type == "touch"
    return json.loads(fact.payload)


def test_an_impression() -> None:
    asked = {"source": "news", "medium": "display", "campaign": "spring", "campaign_id": "42"}
    more = {"content": "banner-1", "term": "crm", "id": "v-1", "anonymous_id": "a-1"}
    made = payload(referrer="https://news.example/today", key="pk_x", **asked, **more)
    assert made == {
        "claimed_at": "",
        "identifiers": ["anonymous_id:a-1"],
        "page": {"referrer": "https://news.example/today"},
        "touch": {**asked, "content": "banner-1", "term": "crm", "kind": "impression"},
    }
    assert judged(id="v-1", anonymous_id="a-1").facts[0].fact_id == "v-1"


def test_an_opened_email() -> None:
    assert payload(**OPEN) == {
        "claimed_at": "",
        "identifiers": ["user_id:u-1"],
        "public": True,
        "touch": {"campaign": "letter", "kind": "email_open", "medium": "email"},
    }


def test_an_email_is_opened_once_by_each_recipient() -> None:
    def name(agent: str = READER, **changed: str) -> str:
        return judged(agent, **{**OPEN, **changed}).facts[0].fact_id

    assert name() == name() == name(GMAIL)
    assert len({name(), name(user_id="u-2"), name(email_id="l-8"), name("Mozilla/5.0")}) == 4
    # Without the message's id each fetch is an open, as each is of an impression.
    assert judged(kind="email_open", user_id="u-1").facts[0].fact_id != (
        judged(kind="email_open", user_id="u-1").facts[0].fact_id
    )


@pytest.mark.parametrize(
    ("agent", "is_bot"),
    [
        (READER, False),
        (GMAIL, False),
        ("YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html", False),
        ("Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.4266; Pro)", False),
        ("", False),
        ("Mozilla/5.0", True),
        ("Barracuda Sentinel (EE)", True),
        ("Mozilla/5.0 (compatible; Proofpoint URL Defense)", True),
        ("Googlebot/2.1", True),
    ],
)
def test_machines_that_open_mail_before_its_reader_are_flagged(agent: str, is_bot: bool) -> None:
    assert payload(agent, **OPEN).get("bot", False) is is_bot


@pytest.mark.parametrize("macro", ["{campaignid}", "{{x.y}}", "__CID__", "%%X%%", "${X}", "", "  "])
def test_a_macro_that_was_not_filled_in_is_missing(macro: str) -> None:
    made = payload(campaign=macro, source=macro, kind=macro, id=macro, email_id=macro, content="b")
    assert made["touch"] == {"content": "b", "kind": "impression"}
    nobody = judged(kind="email_open", email_id="l-7", user_id=macro)
    assert [(r.code, r.field) for r in nobody.refused] == [("missing_identifiers", "user_id")]


def test_who_is_not_named_is_a_visitor_of_the_page_for_the_day() -> None:
    here = payload(referrer="https://news.example/a")["identifiers"]
    assert here == payload(referrer="https://news.example/b")["identifiers"]
    assert here != payload(referrer="https://other.example/")["identifiers"]
    assert here[0].startswith("anonymous_id:")


def test_a_hash_of_an_address_does_not_rest_as_it_is() -> None:
    digest = "AB" * 32
    lower = payload(kind="email_open", email_sha256=digest.lower())["identifiers"]
    assert payload(kind="email_open", email_sha256=digest)["identifiers"] == lower
    assert lower[0].startswith("email_sha256:h1.")


@pytest.mark.parametrize(
    ("asked", "code", "field"),
    [
        ({"kind": "click"}, "unknown_value", "kind"),
        ({"kind": "email_open"}, "missing_identifiers", "user_id"),
        ({**OPEN, "user_id": "ann@example.com"}, "bad_identifier", "user_id"),
        ({"kind": "email_open", "email_sha256": "abc"}, "bad_identifier", "email_sha256"),
        ({"kind": "email_open", "user_id": "null"}, "missing_identifiers", "user_id"),
        ({"id": "x" * 300}, "too_long", "id"),
        ({"campaign_id": "x" * 300}, "too_long", "campaign_id"),
    ],
)
def test_what_is_refused_is_quarantined_with_its_reason(
    asked: dict[str, str], code: str, field: str
) -> None:
    made = judged(**asked)
    assert made.facts == []
    assert [(r.code, r.field, r.format) for r in made.refused] == [(code, field, "pixel")]
    assert "ann@example.com" not in made.refused[0].raw
