"""The page of the rules: what is published, what was, what is drafted, and what administrators do."""

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from service.ledger.hooks import create_hook
from service.reports import publishing
from service.reports.configuration import Configuration, Edition, parse_configuration
from service.web import rules
from tests.api.harness import Service, running
from tests.api.test_api_configuration import PARTNERS, draft, publish, world
from tests.web.conftest import Clock, build_app
from tests.web.fake_desk import NOW, FakeDesk
from tests.web.test_web_sources import sign_in, words

pytestmark = pytest.mark.anyio
PAGE = "/configuration"
MARCH = "period=custom&start=2026-03-01&end=2026-03-31"
RULE = {"match": {"source": "partner-*", "medium": ""}, "channel": "partners"}
OWN: dict[str, Any] = {
    "channel_rules": [RULE, {"match": {"channel": "Referral"}, "channel": "Paid Search"}],
    "exclusions": [{"match": {"referrer_host": "*.example"}, "note": "our own people"}],
    "lookback": "180d",
    "default_model": "@house",
    "model_presets": {"house": "linear"},
}


@pytest.fixture
def app(desk: FakeDesk, clock: Clock, engine: Engine) -> FastAPI:
    return build_app(desk, clock, engine=engine)


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with running(tmp_path) as own:
        yield own


def save(engine: Engine, desk: FakeDesk, **content: Any) -> None:
    """A draft, as the ledger keeps it and as the desk knows it."""
    asked = publishing.parse_draft({"configuration": content})
    publishing.save_draft(engine, asked, NOW, "growth")
    desk.drafted = Edition(0, asked.configuration, draft=True)


def put(engine: Engine, desk: FakeDesk, note: str = "", **content: Any) -> None:
    save(engine, desk, **content)
    publishing.publish(engine, note, NOW, "growth")
    desk.drafted = None


def parsed(**content: Any) -> Configuration:
    return parse_configuration(content)


def row_of(page: str, name: str) -> str:
    """What a row of a table says, whose heading begins so."""
    for row in re.findall(r"<tr[^>]*>.*?</tr>", page, re.S):
        text = " ".join(unescape(re.sub(r"<[^>]+>", " ", row)).split())
        if text.startswith(name):
            return text
    raise AssertionError(name)


def test_what_changed_is_told_in_words() -> None:
    told = rules.changes(Configuration(), parsed(**OWN))
    assert told == [
        "Rule added: source “partner-*”, no medium is Partners (class as it was).",
        "Rule added: channel “Referral” is Paid search (paid).",
        "Exclusion added: host they came from “*.example” (our own people).",
        "Usual model from Position based to House (preset).",
        "Usual lookback from 90 days to 180 days.",
        "Preset added: house, Linear.",
    ]
    assert [line.split(":")[0] for line in rules.changes(parsed(**OWN), Configuration())] == [
        *("Rule removed", "Rule removed", "Exclusion removed"),
        "Usual model from House (preset) to Position based.",
        *("Usual lookback from 180 days to 90 days.", "Preset removed"),
    ]
    assert rules.changes(parsed(**OWN), parsed(**OWN)) == []


def test_a_rule_that_says_something_else_is_changed_not_new() -> None:
    after = OWN | {
        "channel_rules": [OWN["channel_rules"][1], RULE | {"channel_class": "earned"}],
        "exclusions": [OWN["exclusions"][0] | {"note": ""}],
        "model_presets": {"house": "first_touch"},
    }
    was, is_now = "Partners (class as it was)", "Partners (earned)"
    assert rules.changes(parsed(**OWN), parsed(**after)) == [
        f"Rule changed: source “partner-*”, no medium from {was} to {is_now}.",
        "Rules in another order; the first that fits decides.",
        "Exclusion with another note: host they came from “*.example”.",
        "Preset changed: house from Linear to First touch.",
    ]


def test_rules_that_match_the_same_are_told_apart() -> None:
    twice = parsed(channel_rules=[RULE, RULE | {"channel": "others"}])
    assert rules.changes(parsed(channel_rules=[RULE]), twice) == [
        "Rule added: source “partner-*”, no medium is Others (class as it was)."
    ]


async def test_nothing_published_is_explained(reader: httpx.AsyncClient) -> None:
    answer = await reader.get(PAGE)
    text = words(answer)
    assert "Every report rests on the built-in rules." in text
    assert "Nobody has published rules of your own" in text
    assert "Nothing was published yet." in text
    assert "The draft" not in text
    assert 'href="/docs#/administration"' in answer.text
    assert 'aria-current="page">Rules</a>' in answer.text


async def test_what_is_published_stands_there_in_words(
    reader: httpx.AsyncClient, engine: Engine, desk: FakeDesk
) -> None:
    put(engine, desk, "agreed <b>", **OWN)
    stages = {"C1:WON": "won", "LOSE": "lost:price", "SPAM": "ignore"}
    create_hook(engine, "bitrix24", "crm", {"stages": stages, "secret": "hush"}, NOW)
    answer = await reader.get(PAGE)
    text = words(answer)
    assert "Every report rests on version 1 of the rules." in text
    assert "Published 20 Nov 2026, 15:32 by growth: agreed <b>" in text
    assert row_of(answer.text, "1 source") == ("1 source “partner-*”, no medium Partners As it was")
    assert row_of(answer.text, "2 channel") == "2 channel “Referral” Paid search Paid"
    assert row_of(answer.text, "host they") == "host they came from “*.example” our own people"
    assert "Usual model House (preset) Usual lookback 180 days Preset house Linear" in text
    assert row_of(answer.text, "LOSE") == "LOSE Lost: price"
    assert row_of(answer.text, "SPAM") == "SPAM Left out"
    assert "hush" not in answer.text


async def test_the_history_says_what_each_version_changed(
    reader: httpx.AsyncClient, engine: Engine, desk: FakeDesk
) -> None:
    put(engine, desk, "first", **OWN)
    put(engine, desk, **OWN | {"lookback": "30d"})
    publishing.roll_back(engine, publishing.GoBack(version=1), NOW, "growth")
    page = (await reader.get(PAGE)).text
    history = page.split('id="history-title"')[1]
    assert row_of(history, "3 holds").endswith(
        "by growth Went back to 1 Usual lookback from 30 days to 180 days."
    )
    assert row_of(history, "2 20 Nov").endswith("Usual lookback from 180 days to 30 days.")
    assert "first Rule added: source" in row_of(history, "1 20 Nov")
    assert history.index("Went back") < history.index("<b>first</b>")
    assert row_of(history, "0 Built in") == "0 Built in The rules before any of your own."
    assert "Go back" not in history
    assert "Administrators publish and go back" in unescape(history)


async def test_the_history_goes_on_page_by_page(
    reader: httpx.AsyncClient, engine: Engine, desk: FakeDesk
) -> None:
    for days in range(1, 23):
        put(engine, desk, lookback=f"{days}d")
    page = (await reader.get(PAGE)).text
    assert "Usual lookback from 2d to 3d." in row_of(page, "3 20 Nov")
    assert "0 Built in" not in words(await reader.get(PAGE))
    further = re.search(r'rel="next" href="([^"]+)"', page)
    assert further is not None
    older = (await reader.get(unescape(further[1]))).text
    assert "Usual lookback from 1d to 2d." in row_of(older, "2 20 Nov")
    assert row_of(older, "0 Built in")
    assert "First page" in older
    for cursor in ("x", "-1", "9" * 30):
        assert (await reader.get(f"{PAGE}?cursor={cursor}")).status_code == 422


async def test_a_draft_shows_what_it_would_do(
    reader: httpx.AsyncClient, engine: Engine, desk: FakeDesk
) -> None:
    save(engine, desk, **OWN)
    answer = await reader.get(f"{PAGE}?period=7d")
    text = words(answer)
    assert "made from the built-in rules. It changes no report until it is published." in text
    assert "Rule added: channel “Referral” is Paid search (paid)." in text
    assert row_of(answer.text, "Paid search €") == (
        "Paid search €96,480.25 €0.00 −€96,480.25 22.5 0 −22.5 Won"
    )
    assert "+€96,480.25" in row_of(answer.text, "Email")
    assert row_of(answer.text, "Total").startswith("Total €254,961.50 €254,961.50 0 62")
    assert "As they are: Organic search, Paid social" in text
    now, drafted = (params for name, params in desk.asked if name == "roi")
    assert (now["model"], now["lookback"]) == ("position_based", "90d")
    assert (drafted["model"], drafted["lookback"]) == ("linear", "180d")
    assert drafted["from"].startswith("2026-11-14")


async def test_a_model_that_is_chosen_is_asked_of_both(
    reader: httpx.AsyncClient, engine: Engine, desk: FakeDesk
) -> None:
    save(engine, desk, **OWN)
    await reader.get(f"{PAGE}?model=first_touch")
    assert [p["model"] for name, p in desk.asked if name == "roi"] == ["first_touch"] * 2


async def test_a_draft_without_effect_says_so(
    reader: httpx.AsyncClient, engine: Engine, desk: FakeDesk
) -> None:
    desk.channels = {}
    save(engine, desk)
    text = words(await reader.get(PAGE))
    assert "Nothing: it says the same." in text
    assert "It changes nothing in this period." in text


async def test_a_question_that_the_draft_cannot_answer_is_told(
    reader: httpx.AsyncClient, engine: Engine, desk: FakeDesk
) -> None:
    desk.edition = Edition(1, parsed(model_presets={"old": "linear"}))
    save(engine, desk)
    text = words(await reader.get(f"{PAGE}?model=@old"))
    assert "Its effect cannot be shown: '@old' is no preset" in text


async def test_strangers_see_no_rules(stranger: httpx.AsyncClient) -> None:
    assert (await stranger.get(PAGE)).status_code == 401
    for act in ("publish", "discard", "back"):
        assert (await stranger.post(f"{PAGE}/{act}", data={"version": "0"})).status_code == 401


async def test_from_a_draft_by_the_api_to_a_version_and_back(service: Service) -> None:
    await world(service)
    await draft(service, **PARTNERS)
    await service.ask("/v1/roi")
    async with sign_in(service, False) as reader, sign_in(service, True) as admin:
        seen = (await reader.get(f"{PAGE}?{MARCH}")).text
        assert row_of(seen, "Partners €") == "Partners €0.00 €50.00 +€50.00 0 0.5 +0.5 Won"
        assert "<button>Publish" not in seen
        page = (await admin.get(f"{PAGE}?{MARCH}")).text
        form = {"note": " apart ", "draft": digest(page)}
        for refused in (
            await reader.post(f"{PAGE}/publish", data=form),
            await reader.post(f"{PAGE}/back", data={"version": "0"}),
            await admin.post(f"{PAGE}/publish", data=form, headers={"sec-fetch-site": "none"}),
        ):
            assert refused.status_code == 403
        assert (await service.ask("/v1/configuration"))["version"] == 0
        made = await admin.post(f"{PAGE}/publish?{MARCH}", data=form)
        assert (made.status_code, made.headers["location"]) == (
            303,
            f"{PAGE}?{MARCH}&done=published",
        )
        assert "Version 1 is published. Every report" in words(
            await admin.get(made.headers["location"])
        )
        answer = await service.ask("/v1/configuration")
        assert (answer["version"], answer["note"]) == (1, "apart")
        assert answer["published_by"] == "dashboard"
        assert "Partners" in (await reader.get(f"/?{MARCH}")).text
        made = await admin.post(f"{PAGE}/back", data={"version": "0"})
        assert "Version 2 is published and says what the built-in rules say." in words(
            await admin.get(made.headers["location"])
        )
        assert "Partners" not in (await reader.get(f"/?{MARCH}")).text


def digest(page: str) -> str:
    found = re.search(r'name="draft" value="(\w*)"', page)
    assert found is not None
    return found[1]


async def test_what_cannot_be_published_is_told_in_a_sentence(service: Service) -> None:
    async with sign_in(service, True) as admin:
        answer = await admin.post(f"{PAGE}/publish", data={"draft": ""})
        assert answer.status_code == 404
        assert "Nothing was done. There is no draft" in words(answer)
        await draft(service, **PARTNERS)
        form = {"draft": digest((await admin.get(PAGE)).text)}
        await draft(service, lookback="30d")
        answer = await admin.post(f"{PAGE}/publish", data=form)
        assert answer.status_code == 409
        assert "Nothing was done. The draft was saved anew since it was looked at." in words(answer)
        form = {"draft": digest(answer.text)}
        answer = await admin.post(f"{PAGE}/publish", data=form | {"note": "x" * 501})
        assert (answer.status_code, "Nothing was done." in words(answer)) == (422, True)
        await publish(service)
        await draft(service, **PARTNERS)
        form = {"draft": digest((await admin.get(PAGE)).text)}
        await admin.post(f"{PAGE}/back", data={"version": "0"})
        answer = await admin.post(f"{PAGE}/publish", data=form)
        assert answer.status_code == 409
        text = words(answer)
        assert "Version 2 was published since this was made from version 1." in text
        assert "cannot be published. Draft anew from version 2." in text
        assert "<button>Publish" not in answer.text


async def test_a_draft_is_discarded_and_unknown_versions_are_refused(service: Service) -> None:
    async with sign_in(service, True) as admin:
        await draft(service, **PARTNERS)
        made = await admin.post(f"{PAGE}/discard")
        assert "The draft is discarded." in words(await admin.get(made.headers["location"]))
        assert "The draft was" not in words(await admin.get(PAGE))
        assert (await admin.post(f"{PAGE}/discard")).status_code == 404
        for version in ("7", "x", "", "9" * 40):
            answer = await admin.post(f"{PAGE}/back", data={"version": version})
            assert answer.status_code == 404
            assert "no" in words(answer)
