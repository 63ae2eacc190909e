"""The channel rules in their order, their traps, and their tables."""

import hashlib
from importlib.resources import files

import pytest

from service.collect.channels import RULES_VERSION, channel_of, click_ids, describe_channels
from service.collect.channels.hosts import read_table, site_of_host, site_of_source


@pytest.mark.parametrize(
    ("source", "medium", "campaign", "channel"),
    [
        ("(direct)", "(none)", None, "direct"),
        ("(direct)", "(not set)", None, "direct"),
        (None, None, None, "direct"),
        ("", "", "cross-network", "direct"),
        ("(direct)", "cpc", None, "paid_other"),
        ("google", "cpc", "Sales-Cross-Network-1", "cross_network"),
        ("amazon", "cpc", None, "paid_shopping"),
        ("google", "cpc", "Shopping_brand", "paid_shopping"),
        ("google", "cpc", None, "paid_search"),
        ("bing", "ppc", None, "paid_search"),
        ("yandex", "retargeting", None, "paid_search"),
        ("google", "paidsearch", None, "paid_search"),
        ("facebook", "paid_social", None, "paid_social"),
        ("vk", "cpc", None, "paid_social"),
        ("youtube", "cpv", None, "paid_video"),
        ("newspaper", "display", None, "display"),
        ("newspaper", "banner", None, "display"),
        ("newspaper", "expandable", None, "display"),
        ("newspaper", "interstitial", None, "display"),
        ("newspaper", "ppc", None, "paid_other"),
        ("newspaper", "paid", None, "paid_other"),
        ("ebay", "referral", None, "organic_shopping"),
        ("newsletter", "email", "eshop", "organic_shopping"),
        ("instagram", None, None, "organic_social"),
        ("partner", "social", None, "organic_social"),
        ("partner", "social-network", None, "organic_social"),
        ("partner", "social-media", None, "organic_social"),
        ("partner", "sm", None, "organic_social"),
        ("partner", "social network", None, "organic_social"),
        ("partner", "social media", None, "organic_social"),
        ("vimeo", "referral", None, "organic_video"),
        ("partner", "webvideo-1", None, "organic_video"),
        ("duckduckgo", "referral", None, "organic_search"),
        ("partner", "organic", None, "organic_search"),
        ("gemini", "ai-assistant", "(ai-assistant)", "ai_assistant"),
        ("partner", "referral", None, "referral"),
        ("partner", "app", None, "referral"),
        ("partner", "link", None, "referral"),
        ("newsletter", "email", None, "email"),
        ("newsletter", "e-mail", None, "email"),
        ("newsletter", "e_mail", None, "email"),
        ("newsletter", "e mail", None, "email"),
        ("email-weekly", "news", None, "email"),
        ("partner", "affiliate", None, "affiliates"),
        ("partner", "audio", None, "audio"),
        ("sms", None, None, "sms"),
        ("partner", "sms", None, "sms"),
        ("partner", "web-push", None, "mobile_push"),
        ("partner", "mobile-app", None, "mobile_push"),
        ("partner", "notifications", None, "mobile_push"),
        ("firebase", "x", None, "mobile_push"),
        ("partner", "banana", None, "unassigned"),
        ("partner", "pushed", None, "unassigned"),
        ("partner", None, None, "unassigned"),
        (None, "banana", None, "unassigned"),
    ],
)
def test_the_rules(
    source: str | None, medium: str | None, campaign: str | None, channel: str
) -> None:
    assert channel_of(source, medium, campaign) == channel


@pytest.mark.parametrize(
    ("source", "medium", "channel"),
    [
        # cpm matches the paid pattern; it is display only where no known source took it before.
        ("newspaper", "cpm", "display"),
        ("dv360", "cpm", "display"),
        ("google", "cpm", "paid_search"),
        ("facebook", "cpm", "paid_social"),
        ("youtube", "cpm", "paid_video"),
        ("amazon", "cpm", "paid_shopping"),
        # cpc of a source that nobody knows
        ("newspaper", "cpc", "paid_other"),
        ("taboola", "cpc", "paid_other"),
        # GA4's pattern is "contains cp"
        ("google", "xcpx", "paid_search"),
        ("google", "unpaid", "organic_search"),
    ],
)
def test_paid_traps(source: str, medium: str, channel: str) -> None:
    assert channel_of(source, medium, None) == channel


@pytest.mark.parametrize(
    ("campaign", "is_shop"),
    [
        ("shop", True),
        ("shopping", True),
        ("eshop", True),
        ("spring-shop", True),
        ("spring_shop", True),
        ("2shop", True),
        ("Winter Shop Berlin", True),
        ("windowshopping", True),
        ("workshop", False),
        ("bishop", False),
        ("photoshop", False),
        ("spring", False),
    ],
)
def test_the_shop_trap_looks_at_the_campaign_name(campaign: str, is_shop: bool) -> None:
    expected = ("paid_shopping", "organic_shopping") if is_shop else ("paid_other", "referral")
    assert channel_of("partner", "cpc", campaign) == expected[0]
    assert channel_of("partner", "referral", campaign) == expected[1]


@pytest.mark.parametrize(
    ("source", "channel"),
    [
        ("google", "organic_search"),
        ("Google.com", "organic_search"),
        ("yandex", "organic_search"),
        ("yandex_direct", "organic_search"),
        ("fb", "organic_social"),
        ("ig", "organic_social"),
        ("facebook", "organic_social"),
        ("m.facebook.com", "organic_social"),
        ("tiktok", "organic_social"),
        ("linkedin", "organic_social"),
        ("vk", "organic_social"),
        ("twitter", "organic_social"),
        ("youtube", "organic_video"),
        ("youtu.be", "organic_video"),
        ("ebay.co.uk", "organic_shopping"),
        ("chatgpt", "unassigned"),
        ("gmail", "unassigned"),
        ("unknown.example", "unassigned"),
    ],
)
def test_a_source_counts_by_name_and_by_host(source: str, channel: str) -> None:
    assert channel_of(source, "x", None) == channel


def test_channels_are_described_in_the_order_of_the_rules() -> None:
    described = describe_channels()
    assert described[0] == {"id": "direct", "title": "Direct", "class": "none"}
    assert [channel["id"] for channel in described] == [
        "direct", "cross_network", "paid_shopping", "paid_search", "paid_social", "paid_video",
        "display", "paid_other", "organic_shopping", "organic_social", "organic_video",
        "organic_search", "ai_assistant", "referral", "email", "affiliates", "audio", "sms",
        "mobile_push", "unassigned",
    ]  # fmt: skip
    assert {channel["class"] for channel in described} == {"paid", "owned", "earned", "none"}


@pytest.mark.parametrize(
    ("table", "at_least"),
    [("ai", 20), ("search", 60), ("social", 60), ("video", 15), ("shopping", 20), ("webmail", 20)],
)
def test_every_line_of_a_table_can_be_found(table: str, at_least: int) -> None:
    lines = read_table(table)
    assert len(lines["hosts"]) >= at_least
    assert lines["names"].keys() <= lines["hosts"].keys()
    for name, hosts in lines["hosts"].items():
        for host in hosts:
            found = site_of_host(host.replace("{}", "co.uk"))
            assert found is not None
            assert (found.kind, found.name) == (table, name)
        for alias in (name, *lines["names"].get(name, ())):
            source = site_of_source(alias.upper())
            assert source is not None
            assert (source.kind, source.name) == (table, name)


def test_click_ids_are_written_in_lower_case_and_name_known_classes() -> None:
    for name, click in click_ids().items():
        assert name == name.lower()
        assert click.click_class in {"paid", "affiliate", "email", "organic", "none"}


def test_the_version_changes_with_the_tables() -> None:
    """Derived data is kept under RULES_VERSION: after an edit raise it, and this digest with it."""
    folder = files("service.collect.channels")
    tables = sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    digest = hashlib.sha256(b"".join(table.read_bytes() for table in tables)).hexdigest()[:16]
    assert (RULES_VERSION, digest) == ("2026-11", "accede5fb8a0f462")
