"""Whose host a referrer is: engines, networks, assistants, tills, and the site itself."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.collect.channels import Classified, Dimensions, classify
from service.collect.channels.hosts import (
    canonical_host,
    is_own_host,
    is_return_host,
    registrable_domain,
)

PAGE = "www.shop-example.com"
NO_HOSTS: frozenset[str] = frozenset()


def visit(own_hosts: frozenset[str] = NO_HOSTS, **dimensions: Any) -> Classified:
    return classify(
        Dimensions(**{"touch_kind": "visit", "page_host": PAGE, **dimensions}), own_hosts
    )


def named(classified: Classified) -> tuple[str, str, str]:
    return classified.channel, classified.source, classified.medium


@pytest.mark.parametrize(
    ("host", "channel", "source", "medium"),
    [
        ("www.google.com", "organic_search", "google", "organic"),
        ("www.google.co.uk", "organic_search", "google", "organic"),
        ("google.de", "organic_search", "google", "organic"),
        ("WWW.GOOGLE.DE.", "organic_search", "google", "organic"),
        ("ya.ru", "organic_search", "yandex", "organic"),
        ("yandex.com.tr", "organic_search", "yandex", "organic"),
        ("de.search.yahoo.com", "organic_search", "yahoo", "organic"),
        ("search.brave.com", "organic_search", "brave", "organic"),
        ("l.facebook.com", "organic_social", "facebook", "social"),
        ("t.co", "organic_social", "x", "social"),
        ("away.vk.com", "organic_social", "vk", "social"),
        ("tieba.baidu.com", "organic_social", "tieba", "social"),
        ("de.pinterest.com", "organic_social", "pinterest", "social"),
        ("m.youtube.com", "organic_video", "youtube", "referral"),
        ("v.qq.com", "organic_video", "tencent-video", "referral"),
        ("www.amazon.com.br", "organic_shopping", "amazon", "referral"),
        ("market.yandex.ru", "organic_shopping", "yandex_market", "referral"),
        ("mail.google.com", "email", "gmail", "email"),
        ("com.google.android.gm", "email", "gmail", "email"),
        ("e.mail.ru", "email", "mail-ru", "email"),
        ("docs.google.com", "referral", "docs.google.com", "referral"),
        ("blog.example.org", "referral", "blog.example.org", "referral"),
        ("www.example.org", "referral", "example.org", "referral"),
        # Looks like a known host and is none.
        ("google.blogspot.com", "referral", "google.blogspot.com", "referral"),
        ("google.com.evil.example", "referral", "google.com.evil.example", "referral"),
        ("notgoogle.com", "referral", "notgoogle.com", "referral"),
        ("google.nosuchsuffix", "referral", "google.nosuchsuffix", "referral"),
        ("10.0.0.1", "referral", "10.0.0.1", "referral"),
        ("google.1", "referral", "google.1", "referral"),
    ],
)
def test_referrers(host: str, channel: str, source: str, medium: str) -> None:
    found = visit(referrer_host=host)
    assert named(found) == (channel, source, medium)
    assert found.is_entry
    assert not found.is_direct


@pytest.mark.parametrize(
    ("host", "source"),
    [
        ("chatgpt.com", "chatgpt"),
        ("chat.openai.com", "chatgpt"),
        ("gemini.google.com", "gemini"),
        ("bard.google.com", "gemini"),
        ("claude.ai", "claude"),
        ("copilot.microsoft.com", "copilot"),
        ("www.perplexity.ai", "perplexity"),
        ("grok.com", "grok"),
        ("chat.deepseek.com", "deepseek"),
        ("chat.mistral.ai", "mistral"),
        ("meta.ai", "meta-ai"),
        ("poe.com", "poe"),
        ("you.com", "you.com"),
        ("duck.ai", "duck-ai"),
        ("chat.qwen.ai", "qwen"),
        ("chatglm.cn", "chatglm"),
        ("notebooklm.google.com", "notebooklm"),
        ("character.ai", "character-ai"),
        ("iask.ai", "iask"),
    ],
)
def test_ai_assistants_go_before_search_engines(host: str, source: str) -> None:
    found = visit(referrer_host=host)
    assert named(found) == ("ai_assistant", source, "ai-assistant")
    assert found.campaign == "(ai-assistant)"
    assert found.channel_class == "earned"


def test_an_assistant_that_tags_its_links_with_a_source_only_is_recognised() -> None:
    found = visit(source="chatgpt.com", referrer_host="chatgpt.com")
    assert named(found) == ("ai_assistant", "chatgpt.com", "ai-assistant")
    assert found.campaign == "(ai-assistant)"
    assert visit(source="chatgpt.com", medium="cpc").channel == "paid_other"
    assert visit(source="chatgpt.com", campaign="spring").campaign == "spring"


@pytest.mark.parametrize(
    "host",
    [
        "checkout.stripe.com",
        "www.paypal.com",
        "paypal.co.uk",
        "checkout.shopify.com",
        "pay.klarna.com",
        "live.adyen.com",
        "www.mollie.com",
        "secure.przelewy24.pl",
        "secure.payu.com",
        "yookassa.ru",
        "securepay.tinkoff.ru",
        "accounts.google.com",
    ],
)
def test_a_return_from_a_till_or_a_sign_in_is_no_entry(host: str) -> None:
    assert is_return_host(host)
    found = visit(referrer_host=host)
    assert named(found) == ("direct", "(direct)", "(none)")
    assert not found.is_entry
    # The return carries tags of its own only where somebody put them there.
    assert visit(referrer_host=host, source="bank", medium="referral").is_entry


def test_a_shop_on_the_platform_of_a_till_is_not_the_till() -> None:
    assert not is_return_host("other-shop.shopify.com")
    assert not is_return_host(None)


@pytest.mark.parametrize(
    ("page", "referrer", "own_hosts", "is_own"),
    [
        pytest.param("acme.com", "acme.com", [], True, id="same host"),
        pytest.param("www.acme.com", "shop.acme.com", [], True, id="subdomains"),
        pytest.param("acme.com", "WWW.ACME.COM.", [], True, id="case and dot"),
        pytest.param("www.acme.co.uk", "shop.acme.co.uk", [], True, id="co.uk"),
        pytest.param("acme.co.uk", "other.co.uk", [], False, id="co.uk of somebody else"),
        pytest.param("a.github.io", "b.github.io", [], False, id="private suffix"),
        pytest.param("a.myshopify.com", "a.myshopify.com", [], True, id="private suffix, same"),
        pytest.param("пример.рф", "xn--e1afmkfd.xn--p1ai", [], True, id="idn"),
        pytest.param("acme.com", "acme.de", ["acme.de"], True, id="own host"),
        pytest.param("acme.com", "blog.acme.de", ["www.Acme.de"], True, id="own host's subdomain"),
        pytest.param("acme.com", "acme.fr", ["acme.de"], False, id="not listed"),
        pytest.param(None, "acme.de", ["acme.de"], True, id="page unknown"),
        pytest.param(None, "acme.de", [], False, id="page and own hosts unknown"),
        pytest.param("10.0.0.1", "192.168.0.1", [], False, id="addresses share no domain"),
        pytest.param("10.0.0.1", "10.0.0.1", [], True, id="same address"),
        pytest.param("localhost", "localhost", [], True, id="localhost"),
        pytest.param("::1", "::1", [], True, id="ipv6"),
        pytest.param("acme.com", None, ["acme.com"], False, id="no referrer"),
    ],
)
def test_self_referrals(
    page: str | None, referrer: str | None, own_hosts: list[str], is_own: bool
) -> None:
    assert is_own_host(referrer, page, frozenset(own_hosts)) is is_own
    found = visit(frozenset(own_hosts), page_host=page, referrer_host=referrer)
    assert found.is_direct is (is_own or referrer is None)
    assert found.is_entry is not found.is_direct


def test_canonical_host() -> None:
    assert canonical_host(" WWW.Пример.РФ. ") == "www.xn--e1afmkfd.xn--p1ai"
    assert canonical_host("a." * 126 + "a") == "a." * 126 + "a"
    assert canonical_host("a." * 127 + "a") is None
    assert canonical_host("\ud800.com") is None
    assert canonical_host(" . ") is None


def test_registrable_domain() -> None:
    assert registrable_domain("a.b.example.co.uk") == "example.co.uk"
    assert registrable_domain("co.uk") == "co.uk"
    assert registrable_domain("2001:db8::1") == "2001:db8::1"


@given(st.text(), st.text())
def test_self_referral_is_symmetric(one: str, other: str) -> None:
    assert is_own_host(one, other, NO_HOSTS) is is_own_host(other, one, NO_HOSTS)
