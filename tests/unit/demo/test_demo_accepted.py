"""What the demo sends, the service takes: strict fields, real people, channels from the rules."""

from collections import Counter, defaultdict

from service.collect.bots import is_bot
from service.collect.channels import Dimensions, classify
from service.collect.identifiers import IdentifierReader
from service.collect.landing import host_of, read_landing
from service.collect.native import validate
from service.demo.campaigns import CAMPAIGNS


def channel_of(page) -> str:
    landing = read_landing(page["url"])
    found = classify(
        Dimensions(
            touch_kind="visit",
            source=landing.source,
            medium=landing.medium,
            campaign=landing.campaign,
            click_ids=tuple(sorted(landing.click_ids)),
            page_host=landing.host,
            referrer_host=host_of(page.get("referrer", "")),
        ),
        frozenset(),
    )
    return str(found.channel)


def test_every_event_is_of_the_native_format(seen) -> None:
    for event in seen.events:
        validate(event)


def test_only_the_placeholders_of_the_stories_identify_nobody(seen) -> None:
    reader = IdentifierReader(b"0123456789abcdef", None)
    ignored = {
        (kind, value)
        for event in seen.events
        for kind, value in event["identifiers"].items()
        if reader.ignored(kind, value)
    }
    assert ignored == {
        ("user_id", "undefined"),
        ("user_id", "null"),
        ("email", "info@lumenforge.example"),
    }


def test_bots_are_flagged_and_people_are_not(seen) -> None:
    for event in seen.of("page"):
        bot = event["identifiers"]["anonymous_id"].startswith("a-bot-")
        assert is_bot(event["context"]["user_agent"]) == bot


def test_the_rules_give_each_campaign_its_channel(seen) -> None:
    expected = {campaign.name: campaign.channel for campaign in CAMPAIGNS if campaign.name}
    found = defaultdict(Counter)
    for event, query, _ in seen.entries:
        name = query.get("utm_campaign", "").partition(" | 20")[0]
        found[name][channel_of(event["page"])] += 1
    untagged = found.pop("")
    assert {name: set(channels) for name, channels in found.items()} == {
        name: {channel} for name, channel in expected.items()
    }
    assert set(untagged) == {
        "direct", "organic_search", "organic_social", "ai_assistant", "referral", "paid_search",
    }  # fmt: skip


def test_spend_falls_into_channels_that_have_visits(seen) -> None:
    billed = set()
    for line in seen.lines:
        dimensions = Dimensions("click", None, line["source"], line["medium"], line["campaign"])
        billed.add(classify(dimensions, frozenset()).channel)
    assert billed == {
        "paid_search", "paid_shopping", "paid_social", "paid_video", "display", "affiliates",
        "referral", "email", "sms",
    }  # fmt: skip
