"""Spend as the ad accounts state it, day by day and ad by ad, and the exchange rates for it.

Clicks follow from the visits that the tag saw: refused banners, blocked scripts and accidental taps
hide a part of the clicks that the platforms bill. The year's budget then fixes the price of a click.
"""

import random
from collections import defaultdict
from typing import Any

from service.demo.campaigns import BY_KEY, Campaign
from service.demo.days import DAY, DAYS, LENGTH
from service.demo.scene import Scene, money
from service.demo.shop import sms_days

SpendLine = dict[str, Any]

INVOICED = range(DAYS - 75, DAYS - 68)
"""The week whose LinkedIn figures were 6 % too low until the invoice came."""

_INVOICE_DAY = DAYS - 58
# Of 100 billed clicks, how many the tag sees; accidental taps leave before the page is there.
_SEEN_PERCENT = {
    "paid_search": (38, 50), "paid_shopping": (50, 62), "paid_social": (30, 42),
    "display": (8, 14), "paid_video": (14, 22), "affiliates": (48, 60),
}  # fmt: skip
_CORRECTED = ("google_ads", "meta_ads", "microsoft_ads")
_CORRECTION_RATE = 0.035
_IMPRESSIONS_PER_CLICK = {
    "paid_search": (16, 30), "paid_shopping": (70, 120), "paid_social": (110, 170),
    "display": (280, 460), "paid_video": (60, 95), "affiliates": (12, 20),
}  # fmt: skip
_STATED_AT = 6 * 3_600
# What is billed by the month, not by the click: sender, campaign, cents a month.
_MONTHLY = (
    ("mail_tool", "newsletter", "email", "Mailing tool", "7001", 30_000),
    ("directory", "lighting-directory", "referral", "Directory | Listing", "6201", 21_500),
)
_SMS_WAVE_CENTS = 24_000


def spend_lines(scene: Scene) -> dict[str, list[SpendLine]]:
    """Lines of `POST /v1/spend` by sending account, in the order in which they were stated.

    `amount` is a decimal text in the billed `currency`; `stated_at` an ISO moment before the end
    of the year. A later line with the same key restates an earlier one. The last day is not stated
    yet: accounts report a day on the following morning.
    """
    rng = scene.rng("spend")
    lines: dict[str, list[SpendLine]] = defaultdict(list)
    seen: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for (key, variant, day), visits in scene.clicks.items():
        seen[key].append((day, variant, visits))
    for key in sorted(seen):
        campaign = BY_KEY[key]
        lines[campaign.sender] += _clicked(scene, rng, campaign, sorted(seen[key]))
    for sender, line in _billed(scene):
        lines[sender].append(line)
    for stated in lines.values():
        stated.sort(key=lambda line: (line["stated_at"], line["date"], line["campaign_id"]))
    return {sender: lines[sender] for sender in sorted(lines)}


def _clicked(
    scene: Scene, rng: random.Random, campaign: Campaign, seen: list[tuple[int, int, int]]
) -> list[SpendLine]:
    """All lines of one campaign, `seen` being (day, variant, visits)."""
    billed = [
        (day, variant, max(visits, visits * 100 // rng.randrange(*_SEEN_PERCENT[campaign.channel])))
        for day, variant, visits in seen
    ]
    budget = round(campaign.budget * 100 * scene.scale)
    clicks_of_year = sum(clicks for *_, clicks in billed)
    lines = []
    for day, variant, clicks in billed:
        cents = budget * clicks * rng.randrange(850, 1_151) // (clicks_of_year * 1_000)
        shown = clicks * rng.randrange(*_IMPRESSIONS_PER_CLICK[campaign.channel])
        correction = _correction(rng, campaign.sender, day)
        first = _line(scene, campaign, variant, (day, day + 1), (cents, shown, clicks))
        if first is None:
            continue
        lines.append(first)
        if correction:
            later, percent = correction
            figures = (cents * percent // 100, shown, max(1, clicks * min(percent, 100) // 100))
            again = _line(scene, campaign, variant, (day, later), figures)
            lines += [again] if again else []
    return lines


def _correction(rng: random.Random, sender: str, day: int) -> tuple[int, int] | None:
    """The day on which a line is stated again, and at what percentage; None for most lines."""
    if sender == "linkedin_ads" and day in INVOICED:
        return _INVOICE_DAY, 106
    if sender in _CORRECTED and rng.random() < _CORRECTION_RATE:
        return day + rng.randrange(3, 9), rng.randrange(86, 99)
    return None


def _line(
    scene: Scene,
    campaign: Campaign,
    variant: int,
    days: tuple[int, int],
    figures: tuple[int, int, int],
) -> SpendLine | None:
    """A line for `days` (spent, stated) and `figures` (cents, impressions, clicks).

    None when it will be stated only after the end of the year.
    """
    spent, stated = days
    moment = stated * DAY + _STATED_AT
    if moment >= LENGTH:
        return None
    ad = campaign.variants[variant]
    cents, impressions, clicks = figures
    return {
        "date": scene.year.dates[spent],
        "source": campaign.source,
        "medium": campaign.medium,
        "campaign_id": campaign.id,
        "campaign": campaign.name,
        "ad_group": ad.ad_group,
        "ad": ad.ad,
        "term": ad.term,
        "amount": money(cents),
        "currency": campaign.currency,
        "impressions": impressions,
        "clicks": clicks,
        "stated_at": scene.year.stamp(moment),
    }


def _billed(scene: Scene) -> list[tuple[str, SpendLine]]:
    """Monthly fees on the first of each month, and each wave of text messages."""
    bills = [
        (sender, day, Campaign(sender, "", source, medium, name, number), cents)
        for sender, source, medium, name, number, cents in _MONTHLY
        for day in range(DAYS)
        if scene.year.date_of(day).day == 1
    ]
    sms = BY_KEY["sms"]
    bills += [("sms_gateway", day, sms, _SMS_WAVE_CENTS) for day in sms_days(scene.year)]
    lines = []
    for sender, day, campaign, cents in bills:
        figures = (round(cents * scene.scale), 0, 0)
        line = _line(scene, campaign, 0, (day, day + 1), figures)
        if line:
            lines.append((sender, line))
    return lines


def exchange_rates(scene: Scene) -> list[dict[str, str]]:
    """One US dollar in euro for every day of the year, four decimals, a slow random walk."""
    rng = scene.rng("rates")
    rate, rates = 9_180, []
    for day in scene.year.dates:
        rate = min(max(rate + rng.randrange(-28, 29), 8_700), 9_600)
        rates.append({"date": day, "base": "USD", "quote": "EUR", "rate": f"0.{rate:04d}"})
    return rates
