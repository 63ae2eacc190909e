"""Identifiers: one stored form for all spellings, nothing readable of what is personal."""

import base64
import hashlib
import hmac
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.collect.identifiers import Identifier, IdentifierReader, Ignored
from service.kit.errors import Refusal

SECRET = b"a secret of this one deployment."
READER = IdentifierReader(SECRET, "PL")
NO_REGION = IdentifierReader(SECRET, None)
READABLE = IdentifierReader(SECRET, "PL", keep_raw=True)


def hashed(kind: str, normalised: str) -> str:
    message = kind.encode() + b"\x00" + normalised.encode()
    digest = hmac.new(SECRET, message, hashlib.sha256).digest()[:16]
    return "h1." + base64.urlsafe_b64encode(digest).decode().rstrip("=")


def raw(reader: IdentifierReader, kind: str, value: object) -> str | None:
    found = IdentifierReader(SECRET, reader.region, keep_raw=True).read(kind, value)
    return found and found.raw


# Stored form


@pytest.mark.parametrize(
    ("kind", "known"),
    [
        ("anonymous_id", False),
        ("user_id", True),
        ("crm_contact_id", True),
        ("crm_lead_id", False),
        ("device_id", False),
        ("click:gclid", False),
        ("loyalty_card", False),
    ],
)
def test_ids_are_kept_as_text(kind: str, known: bool) -> None:
    assert READER.read(kind, " aB-1 ") == Identifier(
        kind, "ab-1" if kind == "device_id" else "aB-1", known
    )


def test_a_stored_hash_is_the_keyed_one_of_kind_and_value() -> None:
    assert READER.read("email", "ann@example.com") == Identifier(
        "email", hashed("email", "ann@example.com"), True
    )
    assert READER.read("phone", "+48600700800") == Identifier(
        "phone", hashed("phone", "+48600700800"), True
    )
    assert len(hashed("email", "ann@example.com")) == 25


def test_a_composed_letter_and_a_decomposed_one_are_one() -> None:
    assert READER.read("user_id", "jo\u0308rg") == READER.read("user_id", "j\u00f6rg")


def test_another_secret_gives_another_value() -> None:
    other = IdentifierReader(b"another secret, as long as it is", "PL")
    assert other.read("email", "ann@example.com") != READER.read("email", "ann@example.com")


def test_which_kinds_are_known_can_be_set() -> None:
    reader = IdentifierReader(SECRET, None, known_kinds=frozenset({"loyalty_card"}))
    assert [one.known for one in reader.read_all({"loyalty_card": "7", "email": "ann@a.com"})] == [
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("written", "address"),
    [
        pytest.param("  Ann@Example.COM ", "ann@example.com", id="case and spaces"),
        pytest.param("ann@example.com\r\n", "ann@example.com", id="end of a line"),
        pytest.param("ann+news@example.com", "ann+news@example.com", id="tag stays"),
        pytest.param("a.n.n@gmail.com", "a.n.n@gmail.com", id="dots stay"),
        pytest.param("a..b@docomo.ne.jp", "a..b@docomo.ne.jp", id="carrier's dots"),
        pytest.param("ANN@ПРИМЕР.рф", "ann@xn--e1afmkfd.xn--p1ai", id="IDN"),
        pytest.param("ann@xn--e1afmkfd.xn--p1ai", "ann@xn--e1afmkfd.xn--p1ai", id="A-labels"),
        pytest.param("JÖRG@example.com", "jörg@example.com", id="local part in other letters"),
        pytest.param("jo\u0308rg@example.com", "jörg@example.com", id="decomposed letter"),
        pytest.param("ann\u200b@example.com", "ann@example.com", id="invisible space from a paste"),
    ],
)
def test_email_spellings(written: str, address: str) -> None:
    assert raw(READER, "email", written) == address
    assert READER.read("email", written) == READER.read("email", address)


@pytest.mark.parametrize(
    ("reader", "written", "number"),
    [
        pytest.param(READER, "600 700 800", "+48600700800", id="national"),
        pytest.param(READER, "+48 (600) 700-800", "+48600700800", id="punctuation"),
        pytest.param(READER, "0048600700800", "+48600700800", id="00"),
        pytest.param(READER, 48600700800, "+48600700800", id="JSON number"),
        pytest.param(READER, "+1 650 555 0123", "+16505550123", id="another country"),
        pytest.param(READER, "+16505550123 ext. 5", "+16505550123;ext=5", id="switchboard"),
        pytest.param(READER, "+15550100", "+15550100", id="fictitious, too short, but explicit"),
        pytest.param(NO_REGION, "tel:+1-650-555-0123", "+16505550123", id="tel URI"),
        pytest.param(NO_REGION, "0048 600 700 800", "+48600700800", id="00 without region"),
        pytest.param(NO_REGION, "48600700800", "+48600700800", id="plus forgotten"),
        pytest.param(NO_REGION, "600-700-800", "600700800", id="country unknown"),
        pytest.param(NO_REGION, "202 555 0147", "2025550147", id="no Egyptian number either"),
    ],
)
def test_phone_spellings(reader: IdentifierReader, written: object, number: str) -> None:
    assert raw(reader, "phone", written) == number
    assert reader.read("phone", written) == reader.read("phone", number)


def test_an_area_code_left_out_is_no_number() -> None:
    """+1 555 0123 would be one telephone for all of North America."""
    assert IdentifierReader(SECRET, "US").ignored("phone", "555-0123") is Ignored.MALFORMED


# Personal text under other kinds


@pytest.mark.parametrize(
    ("kind", "written", "normalised"),
    [
        pytest.param("user_id", "Ann@Example.com", "ann@example.com", id="login is an address"),
        pytest.param("crm_contact_id", "ann@example.com", "ann@example.com", id="contact"),
        pytest.param("user_id", "Ann <ann@example.com>", "Ann <ann@example.com>", id="with a name"),
        pytest.param("user_id", "+48 600 700 800", "+48600700800", id="login is a number"),
        pytest.param("user_id", "h1.abc", "h1.abc", id="text made to look like a hash"),
        pytest.param("user_id", "я" * 501, "я" * 501, id="more than an index holds"),
    ],
)
def test_personal_text_is_hashed_under_its_own_kind(
    kind: str, written: str, normalised: str
) -> None:
    found = READER.read(kind, written)
    assert found == Identifier(kind, hashed(kind, normalised), True)
    assert found.value != READER.read("email", "ann@example.com").value


@given(st.emails(), st.sampled_from(["email", "user_id", "anonymous_id", "loyalty_card"]))
def test_no_address_rests_in_a_stored_value(address: str, kind: str) -> None:
    found = READER.read(kind, address)
    assert found is None or "@" not in found.value + repr(found)


def test_readable_form_is_kept_only_when_asked_and_does_not_tell_identifiers_apart() -> None:
    found = READABLE.read("email", "Ann@Example.com")
    assert found.raw == "ann@example.com"
    assert READER.read("email", "Ann@Example.com").raw is None
    assert found == READER.read("email", "ann@example.com")
    assert READABLE.read("user_id", "42").raw is None


# What identifies nobody


@pytest.mark.parametrize(
    "value",
    [
        "null", "NULL", "undefined", "None", "nil", "0", 0, "-1", -1, "test", "Anonymous", "unknown", "guest",
        "NaN", "n/a", "NA", "[object Object]", "(not set)", "false", "TRUE", '"null"', "000-000", "'undefined'",
        "00000000-0000-0000-0000-000000000000", "{{user_id}}", "${id}", "{gclid}", "%%CLICKID%%", "[CLICKID]",
        "<id>", "9774d56d682e549c",
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["user_id", "anonymous_id", "email", "phone", "click:gclid"])
def test_placeholders_never_link(kind: str, value: object) -> None:
    assert READER.read(kind, value) is None
    assert READER.ignored(kind, value) is Ignored.PLACEHOLDER


@pytest.mark.parametrize(
    "address",
    [
        "info@acme.com", "Sales@acme.com", "support@acme.com", "admin@acme.com", "office@acme.com",
        "contact@acme.com", "hello@acme.com", "noreply@acme.com", "no-reply@acme.com", "test@acme.com",
        "test@test.com", "info+web@acme.com", "asdf@asdf.com", "info@пример.рф",
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["email", "user_id"])
def test_addresses_of_offices_and_examples_never_link(kind: str, address: str) -> None:
    assert READER.ignored(kind, address) is Ignored.PLACEHOLDER


@pytest.mark.parametrize(
    "number",
    ["111111111", "+48 000 000 000", "+1 999 999 9999", "0000000", "123456789", "+1234567890"],
)
@pytest.mark.parametrize("reader", [READER, NO_REGION], ids=["PL", "no region"])
def test_numbers_that_are_nobodys(reader: IdentifierReader, number: str) -> None:
    assert reader.ignored("phone", number) is Ignored.PLACEHOLDER


def test_the_name_of_the_kind_is_no_value() -> None:
    assert READER.ignored("loyalty_card", "Loyalty_Card") is Ignored.PLACEHOLDER


@pytest.mark.parametrize(
    "value", ["42", "a-0", "testing", "nullable", "information@acme.com", "{3F2504E0-4F89-11D3-9A0C-0305E82C3301}"]
)  # fmt: skip
def test_values_that_only_resemble_placeholders_link(value: str) -> None:
    assert READER.read("user_id", value) is not None


@pytest.mark.parametrize("value", [None, "", "   ", "\t\r\n"])
def test_empty_is_nobody(value: str | None) -> None:
    assert READER.read("user_id", value) is None
    assert READER.ignored("email", value) is Ignored.EMPTY


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("email", "ann"),
        ("email", "ann@localhost"),
        ("email", "@example.com"),
        ("email", "ann@exa mple.com"),
        ("email", "a" * 250 + "@example.com"),
        ("email", "ann@-example.com"),
        ("phone", "call me"),
        ("phone", "101"),
        ("phone", "54321"),
        ("phone", "+654321"),
        ("phone", "9876543219876543"),
    ],
)
@pytest.mark.parametrize("reader", [READER, NO_REGION], ids=["PL", "no region"])
def test_malformed_is_nobody_and_says_so(reader: IdentifierReader, kind: str, value: str) -> None:
    assert reader.read(kind, value) is None
    assert reader.ignored(kind, value) is Ignored.MALFORMED


def test_a_good_value_is_not_ignored() -> None:
    assert READER.ignored("email", "ann@example.com") is None


# Refusals


def refusal(kind: str, value: object) -> Refusal:
    with pytest.raises(Refusal) as caught:
        READER.read(kind, value)
    assert caught.value.code == "bad_identifier"
    return caught.value


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        pytest.param(True, "true or false", id="bool, though 1 is accepted"),
        pytest.param(1.0, "float", id="float"),
        pytest.param(["a"], "list", id="list"),
        pytest.param({"a": 1}, "dict", id="object"),
        pytest.param(b"a", "bytes", id="bytes"),
        pytest.param("a\x00b", "U+0000 at position 1", id="NUL"),
        pytest.param("a\nb", "U+000A", id="new line"),
        pytest.param("a\x7fb", "U+007F", id="DEL"),
        pytest.param("a\x9bb", "U+009B", id="C1"),
        pytest.param("a\u2028b", "U+2028", id="line separator"),
        pytest.param("a\ud800", "U+D800", id="lone surrogate"),
        pytest.param("a" * 1001, "1000 characters", id="long"),
        pytest.param(10**1000, "1000 characters", id="long number"),
    ],
)
@pytest.mark.parametrize("kind", ["user_id", "email", "phone"])
def test_bad_values_are_refused_with_the_field(kind: str, value: object, detail: str) -> None:
    READER.read(kind, 1)
    found = refusal(kind, value)
    assert found.field == f"identifiers.{kind}"
    assert detail in found.detail


def test_the_longest_value_is_accepted() -> None:
    assert READER.read("user_id", "a" * 1000) == Identifier("user_id", "a" * 1000, True)
    assert READER.read("user_id", 2**64) == Identifier("user_id", str(2**64), True)


@pytest.mark.parametrize(
    "kind",
    ["", "Email", "1a", "_a", "a-b", "a" * 41, "click:", "click:G", "x:y", "a b", "a\n", "я", "a\r\nb", "\ud800"],
)  # fmt: skip
@pytest.mark.parametrize("value", ["x", None])
def test_bad_kinds_are_refused(kind: str, value: str | None) -> None:
    found = refusal(kind, value)
    assert found.field == "identifiers"
    assert found.detail.isascii()
    assert "\n" not in found.detail


def test_a_refused_value_of_a_bad_kind_cannot_forge_a_line() -> None:
    assert refusal("a\nb", 1.5).field == r"identifiers.a\nb"


@pytest.mark.parametrize("kind", ["a", "a" * 40, "click:" + "a" * 40, "x_1"])
def test_longest_and_shortest_kinds(kind: str) -> None:
    assert READER.read(kind, "v-1") == Identifier(kind, "v-1", False)


@given(
    st.sampled_from(["email", "phone", "user_id", "device_id", "click:fbclid"]),
    st.one_of(
        st.text(st.characters(), max_size=60),
        st.text("ann@.example-xn0123456789 +()\u200b\u0308ß。İ", max_size=40),
        st.integers(),
        st.floats(),
        st.none(),
        st.booleans(),
    ),
)
def test_any_value_is_read_ignored_or_refused(kind: str, value: object) -> None:
    for reader in (READER, NO_REGION):
        try:
            found = reader.read(kind, value)
        except Refusal:
            continue
        assert found is None or found.value.encode()
        assert (found is None) == (reader.ignored(kind, value) is not None)


@given(
    st.sampled_from(["email", "phone"]),
    st.emails() | st.from_regex(r"\+?[0-9 ]{5,16}", fullmatch=True),
)
def test_the_normal_form_is_its_own_normal_form(kind: str, value: str) -> None:
    first = READABLE.read(kind, value)
    if first is not None:
        assert READABLE.read(kind, first.raw) == first


# Several


def test_all_identifiers_of_an_event_in_order_without_placeholders() -> None:
    given_ones = {
        "anonymous_id": "a-1",
        "user_id": "undefined",
        "email": "ann@example.com",
        "x": None,
    }
    assert READER.read_all(given_ones) == [
        Identifier("anonymous_id", "a-1", False),
        Identifier("email", hashed("email", "ann@example.com"), True),
    ]
    assert READER.read_all({}) == []


def test_an_event_has_at_most_twenty_identifiers() -> None:
    assert len(READER.read_all({f"k{index}": "v-1" for index in range(20)})) == 20
    with pytest.raises(Refusal, match="at most 20") as caught:
        READER.read_all({f"k{index}": "v-1" for index in range(21)})
    assert caught.value.field == "identifiers"


def test_one_reader_serves_many_threads() -> None:
    reader = IdentifierReader(SECRET, "PL")
    addresses = [f"ann{index % 50}@example.com" for index in range(2_000)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda address: reader.read("email", address), addresses))
    assert [one.value for one in found] == [hashed("email", address) for address in addresses]


@pytest.mark.parametrize(
    ("secret", "region", "text"),
    [
        pytest.param(b"short", "PL", "16 bytes", id="secret"),
        pytest.param(SECRET, "Poland", "country code", id="region"),
    ],
)
def test_a_reader_needs_a_secret_and_a_country(secret: bytes, region: str, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        IdentifierReader(secret, region)
