"""The demo world holds together: same bytes, inside its year, believable numbers."""

import itertools
import json
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.demo import World, build_world
from service.demo.days import Year

ROOT = Path(__file__).parents[3]
MEASURES = ("amount", "impressions", "clicks", "stated_at")
SENDERS = ["website", "crm", "shop", "email", "calls"]
# Hosts by which browsers really come from search, social networks, assistants and a till.
PUBLIC_REFERRERS = {
    "www.google.com", "www.bing.com", "duckduckgo.com", "www.linkedin.com", "l.facebook.com",
    "l.instagram.com", "www.youtube.com", "www.reddit.com", "chatgpt.com", "www.perplexity.ai",
    "claude.ai", "checkout.stripe.com",
}  # fmt: skip


def as_bytes(world: World) -> bytes:
    parts = [world.sources, world.spend, world.rates, [vars(one) for one in world.scenarios]]
    return json.dumps(parts).encode()


def moment(text: str) -> datetime:
    assert text.endswith("Z"), text
    return datetime.fromisoformat(text)


def key_of(line: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(value for name, value in line.items() if name not in MEASURES)


def euros(world: World, amount: str, currency: str, day: str) -> Decimal:
    """Only euro and dollar amounts; a currency without a rate is worth nothing here."""
    if currency == "EUR":
        return Decimal(amount)
    rates = {row["date"]: Decimal(row["rate"]) for row in world.rates[-1:]}
    return Decimal(amount) * rates[world.rates[-1]["date"]] if currency == "USD" else Decimal(0)


def latest_deals(world: World) -> dict[str, dict[str, Any]]:
    deals = (fact["deal"] for fact in world.sources["crm"] if fact["type"] == "deal")
    return {deal["id"]: deal for deal in deals}


def latest_spend(world: World) -> list[dict[str, Any]]:
    return [
        line
        for lines in world.spend.values()
        for line in {key_of(line): line for line in lines}.values()
    ]


def test_the_same_arguments_give_the_same_bytes() -> None:
    first, again = (build_world(date(2026, 11, 22), scale=0.2) for _ in range(2))
    assert as_bytes(first) == as_bytes(again)


def test_bytes_do_not_depend_on_the_process() -> None:
    code = (
        "import datetime, hashlib, json; from service.demo import build_world;"
        "w = build_world(datetime.date(2026, 5, 1), scale=0.02);"
        "text = json.dumps([w.sources, w.spend, w.rates]);"
        "print(hashlib.sha256(text.encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone},
            cwd=ROOT,
            check=True,
            capture_output=True,
        ).stdout
        for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo"))
    }
    assert len(digests) == 1


def test_another_seed_gives_another_world() -> None:
    day = date(2026, 5, 1)
    assert as_bytes(build_world(day, 7, 0.02)) != as_bytes(build_world(day, 8, 0.02))


@pytest.mark.parametrize("scale", [0.0, -1.0, 10.5])
def test_a_scale_out_of_range_is_refused(scale: float) -> None:
    with pytest.raises(ValueError, match="scale"):
        build_world(date(2026, 5, 1), scale=scale)


@settings(max_examples=15, deadline=None)
@given(st.dates(date(2020, 1, 1), date(2035, 12, 31)), st.integers(0, 99))
def test_everything_lies_within_the_year(until: date, seed: int) -> None:
    small = build_world(until, seed, 0.02)
    end = datetime(until.year, until.month, until.day, tzinfo=UTC)
    start = end - timedelta(days=365)
    for facts in small.sources.values():
        times = [moment(fact["occurred_at"]) for fact in facts]
        assert times == sorted(times)
        assert start <= times[0]
        assert times[-1] < end
        assert len({fact["id"] for fact in facts}) == len(facts)
    for lines in small.spend.values():
        for line in lines:
            spent = datetime.fromisoformat(line["date"]).replace(tzinfo=UTC)
            assert start <= spent < moment(line["stated_at"]) < end
    days = [(start + timedelta(days=day)).date().isoformat() for day in range(365)]
    assert [row["date"] for row in small.rates] == days


@given(st.dates(date(2020, 1, 1), date(2035, 12, 31)))
def test_the_spring_stop_is_in_spring_and_far_from_both_ends(until: date) -> None:
    year = Year(until)
    assert year.date_of(year.spring_stop).month in (3, 4, 5)
    assert 42 <= year.spring_stop <= 365 - 42


def test_sizes_at_scale_one(world: World) -> None:
    facts = sum(map(len, world.sources.values()))
    lines = sum(map(len, world.spend.values()))
    assert list(world.sources) == SENDERS
    assert len(world.events) == facts
    assert 60_000 <= facts + lines <= 80_000
    types = Counter(fact["type"] for fact in world.events)
    assert set(types) == {
        "page", "touch", "identify", "group", "lead", "verdict", "deal", "order", "review",
        "consent",
    }  # fmt: skip
    assert min(types.values()) >= 50


def test_scale_grows_the_world_and_not_its_stories() -> None:
    small, double = (build_world(date(2026, 5, 1), scale=scale) for scale in (0.1, 0.2))
    assert 1.7 < len(double.events) / len(small.events) < 2.1
    stories = [
        {deal for deal in latest_deals(world) if "story" in deal} for world in (small, double)
    ]
    assert stories[0] == stories[1]


def test_a_lead_begins_as_a_lead_and_goes_one_way(world: World) -> None:
    stages: dict[str, list[str]] = defaultdict(list)
    for fact in world.sources["crm"]:
        if fact["type"] == "lead":
            stages[fact["lead"]["id"]].append(fact["lead"]["stage"])
        if fact["type"] == "verdict":
            assert fact["verdict"]["lead_id"] in stages
        if fact["type"] == "deal" and "lead_id" in fact["deal"]:
            assert stages[fact["deal"]["lead_id"]][-1] == "sql"
    allowed = {("lead",), ("lead", "mql"), ("lead", "mql", "sql"), ("lead", "rejected"),
               ("lead", "mql", "rejected")}  # fmt: skip
    assert {tuple(seen) for seen in stages.values()} == allowed


def test_a_deal_opens_before_it_ends_and_a_refund_follows_its_order(world: World) -> None:
    seen: set[str] = set()
    for fact in world.sources["crm"]:
        if fact["type"] == "deal":
            deal = fact["deal"]
            assert deal["stage"] == "opportunity" or deal["id"] in seen
            assert ("reason" in deal) == (deal["stage"] == "lost")
            seen.add(deal["id"])
    sold: dict[str, Decimal] = {}
    for fact in world.sources["shop"]:
        if fact["type"] == "order":
            order = fact["order"]
            if order["status"] == "completed":
                assert order["id"] not in sold
                sold[order["id"]] = Decimal(order["amount"])
            else:
                assert 0 < Decimal(order["amount"]) <= sold[order["id"]]


def test_items_add_up_and_amounts_are_texts_with_two_places(world: World) -> None:
    for fact in world.events:
        body = fact.get("deal") or fact.get("order")
        if body is None:
            continue
        lines = body.get("items", [])
        texts = [body["amount"], *(line[name] for line in lines for name in ("amount",))]
        texts += [line["cost"] for line in lines if "cost" in line]
        assert all(re.fullmatch(r"\d+\.\d\d", text) for text in texts)
        if lines:
            assert sum(Decimal(line["amount"]) for line in lines) == Decimal(body["amount"])


def test_amounts_lie_where_they_should(world: World) -> None:
    for deal in latest_deals(world).values():
        if deal["currency"] != "KZT":
            assert 2_000 <= Decimal(deal["amount"]) <= 40_000
    orders = [fact["order"] for fact in world.sources["shop"] if fact["type"] == "order"]
    assert all(
        30 <= Decimal(order["amount"]) <= 400 for order in orders if order["status"] == "completed"
    )


def test_spend_lines_have_one_key_each_unless_restated_later(world: World) -> None:
    members = [
        "date", "source", "medium", "campaign_id", "campaign", "ad_group", "ad", "term",
        "amount", "currency", "impressions", "clicks", "stated_at",
    ]  # fmt: skip
    restated = 0
    for lines in world.spend.values():
        stated: dict[tuple[Any, ...], str] = {}
        for line in lines:
            assert list(line) == members
            assert re.fullmatch(r"\d+\.\d\d", line["amount"])
            before = stated.get(key_of(line))
            assert before is None or before < line["stated_at"]
            restated += before is not None
            stated[key_of(line)] = line["stated_at"]
    assert 100 < restated < 400


def test_two_dozen_campaigns_in_more_than_ten_channels(world: World) -> None:
    assert len({(line["campaign_id"], line["currency"]) for line in latest_spend(world)}) >= 20
    tagged = {
        urlsplit(fact["page"]["url"]).query.partition("utm_campaign=")[2].partition("&")[0]
        for fact in world.sources["website"]
        if fact["type"] == "page"
    }
    assert len(tagged - {""}) >= 24


def test_the_year_is_worth_what_the_demo_tells(world: World) -> None:
    spent = sum(
        euros(world, line["amount"], line["currency"], line["date"]) for line in latest_spend(world)
    )
    won = [deal for deal in latest_deals(world).values() if deal["stage"] == "won"]
    deals = sum(euros(world, deal["amount"], deal["currency"], "") for deal in won)
    orders = Counter[str]()
    for fact in world.sources["shop"]:
        if fact["type"] == "order":
            orders[fact["order"]["status"]] += Decimal(fact["order"]["amount"])
    revenue = deals + orders["completed"] - orders["refunded"]
    assert 225_000 <= spent <= 260_000
    assert 800_000 <= revenue <= 1_000_000
    assert 70 <= len(won) <= 100


def test_every_host_is_made_up_or_a_well_known_referrer(world: World) -> None:
    for fact in world.sources["website"]:
        if fact["type"] == "page":
            page = fact["page"]
            host = urlsplit(page["url"]).hostname or ""
            assert host in {"www.lumenforge.example", "shop.lumenforge.example"}
            referrer = urlsplit(page.get("referrer", "")).hostname
            assert not referrer or referrer.endswith(".example") or referrer in PUBLIC_REFERRERS
    addresses = {fact["identifiers"].get("email", "x.example") for fact in world.events}
    assert all(address.endswith(".example") for address in addresses)


def test_contacts_phones_and_accounts_belong_to_one_person_each(world: World) -> None:
    owners: dict[tuple[str, str], set[str]] = defaultdict(set)
    for fact in world.sources["crm"]:
        who = fact["identifiers"]
        if "crm_contact_id" in who and not who["email"].startswith("info@"):
            owners["contact", who["crm_contact_id"]].add(who["email"])
            owners["email", who["email"]].add(who["crm_contact_id"])
            if "phone" in who:
                owners["phone", who["phone"]].add(who["email"])
        if fact["type"] == "group":
            owners["account", fact["account"]["domain"]].add(fact["account"]["id"])
    assert {len(people) for people in owners.values()} == {1}


def test_rates_have_four_decimals_and_move_slowly(world: World) -> None:
    assert len(world.rates) == 365
    values = [Decimal(row["rate"]) for row in world.rates]
    assert all(re.fullmatch(r"0\.\d{4}", row["rate"]) for row in world.rates)
    assert {(row["base"], row["quote"]) for row in world.rates} == {("USD", "EUR")}
    steps = [abs(after - before) for before, after in itertools.pairwise(values)]
    assert max(steps) <= Decimal("0.0028")
    assert max(values) != min(values)
