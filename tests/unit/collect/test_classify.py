"""What names a touchpoint: which evidence goes before which."""

from dataclasses import fields
from typing import Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.collect.channels import Classified, Dimensions, classify, click_ids, describe_channels

PAGE = "www.shop-example.com"
NO_HOSTS: frozenset[str] = frozenset()


def visit(own_hosts: frozenset[str] = NO_HOSTS, **dimensions: Any) -> Classified:
    return classify(
        Dimensions(**{"touch_kind": "visit", "page_host": PAGE, **dimensions}), own_hosts
    )


def named(classified: Classified) -> tuple[str, str, str]:
    return classified.channel, classified.source, classified.medium


@pytest.mark.parametrize(
    ("name", "channel", "source", "medium"),
    [
        ("gclid", "paid_search", "google", "cpc"),
        ("gbraid", "paid_search", "google", "cpc"),
        ("wbraid", "paid_search", "google", "cpc"),
        ("gad_source", "paid_search", "google", "cpc"),
        ("dclid", "display", "dv360", "cpm"),
        ("msclkid", "paid_search", "bing", "cpc"),
        ("yclid", "paid_search", "yandex", "cpc"),
        ("ymclid", "paid_shopping", "yandex_market", "cpc"),
        ("rb_clickid", "paid_social", "vk", "cpc"),
        ("tblci", "paid_other", "taboola", "cpc"),
        ("ttclid", "paid_social", "tiktok", "cpc"),
        ("twclid", "paid_social", "x", "cpc"),
        ("li_fat_id", "paid_social", "linkedin", "cpc"),
        ("rdt_cid", "paid_social", "reddit", "cpc"),
        ("epik", "paid_social", "pinterest", "cpc"),
        ("sccid", "paid_social", "snapchat", "cpc"),
        ("qclid", "paid_social", "quora", "cpc"),
        ("oppref", "paid_other", "chatgpt", "cpc"),
        ("btid", "display", "dataxu", "cpm"),
        ("irclickid", "affiliates", "impact", "affiliate"),
        ("awc", "affiliates", "awin", "affiliate"),
        ("cjevent", "affiliates", "cj", "affiliate"),
        ("ransiteid", "affiliates", "rakuten_advertising", "affiliate"),
        ("admitad_uid", "affiliates", "admitad", "affiliate"),
        ("aff_sub2", "affiliates", "affiliate", "affiliate"),
        ("clickid", "affiliates", "affiliate", "affiliate"),
        ("mc_cid", "email", "mailchimp", "email"),
        ("_kx", "email", "klaviyo", "email"),
        ("fbclid", "organic_social", "facebook", "social"),
        ("igshid", "organic_social", "instagram", "social"),
        ("ysclid", "organic_search", "yandex", "organic"),
        ("srsltid", "organic_shopping", "google", "organic"),
    ],
)
def test_a_click_id_alone(name: str, channel: str, source: str, medium: str) -> None:
    assert named(visit(click_ids=(name,))) == (channel, source, medium)
    assert visit(click_ids=(name.upper(),)) == visit(click_ids=(name,))


def test_a_click_id_that_says_nothing_leaves_the_visit_direct() -> None:
    assert visit(click_ids=("ko_click_id", "unheard_of")).is_direct


@pytest.mark.parametrize("name", ["gclid", "awc", "mc_cid"])
def test_a_deliberate_click_id_goes_before_the_referrer(name: str) -> None:
    assert visit(click_ids=(name,), referrer_host="blog.example.org") == visit(click_ids=(name,))


@pytest.mark.parametrize(
    ("names", "source"),
    [
        (("fbclid", "gclid"), "google"),
        (("awc", "msclkid"), "bing"),
        (("awc", "mc_cid"), "awin"),
        (("fbclid", "mc_cid"), "mailchimp"),
        (("gclid", "msclkid"), "google"),
        (("gclid", "ko_click_id"), "google"),
    ],
)
def test_of_several_click_ids_the_strongest_decides(names: tuple[str, ...], source: str) -> None:
    assert visit(click_ids=names).source == source
    assert visit(click_ids=names[::-1]).source == source


@pytest.mark.parametrize(
    ("name", "referrer", "channel", "source"),
    [
        ("fbclid", "l.facebook.com", "organic_social", "facebook"),
        ("fbclid", "l.instagram.com", "organic_social", "instagram"),
        ("fbclid", "www.google.com", "organic_search", "google"),
        ("fbclid", PAGE, "organic_social", "facebook"),
        ("ysclid", "yandex.ru", "organic_search", "yandex"),
        ("ysclid", "t.me", "organic_social", "telegram"),
        # Google always sends its own host along; the id is what tells listings from results.
        ("srsltid", "www.google.com", "organic_shopping", "google"),
        ("srsltid", "l.facebook.com", "organic_social", "facebook"),
    ],
)
def test_a_hint_gives_way_to_a_referrer_of_another_network(
    name: str, referrer: str, channel: str, source: str
) -> None:
    found = visit(click_ids=(name,), referrer_host=referrer)
    assert (found.channel, found.source) == (channel, source)


def test_utm_goes_before_click_id_and_referrer() -> None:
    found = visit(
        source="Partner", medium="Email", campaign="Spring", campaign_id="42", content="a", term="b",
        click_ids=("gclid",), referrer_host="www.google.com",
    )  # fmt: skip
    assert found == Classified(
        channel="email", channel_class="owned", source="Partner", medium="Email",
        campaign="Spring", campaign_id="42", content="a", term="b", is_entry=True, is_direct=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("dimensions", "expected"),
    [
        pytest.param(
            {"source": "facebook", "click_ids": ("gclid",)},
            ("paid_social", "facebook", "cpc"),
            id="medium of the paid click id",
        ),
        pytest.param(
            {"source": "letter", "click_ids": ("mc_cid",)},
            ("email", "letter", "email"),
            id="medium of the mailer's click id",
        ),
        pytest.param(
            {"source": "partner", "click_ids": ("fbclid",)},
            ("unassigned", "partner", "(not set)"),
            id="no medium from a hint",
        ),
        pytest.param(
            {"source": "partner", "referrer_host": "www.google.com"},
            ("unassigned", "partner", "(not set)"),
            id="no medium from the referrer",
        ),
        pytest.param(
            {"medium": "cpc", "click_ids": ("msclkid",)},
            ("paid_search", "bing", "cpc"),
            id="source of the click id",
        ),
        pytest.param(
            {"medium": "cpc", "referrer_host": "www.google.com"},
            ("paid_search", "google", "cpc"),
            id="source of the referrer",
        ),
        pytest.param({"medium": "cpc"}, ("paid_other", "(not set)", "cpc"), id="no source at all"),
        pytest.param(
            {"campaign": "spring", "click_ids": ("gclid",)},
            ("paid_search", "google", "cpc"),
            id="campaign with a click id",
        ),
        pytest.param(
            {"campaign": "spring", "referrer_host": "www.google.com"},
            ("organic_search", "google", "organic"),
            id="campaign with a referrer",
        ),
        pytest.param(
            {"campaign": "spring"}, ("unassigned", "(not set)", "(not set)"), id="campaign alone"
        ),
        pytest.param({"term": "crm"}, ("unassigned", "(not set)", "(not set)"), id="term alone"),
        pytest.param(
            {"source": "{source}", "medium": "__M__", "click_ids": ("gclid",)},
            ("paid_search", "google", "cpc"),
            id="macros are missing",
        ),
        pytest.param(
            {"source": "(direct)", "medium": "(none)", "referrer_host": "www.google.com"},
            ("organic_search", "google", "organic"),
            id="the words for nothing are missing",
        ),
        pytest.param(
            {"source": "null", "medium": "undefined"},
            ("direct", "(direct)", "(none)"),
            id="so are null and undefined",
        ),
    ],
)
def test_what_fills_what(dimensions: dict[str, Any], expected: tuple[str, str, str]) -> None:
    assert named(visit(**dimensions)) == expected


def test_nothing_at_all_is_direct_and_no_entry() -> None:
    assert visit() == Classified(
        channel="direct", channel_class="none", source="(direct)", medium="(none)",
        campaign=None, campaign_id=None, content=None, term=None, is_entry=False, is_direct=True,
    )  # fmt: skip
    assert visit(touch_kind="click") == visit()


@pytest.mark.parametrize(
    ("kind", "channel", "medium"),
    [
        ("email_open", "email", "email"),
        ("email_click", "email", "email"),
        ("impression", "display", "display"),
        ("call", "unassigned", "call"),
        ("meeting", "unassigned", "meeting"),
        ("content", "unassigned", "content"),
        ("offline", "unassigned", "offline"),
        ("something_new", "unassigned", "(not set)"),
    ],
)
def test_other_kinds_are_never_direct(kind: str, channel: str, medium: str) -> None:
    found = visit(touch_kind=kind)
    assert named(found) == (channel, "(not set)", medium)
    assert not found.is_direct
    assert not found.is_entry


def test_other_kinds_follow_the_same_rules_where_something_is_known() -> None:
    assert visit(touch_kind="call", referrer_host="www.google.com").channel == "organic_search"
    assert visit(touch_kind="email_open", source="mailchimp").channel == "email"
    assert visit(touch_kind="impression", source="facebook", medium="cpm").channel == "paid_social"


@pytest.mark.parametrize(
    ("explicit", "channel_class"),
    [
        ("paid_search", "paid"),
        ("Paid Search", "paid"),
        ("Mobile Push Notifications", "owned"),
        ("email", "owned"),
        ("referral", "earned"),
        ("unassigned", "none"),
        ("podcast", "none"),
    ],
)
def test_an_explicit_channel_is_kept_as_given(explicit: str, channel_class: str) -> None:
    found = visit(explicit_channel=explicit)
    assert named(found) == (explicit, "(not set)", "(not set)")
    assert found.channel_class == channel_class
    assert found.is_entry
    assert not found.is_direct


def test_an_explicit_channel_goes_before_everything_and_hides_nothing() -> None:
    found = visit(explicit_channel="Podcast", source="daily", medium="cpm", click_ids=("gclid",))
    assert named(found) == ("Podcast", "daily", "cpm")
    assert found.channel_class == "paid"


@pytest.mark.parametrize("explicit", ["direct", "Direct"])
def test_an_explicit_direct_is_direct(explicit: str) -> None:
    found = visit(explicit_channel=explicit)
    assert named(found) == (explicit, "(direct)", "(none)")
    assert found.is_direct
    assert not found.is_entry


@pytest.mark.parametrize("explicit", ["", "  ", "{channel}", "(not set)"])
def test_an_explicit_channel_that_says_nothing_is_missing(explicit: str) -> None:
    assert visit(explicit_channel=explicit) == visit()


CHANNEL_IDS = {channel["id"] for channel in describe_channels()}
Texts: TypeAlias = st.SearchStrategy[str | None]
WORDS = st.sampled_from(
    ["google", "fb", "cpc", "cpm", "email", "(direct)", "(none)", "{x}", "spring-shop", "direct"]
)
HOSTS = st.sampled_from(
    [PAGE, "www.google.com", "claude.ai", "stripe.com", "t.co", "mail.google.com", "a.example"]
)
TEXTS = st.none() | WORDS | st.text()
NAMES = st.lists(st.sampled_from(sorted(click_ids())) | st.text(), max_size=3)


def dimensions_of(texts: Texts, channel: Texts) -> st.SearchStrategy[Dimensions]:
    return st.builds(
        Dimensions,
        touch_kind=st.sampled_from(["visit", "click", "email_open", "impression", "call"]) | st.text(),
        explicit_channel=channel, source=texts, medium=texts, campaign=texts, campaign_id=texts,
        content=texts, term=texts, click_ids=NAMES.map(lambda names: tuple(sorted(names))),
        page_host=st.none() | HOSTS | st.text(), referrer_host=st.none() | HOSTS | st.text(),
    )  # fmt: skip


@given(dimensions_of(TEXTS, st.none()), st.frozensets(HOSTS | st.text(), max_size=2))
def test_any_text_gets_a_known_channel(dimensions: Dimensions, own_hosts: frozenset[str]) -> None:
    found = classify(dimensions, own_hosts)
    assert found == classify(dimensions, own_hosts)
    assert found.channel in CHANNEL_IDS
    assert found.source
    assert found.medium
    assert found.is_direct is (found.channel == "direct")
    assert not (found.is_direct and found.is_entry)
    assert not found.is_direct or dimensions.touch_kind in {"visit", "click"}


@given(dimensions_of(TEXTS, st.sampled_from(["Podcast", "paid_search", "Direct"])))
def test_any_text_leaves_an_explicit_channel_alone(dimensions: Dimensions) -> None:
    found = classify(dimensions, NO_HOSTS)
    assert found.channel == dimensions.explicit_channel
    assert found.is_direct is (found.channel == "Direct")


ASCII = st.text(st.characters(max_codepoint=126))


@given(dimensions_of(st.none() | WORDS | ASCII, st.none()))
def test_letter_case_never_changes_the_channel(dimensions: Dimensions) -> None:
    def swapped(value: Any) -> Any:
        # swapcase changes the letters of some scripts for ever; ASCII comes back.
        return value.swapcase() if isinstance(value, str) and value.isascii() else value

    names = tuple(swapped(name) for name in dimensions.click_ids)
    texts = {f.name: swapped(getattr(dimensions, f.name)) for f in fields(Dimensions)}
    kept = {"touch_kind": dimensions.touch_kind, "click_ids": names}
    found = classify(dimensions, NO_HOSTS)
    other = classify(Dimensions(**{**texts, **kept}), NO_HOSTS)
    assert (found.channel, found.channel_class) == (other.channel, other.channel_class)
    assert (found.is_direct, found.is_entry) == (other.is_direct, other.is_entry)
