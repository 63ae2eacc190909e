"""Scenarios of channels: one test per scenario of the catalogue, by its name."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from urllib.parse import urlsplit

from service.demo.days import is_black_friday, is_holiday

NATIVE = "Native | Awareness | Lighting guide"
LOOKALIKE = "META | Prospecting | Lookalike 1%"


def test_channels_from_rules(seen) -> None:
    named = [fact["touch"]["channel"] for fact in seen.of("touch") if "channel" in fact["touch"]]
    assert set(named) == {"partners", "sales"}
    assert all(set(fact["page"]) <= {"url", "title", "referrer"} for fact in seen.of("page"))
    assert len(named) < len(seen.of("page")) / 100


def test_spend_without_sales(seen) -> None:
    assert (
        sum(Decimal(line["amount"]) for line in seen.lines if line["campaign"] == NATIVE) > 15_000
    )
    people = seen.emails_of(seen.campaign(NATIVE))
    assert 15 <= len(people) <= 40
    buyers = {fact["identifiers"].get("email") for fact in seen.of("deal") + seen.of("order")}
    assert not people & buyers


def test_channel_stops(seen) -> None:
    names = ("AFF | Deal sites", "AFF | Review blogs")
    stop = seen.year.spring_stop
    days = [seen.day(fact) for fact in seen.campaign(*names)]
    assert len(days) > 400
    assert stop - 5 < max(days) < stop
    last = max(line["date"] for line in seen.lines if line["campaign"] in names)
    assert last < seen.year.dates[stop]


def test_assistants_grow(seen) -> None:
    hosts = {"chatgpt.com", "www.perplexity.ai", "claude.ai"}
    days = [seen.day(fact) for fact, query, host in seen.entries if host in hosts and not query]
    assert sum(day >= 273 for day in days) > 2 * sum(day < 92 for day in days) > 0


def test_cheap_leads_bad_leads(seen) -> None:
    prices, shares = {}, {}
    for name in (LOOKALIKE, "LI | Lead gen | Facility managers",
                 "Search | NonBrand | Lighting control | EU"):  # fmt: skip
        people = seen.emails_of(seen.campaign(name))
        leads = {f["identifiers"]["email"] for f in seen.leads("lead")} & people
        accepted = {f["identifiers"]["email"] for f in seen.leads("sql")} & people
        spent = sum(Decimal(line["amount"]) for line in seen.lines if line["campaign"] == name)
        prices[name], shares[name] = spent / len(leads), len(accepted) / len(leads)
    assert min(prices, key=prices.__getitem__) == min(shares, key=shares.__getitem__) == LOOKALIKE
    assert shares[LOOKALIKE] < 0.2 < 0.3 < sorted(shares.values())[1]


def test_auto_tagging(seen) -> None:
    bare = [query for _, query, host in seen.entries if host == "www.google.com"]
    assert sum(set(query) == {"gclid"} for query in bare) > 100


def test_organic_fbclid(seen) -> None:
    shared = [query for _, query, host in seen.entries if host == "l.facebook.com"]
    assert sum(set(query) == {"fbclid"} for query in shared) > 30


def test_untagged_newsletter(seen) -> None:
    clicks, visits = Counter[str](), Counter[str]()
    for fact in seen.of("touch"):
        if fact["touch"]["kind"] == "email_click":
            clicks[fact["touch"]["campaign"]] += 1
    for _, query, _ in seen.entries:
        visits[query.get("utm_campaign", "")] += 1
    issues = [name for name in clicks if name.startswith("Newsletter") and clicks[name] > 20]
    lost = [name for name in issues if not visits[name]]
    assert len(lost) == 1
    assert all(visits[name] == clicks[name] for name in issues if name not in lost)
    untagged = [f for f, query, host in seen.entries if not query and not host]
    assert sum(f["page"]["url"].endswith("/blog/monthly") for f in untagged) == clicks[lost[0]]


def test_bots(seen) -> None:
    robot = re.compile("bot|Headless")
    pages = [f for f in seen.of("page") if robot.search(f["context"]["user_agent"])]
    assert len(pages) == 480
    assert sum("utm_source=adlane" in fact["page"]["url"] for fact in pages) == 120
    assert all(fact["identifiers"]["anonymous_id"].startswith("a-bot-") for fact in pages)


def test_seasons(seen) -> None:
    visits: dict[str, Counter[date]] = defaultdict(Counter)
    for fact, _, _ in seen.entries:
        host = urlsplit(fact["page"]["url"]).hostname or ""
        visits[host][date.fromisoformat(fact["occurred_at"][:10])] += 1
    office, shop = visits["www.lumenforge.example"], visits["shop.lumenforge.example"]

    def mean(counts: Counter[date], chosen: Callable[[date], bool]) -> float:
        days = [seen.year.date_of(day) for day in range(365)]
        picked = [counts[day] for day in days if chosen(day)]
        return sum(picked) / len(picked)

    workday = mean(office, lambda day: day.weekday() < 5 and not is_holiday(day))
    assert mean(office, lambda day: day.weekday() >= 5) < workday / 2
    assert mean(office, is_holiday) < workday / 2
    assert mean(shop, is_black_friday) > 1.5 * mean(shop, lambda day: not is_black_friday(day))
    first, last = (mean(office, lambda day, m=m: day.month == m) for m in (2, 10))  # type: ignore[misc]
    assert last > 1.15 * first
