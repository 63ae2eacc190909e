"""Identifiers as senders write them, brought to the one form in which the ledger keeps them.

Invariants: two spellings of one address or number give one stored value; an e-mail address or a
phone number never rests in the ledger as text (keyed hash, unless `keep_raw` asks for the readable
form beside it); a value that many senders write for "nobody" gives no identifier, so it never links.
"""

import base64
import hmac
import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache, lru_cache
from importlib import resources
from typing import Final

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from service.collect.consent import UNLINKED
from service.kit.errors import Refusal

MAX_CHARACTERS: Final = 1_000
MAX_IDENTIFIERS: Final = 20
HASH_KINDS: Final = ("email_sha256", "google_email_sha256", "phone_sha256", "phone_digits_sha256")
KNOWN_KINDS: Final = frozenset({"user_id", "email", "phone", "crm_contact_id", *HASH_KINDS})

_KEY_VERSION: Final = "h1."
_MAX_PLAIN_BYTES: Final = 1_000
_CACHED_VALUES: Final = 32_768
# Longer values are read anew each time: a sender of long random values must not fill the memory.
_MAX_CACHED_CHARACTERS: Final = 128

_KIND = re.compile(r"(?:click:)?[a-z][a-z0-9_]{0,39}")
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_INVISIBLE = re.compile("[\u200b\u2060\ufeff]")
_PLAIN_EMAIL = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}"
)
_LOOKS_LIKE_PHONE = re.compile(r"\+[1-9][0-9 ().-]{6,24}")
_LOOKS_HASHED = re.compile(r"h\d+\.")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ZEROS = re.compile(r"[0-]+")
# Macros that an ad platform or a tag manager failed to fill in: {{id}}, ${id}, {gclid}, %%ID%%,
# [CLICKID], <id>, (not set). Braces round a GUID are a value, hence letters only.
_MACRO = re.compile(
    r"\{\{.*\}\}|\$\{.*\}|%%.*%%|\{[a-z_. ]+\}|\[[a-z_. ]+\]|<[a-z_. ]+>|\([a-z_. ]+\)"
)


@dataclass(frozen=True, slots=True)
class Identifier:
    """One identifier as it is stored; equal when kind and value are.

    `value` is the text itself or `h1.` and 22 characters of keyed hash. `known` is true when the kind
    names a person (an e-mail address), false when it names a browser, a device or a click. `raw` is
    the readable normalised form of a hashed value, only with `keep_raw`.
    """

    kind: str
    value: str
    known: bool
    raw: str | None = field(default=None, compare=False, repr=False)


class Ignored(StrEnum):
    """Why a value gives no identifier although nothing in it is refused."""

    EMPTY = "empty"
    PLACEHOLDER = "placeholder"
    MALFORMED = "malformed"


class IdentifierReader:
    """Reads the identifiers of an event. Safe to share between threads; remembers recent values."""

    def __init__(
        self,
        secret: bytes,
        default_region: str | None,
        keep_raw: bool = False,
        known_kinds: frozenset[str] = KNOWN_KINDS,
        advertising_hashes: bool = False,
    ) -> None:
        """Make a reader.

        Args:
            secret: key of the hash, at least 16 bytes; another key gives other people.
            default_region: ISO 3166 country (`PL`) of phone numbers written without a country code.
            keep_raw: also return the readable form of hashed values.
            known_kinds: kinds that name a person.
            advertising_hashes: keep also what ad platforms match people by (see `hashes`), of
                people who agreed.

        Raises:
            ValueError: the secret is short or the region unknown.
        """
        if len(secret) < 16:
            raise ValueError("the identity secret needs at least 16 bytes")
        if default_region is not None and default_region not in phonenumbers.SUPPORTED_REGIONS:
            raise ValueError(f"{default_region!r} is not a country code such as PL or US")
        self.advertising_hashes = advertising_hashes
        self.region = default_region
        self._secret = secret
        self._keep_raw = keep_raw
        self._known_kinds = known_kinds
        self._recent = lru_cache(_CACHED_VALUES)(self._examine)

    def read(self, kind: str, value: object) -> Identifier | None:
        """Return the identifier, or None when the value is empty, a placeholder or malformed.

        Raises:
            Refusal: `bad_identifier` for a kind that is no name, a value that is neither text nor a
                whole number, control characters, lone surrogates, more than 1,000 characters.
        """
        found = self._look(kind, value)
        return found if isinstance(found, Identifier) else None

    def ignored(self, kind: str, value: object) -> Ignored | None:
        """Say why `read` gives None for this value; None when it gives an identifier."""
        found = self._look(kind, value)
        return found if isinstance(found, Ignored) else None

    def read_all(self, mapping: Mapping[str, object], agreed: bool = False) -> list[Identifier]:
        """Read an event's `identifiers` in their order, leaving out what identifies nobody.

        `agreed`: its person did, so that hashes for ad platforms may be kept as they are.

        Raises:
            Refusal: `bad_identifier` for the first bad one, or for more than 20 of them.
        """
        if len(mapping) > MAX_IDENTIFIERS:
            raise Refusal(
                "bad_identifier",
                "identifiers",
                f"an event carries at most {MAX_IDENTIFIERS} identifiers, this one has {len(mapping)}",
            )
        plain = agreed and self.advertising_hashes
        found = (
            _plain_hash(kind, value) if plain and kind in HASH_KINDS else self._look(kind, value)
            for kind, value in mapping.items()
        )
        return [one for one in found if isinstance(one, Identifier)]

    def _look(self, kind: str, value: object) -> Identifier | Ignored:
        # Text before the cache: 1, 1.0 and True are one key there.
        text = value if isinstance(value, str) else _text_of(kind, value)
        if len(text) <= _MAX_CACHED_CHARACTERS:
            return self._recent(kind, text)
        return self._examine(kind, text)

    def _examine(self, kind: str, text: str) -> Identifier | Ignored:
        if not _KIND.fullmatch(kind):
            raise Refusal(
                "bad_identifier",
                "identifiers",
                f"{kind[:60]!a} is not a kind of identifier; use at most 40 lower-case letters,"
                " digits and underscores, beginning with a letter, as in user_id or click:gclid",
            )
        if kind == UNLINKED:
            raise _bad(kind, "this kind is our own, for facts that belong to nobody; use another")
        text = _clean(kind, text)
        if not text:
            return Ignored.EMPTY
        if is_placeholder(text) or text.casefold() == kind:
            return Ignored.PLACEHOLDER
        if kind == "phone":
            return self._personal(kind, normal_phone(text, self.region))
        if kind == "email":
            return self._personal(kind, _identifying_email(text))
        return self._other(kind, text)

    def _other(self, kind: str, text: str) -> Identifier | Ignored:
        """Read an id of some system; one that is somebody's address or number is hashed, too."""
        if "@" in text:
            email = _identifying_email(text)
            return self._personal(kind, text if email is Ignored.MALFORMED else email)
        if _LOOKS_LIKE_PHONE.fullmatch(text):
            phone = normal_phone(text, self.region)
            return self._personal(kind, text if phone is Ignored.MALFORMED else phone)
        if kind.endswith("_sha256"):
            # Whoever holds a list of addresses finds them again by a hash without a key.
            return self._personal(kind, text.lower())
        if kind == "device_id":
            # Advertising ids are UUIDs, which iOS writes in capitals and postbacks in small letters.
            text = text.lower()
        # Text that looks like our hash must not be taken for one; an index of PostgreSQL does not
        # hold more than 2,704 bytes, which 1,000 characters can exceed.
        if _LOOKS_HASHED.match(text) or len(text.encode()) > _MAX_PLAIN_BYTES:
            return self._personal(kind, text)
        return Identifier(kind, text, kind in self._known_kinds)

    def _personal(self, kind: str, normalised: str | Ignored) -> Identifier | Ignored:
        if isinstance(normalised, Ignored):
            return normalised
        digest = hmac.digest(self._secret, f"{kind}\0{normalised}".encode(), "sha256")[:16]
        value = _KEY_VERSION + base64.urlsafe_b64encode(digest)[:22].decode("ascii")
        raw = normalised if self._keep_raw else None
        return Identifier(kind, value, kind in self._known_kinds, raw)


def _plain_hash(kind: str, value: object) -> Identifier | Ignored:
    """A hash as ad platforms want it: 64 hexadecimal digits."""
    digits = value.strip().lower() if isinstance(value, str) else ""
    return Identifier(kind, digits, True) if _SHA256.fullmatch(digits) else Ignored.MALFORMED


def is_placeholder(text: str) -> bool:
    """Whether the text is one that senders write for nobody, or a macro that was not filled in."""
    folded = text.strip("\"' ").casefold()
    return (
        not folded
        or folded in _words("placeholders.toml", "values")
        or _ZEROS.fullmatch(folded) is not None
        or _MACRO.fullmatch(folded) is not None
    )


def normal_email(text: str) -> str | None:
    """Return the address in lower case with its domain in IDNA A-labels, None when it is none.

    Plain ASCII addresses take a short way (32 µs in email-validator, 1 µs here). It also lets
    `a..b@docomo.ne.jp` pass, which RFC 5321 forbids and a mobile carrier gave to millions.
    """
    text = text.strip().lower()
    if len(text) <= 254 and _PLAIN_EMAIL.fullmatch(text):
        return text
    try:
        parts = validate_email(_INVISIBLE.sub("", text), check_deliverability=False)
    except EmailNotValidError:
        return None
    return f"{parts.local_part}@{parts.ascii_domain}".lower()


def normal_phone(text: str, default_region: str | None) -> str | Ignored:
    """Return the number as E.164 (`+48600700800`), with `;ext=` when it names an extension.

    A number whose country cannot be told keeps its digits alone, so that it still meets itself. The
    extension stays because a company's switchboard is not one person.
    """
    if default_region is None and text.startswith("00"):
        text = "+" + text[2:]
    digits = phonenumbers.normalize_digits_only(text)
    number = _parse_phone(text, default_region)
    if number is None and default_region is None:
        guess = _parse_phone("+" + digits, None)
        number = guess if guess is not None and phonenumbers.is_valid_number(guess) else None
    national = digits if number is None else str(number.national_number)
    if _nobodys_digits(digits) or _nobodys_digits(national):
        return Ignored.PLACEHOLDER
    if number is not None:
        extension = f";ext={number.extension}" if number.extension else ""
        form = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        return form + extension
    international = text.startswith("+")
    if 7 <= len(digits) <= 15 and (international or default_region is None):
        return f"+{digits}" if international else digits
    return Ignored.MALFORMED


@lru_cache(_CACHED_VALUES)
def email_domain(value: str) -> str | None:
    """Return the domain of a company's e-mail address, for accounts.

    Lower case, IDNA A-labels. None when the text is no address or when the domain belongs to a
    public mail service (`freemail.toml`).
    """
    address = normal_email(value) if len(value) <= MAX_CHARACTERS else None
    if address is None:
        return None
    domain = address.rpartition("@")[2]
    return None if domain in _words("freemail.toml", "domains") else domain


@cache
def _words(file: str, key: str) -> frozenset[str]:
    text = resources.files("service.collect").joinpath(file).read_text("utf-8")
    return frozenset(tomllib.loads(text)[key])


def _text_of(kind: str, value: object) -> str:
    if value is None:
        return ""
    # A number far too long is refused before Python spends time on writing it out.
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if value.bit_length() <= 256 else "9" * (MAX_CHARACTERS + 1)
    given = "true or false" if isinstance(value, bool) else type(value).__name__
    raise _bad(kind, f"an identifier is text or a whole number, not {given}; send it as text")


def _clean(kind: str, text: str) -> str:
    if len(text) > MAX_CHARACTERS:
        raise _bad(kind, f"an identifier has at most {MAX_CHARACTERS} characters")
    text = text.strip()
    if found := _FORBIDDEN.search(text):
        raise _bad(
            kind,
            f"U+{ord(found[0]):04X} at position {found.start()} is a control character or half of a"
            " surrogate pair; remove it",
        )
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _bad(kind: str, detail: str) -> Refusal:
    return Refusal("bad_identifier", f"identifiers.{ascii(kind[:60])[1:-1]}", detail)


def _identifying_email(text: str) -> str | Ignored:
    address = normal_email(text)
    if address is None:
        return Ignored.MALFORMED
    local = address.partition("@")[0].partition("+")[0]
    if local in _words("placeholders.toml", "roles"):
        return Ignored.PLACEHOLDER
    return Ignored.PLACEHOLDER if address in _words("placeholders.toml", "addresses") else address


def _parse_phone(text: str, region: str | None) -> phonenumbers.PhoneNumber | None:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    # Not `is_possible_number`: it also accepts a number without its area code, which many share.
    reason = phonenumbers.is_possible_number_with_reason(number)
    return number if reason == phonenumbers.ValidationResult.IS_POSSIBLE else None


def _nobodys_digits(digits: str) -> bool:
    return bool(digits) and (len(set(digits)) == 1 or "12345678901234".startswith(digits))
