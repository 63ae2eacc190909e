"""Reading the address of a page."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.collect.channels import clean_value
from service.collect.landing import MAX_PARAMETERS, Landing, host_of, read_landing

FIELDS = ("source", "medium", "campaign", "campaign_id", "content", "term")


def campaign_of(url: str) -> dict[str, str]:
    landing = read_landing(url)
    return {name: value for name in FIELDS if (value := getattr(landing, name)) is not None}


@pytest.mark.parametrize(
    ("url", "host", "path"),
    [
        pytest.param("https://example.com/pricing", "example.com", "/pricing", id="plain"),
        pytest.param("https://example.com", "example.com", "/", id="no path"),
        pytest.param("https://example.com?a=1", "example.com", "/", id="no path but a query"),
        pytest.param("https://example.com#a", "example.com", "/", id="no path but a fragment"),
        pytest.param("HTTPS://WWW.Example.COM:8443/A?b=1", "www.example.com", "/A", id="port"),
        pytest.param("https://user:pw@example.com/x", "example.com", "/x", id="user info"),
        pytest.param("https://example.com./", "example.com", "/", id="trailing dot"),
        pytest.param("http://[2001:DB8::1]:8000/x", "2001:db8::1", "/x", id="ipv6"),
        pytest.param("//example.com/x", "example.com", "/x", id="without scheme"),
        pytest.param("/pricing?utm_source=x", None, "/pricing", id="path only"),
        pytest.param("?utm_source=x", None, None, id="query only"),
        pytest.param("https://пример.рф/я", "пример.рф", "/я", id="idn kept"),
        pytest.param("https://हिन्दी.भारत/", "हिन्दी.भारत", "/", id="idn with vowel signs"),
        pytest.param("https://xn--e1afmkfd.xn--p1ai/", "xn--e1afmkfd.xn--p1ai", "/", id="punycode"),
        pytest.param(
            "android-app://com.google.android.gm/", "com.google.android.gm", "/", id="app"
        ),
        pytest.param("  https://example.com/x \n", "example.com", "/x", id="white space"),
        pytest.param("https://example.com/a\x00b", "example.com", "/a b", id="nul"),
        pytest.param("/go/https://example.com/", None, "/go/https://example.com/", id="nested"),
        pytest.param("", None, None, id="empty"),
        pytest.param("$direct", None, None, id="rudder"),
        pytest.param("about:blank", None, None, id="blank"),
        pytest.param("javascript:alert(1)//x/", None, None, id="script"),
        pytest.param("example.com/x", None, None, id="no scheme"),
        pytest.param("https:///x", None, None, id="no host"),
        pytest.param("https://a b/x", None, None, id="space in host"),
        pytest.param("https://a..b/x", None, None, id="empty label"),
        pytest.param("http://[::1/x", None, None, id="open bracket"),
        pytest.param("http://[zz]/x", None, None, id="no address in brackets"),
        pytest.param("https://" + "a" * 254 + "/", None, None, id="host too long"),
        pytest.param("https://" + "a" * 10_000 + "@b.com/", None, None, id="user info too long"),
        pytest.param("https://\ud800.com/", None, None, id="surrogate"),
    ],
)
def test_host_and_path(url: str, host: str | None, path: str | None) -> None:
    landing = read_landing(url)
    assert (landing.host, landing.path) == (host, path)
    assert host_of(url) == host


def test_a_plain_address_carries_nothing() -> None:
    nothing = (None,) * 6
    assert read_landing("https://example.com/x") == Landing("example.com", "/x", *nothing, {})


def test_every_campaign_field_and_click_id() -> None:
    landing = read_landing(
        "https://example.com/x?utm_source=google&utm_medium=cpc&utm_campaign=spring&utm_id=42"
        "&utm_content=ad-7&utm_term=crm&gclid=AbC&color=red"
    )
    assert landing == Landing(
        "example.com", "/x", "google", "cpc", "spring", "42", "ad-7", "crm", {"gclid": "AbC"}
    )


@pytest.mark.parametrize(
    ("query", "campaign"),
    [
        pytest.param("UTM_Campaign=Spring", "Spring", id="name in any case, value as given"),
        pytest.param("utm_campaign=Spring+Sale", "Spring Sale", id="plus"),
        pytest.param("utm_campaign=Spring%20Sale", "Spring Sale", id="percent"),
        pytest.param("utm_campaign=a%2Bb", "a+b", id="encoded plus"),
        pytest.param("utm_campaign=a%252Bb", "a%2Bb", id="decoded once"),
        pytest.param("utm_campaign=%20+spring+", "spring", id="trimmed"),
        pytest.param("utm_campaign=cafe%CC%81", "caf\u00e9", id="nfc"),
        pytest.param("utm_campaign=%FF", "\ufffd", id="not utf-8"),
        pytest.param("utm_campaign=a%00b%0A", "a b", id="control characters"),
        pytest.param("utm_campaign=a=b", "a=b", id="equals sign in the value"),
        pytest.param("utm_campaign=" + "x" * 600, "x" * 500, id="cut"),
        pytest.param("utm_campaign=" + "%D0%B2" * 600, "в" * 500, id="cut after decoding"),
        pytest.param("utm_campaign=&utm_campaign=b", "b", id="first usable one"),
        pytest.param("utm_campaign=a&utm_campaign=b", "a", id="first one"),
        pytest.param("a=1&amp;utm_campaign=b", "b", id="html entity"),
        pytest.param("utm%5Fcampaign=b", "b", id="encoded name"),
        pytest.param("utm_campaign", None, id="no value"),
        pytest.param("utm_campaign=+", None, id="blank"),
        pytest.param(
            "x" + "&x=1" * (MAX_PARAMETERS - 1) + "&utm_campaign=b&x=1", None, id="too many"
        ),
    ],
)
def test_campaign_values(query: str, campaign: str | None) -> None:
    assert read_landing(f"https://example.com/?{query}").campaign == campaign


@pytest.mark.parametrize(
    "value",
    [
        "{campaignid}",
        "{{campaign.id}}",
        "__CID__",
        "__CAMPAIGN_ID__",
        "%7Bsubacc4%7D",
        "%257Bsubacc4%257D",
        "%7B%7Bcampaign.name%7D%7D",
        "${CAMPAIGN}",
        "%25%25CAMPAIGN%25%25",
        "{campaignid}|{adgroupid}",
        "{{campaign.name}} - {{adset.name}}",
        "{param:name}",
    ],
)
def test_unexpanded_macros_are_missing(value: str) -> None:
    url = f"https://example.com/?utm_source=google&utm_campaign={value}&gclid={value}"
    assert campaign_of(url) == {"source": "google"}
    assert read_landing(url).click_ids == {}


@pytest.mark.parametrize("value", ["brand_{network}", "a__b", "__init", '{"a":1}', "50%off", "{"])
def test_what_only_resembles_a_macro_stays(value: str) -> None:
    assert clean_value(value) == value


def test_an_unexpanded_macro_leaves_room_for_a_later_value() -> None:
    url = "https://example.com/?utm_term={keyword}&utm_term=crm"
    assert campaign_of(url) == {"term": "crm"}


@pytest.mark.parametrize(
    ("query", "click_ids"),
    [
        pytest.param("GCLID=AbC-1_2", {"gclid": "AbC-1_2"}, id="upper case"),
        pytest.param(
            "ScCid=a&ranSiteID=b&_KX=c", {"sccid": "a", "ransiteid": "b", "_kx": "c"}, id="mixed"
        ),
        pytest.param(
            "gclid=a&fbclid=b&msclkid=c",
            {"gclid": "a", "fbclid": "b", "msclkid": "c"},
            id="several",
        ),
        pytest.param("aff_sub=1&aff_sub2=2", {"aff_sub": "1", "aff_sub2": "2"}, id="numbered"),
        pytest.param("_kx=a%3D.b", {"_kx": "a=.b"}, id="percent decoded"),
        pytest.param("tblci=a+b", {"tblci": "a+b"}, id="plus kept"),
        pytest.param("gclid=a&gclid=b", {"gclid": "a"}, id="first one"),
        pytest.param("gclid=&yclid=1", {"yclid": "1"}, id="empty"),
        pytest.param("gclid=" + "x" * 2000, {"gclid": "x" * 1000}, id="cut"),
        pytest.param("mygclid=a&gclid_=b", {}, id="other names"),
    ],
)
def test_click_ids(query: str, click_ids: dict[str, str]) -> None:
    assert read_landing(f"https://example.com/?{query}").click_ids == click_ids


@pytest.mark.parametrize("prefix", ["mtm", "matomo", "pk", "piwik"])
def test_parameters_of_matomo(prefix: str) -> None:
    query = "&".join(
        f"{prefix}_{name}={value}"
        for name, value in {
            "source": "news",
            "medium": "email",
            "campaign": "Spring+Sale",
            "cid": "42",
            "content": "top",
            "keyword": "crm",
            "group": "ignored",
            "placement": "ignored",
        }.items()
    )
    assert campaign_of(f"https://example.com/?{query}") == {
        "source": "news",
        "medium": "email",
        "campaign": "Spring Sale",
        "campaign_id": "42",
        "content": "top",
        "term": "crm",
    }
    short = f"https://example.com/?{prefix}_cpn=Spring&{prefix}_kwd=crm"
    assert campaign_of(short) == {"campaign": "Spring", "term": "crm"}


def test_of_several_names_of_one_field_the_first_usable_counts() -> None:
    url = "https://example.com/?mtm_campaign={name}&pk_campaign=b&utm_campaign=c&utm_source=d"
    assert campaign_of(url) == {"campaign": "b", "source": "d"}


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("https://example.com/#utm_source=x&gclid=a", id="fragment"),
        pytest.param(
            "https://example.com/#/pricing?utm_source=x&gclid=a", id="route in the fragment"
        ),
        pytest.param("https://example.com/?utm_source=x&gclid=a#utm_source=y", id="query wins"),
        pytest.param("https://example.com/?utm_source=x#gclid=a", id="both"),
    ],
)
def test_fragment(url: str) -> None:
    landing = read_landing(url)
    assert (landing.source, landing.click_ids) == ("x", {"gclid": "a"})


def test_a_question_mark_behind_the_hash_is_no_query() -> None:
    landing = read_landing("https://example.com/a#b?c")
    assert (landing.host, landing.path) == ("example.com", "/a")


@pytest.mark.parametrize("url", ["https://example.com/", "https://example.com/?gclid=b"])
def test_nobody_can_change_what_an_address_says(url: str) -> None:
    before = dict(read_landing(url).click_ids)
    with pytest.raises(TypeError):
        read_landing(url).click_ids["gclid"] = "a"  # type: ignore[index]
    assert read_landing(url).click_ids == before


ADDRESSES = st.one_of(
    st.text(),
    st.text(alphabet="htps:/?#&=@[].%+{}_-ab1utmsource"),
    st.builds("https://{}/{}?utm_campaign={}&gclid={}#{}".format, *[st.text()] * 5),
    st.builds("https://example.com/?{}={}".format, st.text(), st.text()),
)


@given(ADDRESSES)
@example("https://example.com/?utm_source=%")
@example("http://[::1]]:x@[/")
@example("https://example.com/?utm_campaign=" + "%7B" * 400)
def test_no_text_raises_and_every_value_can_be_stored(url: str) -> None:
    landing = read_landing(url)
    assert host_of(url) == landing.host
    values = [value for value in (*landing[:-1], *landing.click_ids.values()) if value is not None]
    for value in values:
        assert value
        assert "\x00" not in value
        assert value.encode("utf-8").decode("utf-8") == value
    assert all(len(value) <= 500 for value in landing[2:-1] if value)
    assert all(len(value) <= 1000 for value in landing.click_ids.values())


@given(st.text(), st.integers(1, 20))
def test_cleaning_twice_is_cleaning_once(text: str, limit: int) -> None:
    once = clean_value(text, limit)
    assert once is None or clean_value(once, limit) == once
    assert once is None or len(once) <= limit
