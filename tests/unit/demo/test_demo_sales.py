"""Scenarios of leads, deals and orders: one test per scenario of the catalogue, by its name."""

import itertools
from collections import Counter, defaultdict
from decimal import Decimal

from service.demo.arrivals import fact_arrival
from service.demo.leads import AWAY


def test_brand_catches_demand(told) -> None:
    pages = told.by("anonymous_id", "a-story-brand", "page")
    landings = [fact["page"]["url"] for fact, _, _ in told.entries if fact in pages]
    assert len(landings) == 3
    assert "gclid=" in landings[0]
    assert "gclid=" not in landings[1]
    assert "gclid=" in landings[2]
    assert told.deal("D-story-brand") == [("opportunity", "18400.00"), ("won", "18400.00")]


def test_sales_away(seen) -> None:
    wanted = ("not_called_in_time", "unreachable")
    slow = {f["lead"]["id"] for f in seen.leads("rejected") if f["lead"]["reason"] in wanted}
    late = [seen.day(fact) for fact in seen.leads("lead") if fact["lead"]["id"] in slow]
    inside = sum(day in AWAY for day in late) / len(AWAY)
    outside = sum(day not in AWAY for day in late) / (365 - len(AWAY))
    assert inside > 4 * outside > 0
    people = {
        fact["identifiers"]["email"]
        for fact in seen.leads("lead")
        if fact["lead"]["id"] in slow and seen.day(fact) in AWAY
    }
    for source in ("google", "linkedin", "facebook", ""):
        pages = [f for f, query, _ in seen.entries if query.get("utm_source", "") == source]
        assert seen.emails_of(pages) & people, source


def test_verdicts(seen) -> None:
    verdicts = [fact["verdict"] for fact in seen.of("verdict")]
    answered = {verdict["lead_id"] for verdict in verdicts}
    assert len(answered) == len(verdicts)
    leads = {fact["lead"]["id"] for fact in seen.leads("lead")}
    assert 0.6 < len(answered) / len(leads) < 0.95
    outcomes = Counter(verdict["outcome"] for verdict in verdicts)
    assert set(outcomes) == {"accepted", "rejected"}
    given = Counter(v["reason"] for v in verdicts if v["outcome"] == "rejected")
    assert {"unreachable", "not_icp", "price", "spam", "not_called_in_time"} <= set(given)
    assert not [v for v in verdicts if v["outcome"] == "accepted" and "reason" in v]


def test_calls_and_meetings(told) -> None:
    call = told.by("phone", "+442079460999", "touch")
    assert [fact["touch"]["kind"] for fact in call] == ["call"]
    assert call[0]["touch"]["campaign"] == "Search | NonBrand | Warehouse lighting | EU"
    email = told.by("phone", "+442079460999", "lead")[0]["identifiers"]["email"]
    met = [f for f in told.by("email", email, "touch") if f["touch"]["kind"] == "meeting"]
    opened = told.by("email", email, "deal")[0]
    assert call[0]["occurred_at"] < met[0]["occurred_at"] < opened["occurred_at"]


def test_email_nurture(seen) -> None:
    mails = [
        f["touch"]["kind"] for f in seen.of("touch") if "Nurture" in f["touch"].get("campaign", "")
    ]
    kinds = Counter(mails)
    assert set(kinds) == {"email_open", "email_click"}
    assert 3 < kinds["email_open"] / kinds["email_click"] < 5
    leads = {fact["identifiers"]["email"] for fact in seen.leads("lead")}
    readers = {
        f["identifiers"]["email"]
        for f in seen.of("touch")
        if "Nurture" in f["touch"].get("campaign", "")
    }
    assert readers <= leads


def test_partner_introductions(told) -> None:
    ends = Counter(told.deal(f"D-story-partner-{number}")[-1][0] for number in range(1, 7))
    assert ends == {"won": 5, "lost": 1}
    met = [f["touch"] for f in told.of("touch") if f["touch"].get("channel") == "partners"]
    assert {touch["kind"] for touch in met} == {"offline"}
    assert len(met) == 6
    assert not [line for line in told.lines if line["source"] == "installer-guild"]


def test_no_touchpoint(told) -> None:
    assert told.deal("D-story-typed-in")[-1] == ("won", "9500.00")
    email = next(
        f["identifiers"]["email"] for f in told.of("deal") if f["deal"]["id"] == "D-story-typed-in"
    )
    for kind in ("page", "touch", "identify", "lead"):
        assert told.by("email", email, kind) == []


def test_deal_reopened(told) -> None:
    assert told.deal("D-story-reopened") == [
        ("opportunity", "9600.00"),
        ("lost", "9600.00"),
        ("opportunity", "8800.00"),
        ("won", "8800.00"),
    ]


def test_amount_changed(told) -> None:
    assert told.deal("D-story-upsell") == [
        ("opportunity", "12000.00"),
        ("won", "12000.00"),
        ("won", "14500.00"),
    ]


def test_deal_rewon(told) -> None:
    assert told.deal("D-story-rewon") == [
        ("opportunity", "21000.00"),
        ("won", "21000.00"),
        ("lost", "21000.00"),
        ("won", "16500.00"),
    ]


def test_no_exchange_rate(told) -> None:
    deals = [f["deal"] for f in told.of("deal") if f["deal"]["id"] == "D-story-tenge"]
    assert [(deal["stage"], deal["amount"], deal["currency"]) for deal in deals] == [
        ("opportunity", "2400000.00", "KZT"),
        ("won", "2400000.00", "KZT"),
    ]
    assert {rate["base"] for rate in told.world.rates} == {"USD"}
    other = {f["deal"]["currency"] for f in told.of("deal") if f["deal"]["id"] != "D-story-tenge"}
    assert other <= {"EUR", "USD"}


def test_unknown_cost(seen) -> None:
    won = [fact["deal"]["items"] for fact in seen.of("deal") if fact["deal"]["stage"] == "won"]
    unknown = sum(any("cost" not in line for line in lines) for lines in won)
    assert 0 < unknown < len(won) / 3


def test_open_pipeline(seen) -> None:
    stages = defaultdict(list)
    for fact in seen.of("deal"):
        stages[fact["deal"]["id"]].append((fact["deal"]["stage"], seen.day(fact)))
    still = [steps[-1][1] for steps in stages.values() if steps[-1][0] == "opportunity"]
    assert len(still) > 20
    assert min(still) > 365 - 50


def test_order_refunded(told) -> None:
    assert told.order("O-story-refunded") == [("completed", "247.00"), ("refunded", "247.00")]


def test_order_partly_refunded(told) -> None:
    assert told.order("O-story-partial") == [("completed", "247.00"), ("refunded", "98.00")]


def test_repeat_orders(told) -> None:
    orders = told.by("user_id", "u-story-loyal", "order")
    assert [fact["order"]["id"] for fact in orders] == [f"O-story-loyal-{n}" for n in range(1, 5)]
    gaps = [told.day(b) - told.day(a) for a, b in itertools.pairwise(orders)]
    assert min(gaps) > 30


def test_repeat_orders_are_common_in_the_shop(seen) -> None:
    bought = Counter(
        f["identifiers"]["user_id"] for f in seen.of("order") if f["order"]["status"] == "completed"
    )
    repeated = sum(count > 1 for count in bought.values())
    assert 0.15 < repeated / len(bought) < 0.5


def test_reviews(seen) -> None:
    ratings = Counter(fact["review"]["rating"] for fact in seen.of("review"))
    assert set(ratings) <= {1, 2, 3, 4, 5}
    assert ratings[5] + ratings[4] > sum(ratings.values()) / 2
    buyers = {fact["identifiers"]["user_id"] for fact in seen.of("order")}
    assert {fact["identifiers"]["user_id"] for fact in seen.of("review")} <= buyers


def test_two_currencies(seen) -> None:
    billed = {
        name: {line["currency"] for line in lines} for name, lines in seen.world.spend.items()
    }
    assert {name for name, used in billed.items() if used == {"USD"}} == {
        "adlane",
        "linkedin_ads",
        "microsoft_ads",
    }
    assert all(len(used) == 1 for used in billed.values())
    rated = {rate["date"] for rate in seen.world.rates}
    assert {line["date"] for line in seen.lines} <= rated


def test_spend_restated(seen) -> None:
    changes = defaultdict(list)
    measures = ("amount", "impressions", "clicks", "stated_at")
    for sender, lines in seen.world.spend.items():
        for line in lines:
            key = (sender, *(value for name, value in line.items() if name not in measures))
            changes[key].append((line["stated_at"], Decimal(line["amount"])))
    again = {key: stated for key, stated in changes.items() if len(stated) > 1}
    assert all(len(stated) == 2 and stated[0][0] < stated[1][0] for stated in again.values())
    raised = {key: s for key, s in again.items() if s[1][1] > s[0][1]}
    assert {key[0] for key in raised} == {"linkedin_ads"}
    assert len({stated[1][0] for stated in raised.values()}) == 1
    assert len({key[1] for key in raised}) >= 5
    assert {key[0] for key in again} - {"linkedin_ads"} == {
        "google_ads",
        "meta_ads",
        "microsoft_ads",
    }


def test_month_restated(told) -> None:
    """What moves the month comes in after it, and before the end of the year."""
    closing = told.year.closing
    assert told.year.date_of(closing).day == 1
    assert told.deal("D-story-discount")[-2:] == [("won", "16800.00"), ("won", "15600.00")]
    assert told.order("O-story-returned") == [("completed", "247.00"), ("refunded", "247.00")]
    for order in ("O-story-returned", "O-story-login", "O-story-clicked"):
        bought = next(f for f in told.of("order") if f["order"]["id"] == order)
        assert 0 < closing - told.day(bought) < 28
    known = told.by("anonymous_id", "a-story-login-telephone", "identify")
    assert [fact["identifiers"]["user_id"] for fact in known] == ["u-story-login"]
    moved = [known[0]] + [
        [fact for fact in told.of(kind) if fact[kind]["id"] == name][-1]
        for kind, name in (("deal", "D-story-discount"), ("order", "O-story-returned"))
    ]
    assert [told.day(fact) - closing for fact in moved] == [1, 2, 3]
    (click,) = told.by("email", "clicked@clicked-home.example", "touch")
    assert told.day(click) == closing - 1
    assert fact_arrival("email", click).day == 1
