"""What the address of a page says about how its visitor came: campaign fields and click ids.

Every page view passes here, so a plain address costs a microsecond or two and nothing is raised:
an address that makes no sense has no host and no path.
"""

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import unquote

from service.collect.channels.rules import click_ids
from service.collect.channels.values import MAX_VALUE, clean_value

MAX_CLICK_ID = 1000
"""Characters of a click id that are kept."""

MAX_PARAMETERS = 200
"""Parameters of one address that are looked at; the rest is somebody's experiment."""

# By the field's place in `Landing`: Google's names, then those of Matomo and of Piwik before it.
_CAMPAIGN_PARAMETERS = (
    ("utm_source", "mtm_source", "matomo_source", "pk_source", "piwik_source"),
    ("utm_medium", "mtm_medium", "matomo_medium", "pk_medium", "piwik_medium"),
    (
        *("utm_campaign", "mtm_campaign", "matomo_campaign", "pk_campaign", "piwik_campaign"),
        *("mtm_cpn", "matomo_cpn", "pk_cpn", "piwik_cpn"),
    ),
    ("utm_id", "mtm_cid", "matomo_cid", "pk_cid", "piwik_cid"),
    ("utm_content", "mtm_content", "matomo_content", "pk_content", "piwik_content"),
    (
        *("utm_term", "mtm_keyword", "matomo_keyword", "pk_keyword", "piwik_keyword"),
        *("mtm_kwd", "matomo_kwd", "pk_kwd", "piwik_kwd"),
    ),
)
_IS_CLICK_ID = -1

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_LABEL = r"[^\s\x00-\x20\x7f-\x9f\ud800-\udfff/\\?#@:%<>\"^`{|}\[\].]+"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_IPV6 = re.compile(r"[0-9a-f:.]*:[0-9a-f:.]*")
_MAX_HOST = 253
_MAX_AUTHORITY = 500

# One UTF-8 character is at most four bytes, each written as %XX: what the limit can need, undecoded.
_ENCODED = 12


_NO_CLICKS: Mapping[str, str] = MappingProxyType({})


class Landing(NamedTuple):
    """The address of a page, read once.

    host: lower case, no port, IDNA as given; path: as given, `/` where empty, None together with a
    host that is none. Campaign fields: decoded once, NFC, trimmed, at most 500 characters, letter
    case kept; missing where the ad platform left a macro unexpanded. click_ids: value by lower-case
    name, percent-decoded, at most 1000 characters; a view that nobody can change.
    """

    host: str | None
    path: str | None
    source: str | None
    medium: str | None
    campaign: str | None
    campaign_id: str | None
    content: str | None
    term: str | None
    click_ids: Mapping[str, str]


def read_landing(url: str) -> Landing:
    """Read an address: absolute, or relative such as `/page?utm_source=x`.

    Parameter names are compared without regard to case; of several for one field the first usable
    one counts. The fragment is read after the query, for sites that tag behind `#`.
    Never raises.
    """
    return _read_again(url) if len(url) <= _MAX_REMEMBERED else _read(url)


def _read(url: str) -> Landing:
    url = url.strip()
    if "?" not in url and "#" not in url:
        host, path = _place(url)
        return Landing(host, path, None, None, None, None, None, None, _NO_CLICKS)
    address, _, fragment = url.partition("#")
    address, _, query = address.partition("?")
    host, path = _place(address)
    fields: list[str | None] = [None] * len(_CAMPAIGN_PARAMETERS)
    clicks: dict[str, str] = {}
    if query:
        _read_parameters(query, fields, clicks)
    if "=" in fragment:
        _read_parameters(fragment.rpartition("?")[2], fields, clicks)
    source, medium, campaign, campaign_id, content, term = fields
    ids = MappingProxyType(clicks) if clicks else _NO_CLICKS
    return Landing(host, path, source, medium, campaign, campaign_id, content, term, ids)


# A site has few pages, and most of its visitors see the same ones; a click id makes an address
# long, and one of a kind.
_MAX_REMEMBERED = 150
_read_again = lru_cache(maxsize=16_384)(_read)


def host_of(url: str) -> str | None:
    """The host of an absolute address, as in `Landing.host`; None where there is none."""
    return _place(url.strip().partition("#")[0].partition("?")[0])[0]


def _place(address: str) -> tuple[str | None, str | None]:
    """Host and path of an address without query and fragment."""
    if address.startswith("/") and not address.startswith("//"):
        return None, _storable(address)
    scheme, separator, rest = address.partition("//")
    if not separator or not (scheme == "" or scheme in ("https:", "http:") or _is_scheme(scheme)):
        return None, None
    authority, slash, path = rest.partition("/")
    host = _host(authority) if len(authority) <= _MAX_AUTHORITY else None
    if host is None:
        return None, None
    return host, _storable(slash + path) or "/"


def _is_scheme(text: str) -> bool:
    return text.endswith(":") and _SCHEME.fullmatch(text, 0, len(text) - 1) is not None


# A site has few hosts of its own and its visitors come from few others.
@lru_cache(maxsize=4096)
def _host(authority: str) -> str | None:
    host = authority.rpartition("@")[2].lower()
    if host.startswith("["):
        host, bracket, _ = host[1:].partition("]")
        return host if bracket and len(host) <= _MAX_HOST and _IPV6.fullmatch(host) else None
    host = host.partition(":")[0].removesuffix(".")
    return host if len(host) <= _MAX_HOST and _HOST.fullmatch(host) else None


def _storable(path: str) -> str | None:
    """The path without characters that no database takes."""
    return path if path.isprintable() else clean_value(path, limit=len(path))


@cache
def _parameters() -> dict[str, int]:
    """Place in the campaign fields, or _IS_CLICK_ID, by parameter name."""
    fields = {name: place for place, names in enumerate(_CAMPAIGN_PARAMETERS) for name in names}
    return dict.fromkeys(click_ids(), _IS_CLICK_ID) | fields


def _read_parameters(query: str, fields: list[str | None], clicks: dict[str, str]) -> None:
    known = _parameters()
    for part in query.split("&", MAX_PARAMETERS)[:MAX_PARAMETERS]:
        name, _, value = part.partition("=")
        if not value:
            continue
        place = known.get(name)
        if place is None:
            name = _plain_name(name)
            place = known.get(name)
            if place is None:
                continue
        if place == _IS_CLICK_ID:
            click = _click_id(value) if name not in clicks else None
            if click is not None:
                clicks[name] = click
        elif fields[place] is None:
            fields[place] = _campaign_value(value)


def _plain_name(name: str) -> str:
    """Lower case; `&amp;` is how links in e-mails written by hand separate their parameters."""
    if "%" in name:
        name = unquote(name[:100])
    return name.lower().removeprefix("amp;")


def _campaign_value(value: str) -> str | None:
    if "%" in value or "+" in value:
        value = unquote(value[: MAX_VALUE * _ENCODED].replace("+", " "))
    return clean_value(value)


def _click_id(value: str) -> str | None:
    """Percent-decoded only: a plus belongs to the identifier and goes back to the network so."""
    if "%" in value:
        value = unquote(value[: MAX_CLICK_ID * _ENCODED])
    return clean_value(value, limit=MAX_CLICK_ID)
