"""Whose host is it: a search engine, a social network, a mailbox, a till, or ourselves.

A host of the tables covers its subdomains and the longest one wins, so that `gemini.google.com` is
an assistant, `mail.google.com` a mailbox and `google.co.uk` a search engine. `{}` in a table
stands for any public suffix of the registries (`co.uk`), not for private ones: a blog at
`google.blogspot.com` is not Google.
"""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from publicsuffixlist import PublicSuffixList

ANY_SUFFIX = "{}"
MAX_HOST = 253
"""Characters of a host; longer ones do not exist, and encoding them is slow."""

# Touchpoints differ mostly in campaign and term; the same few hosts come back all the time.
_remembered = lru_cache(maxsize=16_384)

# Assistants first: where two tables name the same host or source, the earlier one has it.
_KINDS = ("ai", "search", "social", "video", "shopping", "webmail", "other")


@dataclass(frozen=True, slots=True)
class Site:
    """A known sender of visitors. `kind` is the name of its table; `name` becomes the source."""

    kind: str
    name: str


def read_table(name: str) -> dict[str, Any]:
    """One of the TOML files beside this module."""
    return tomllib.loads(files(__package__).joinpath(f"{name}.toml").read_text(encoding="utf-8"))


def canonical_host(host: str | None) -> str | None:
    """The host in lower case and punycode, without a trailing dot; None where it is no host."""
    text = (host or "").strip().rstrip(".").lower()
    if len(text) > MAX_HOST:
        return None
    if not text.isascii():
        try:
            text = text.encode("idna").decode("ascii")
        except UnicodeError:
            return None
    return text or None


@_remembered
def registrable_domain(host: str) -> str:
    """The part somebody registered (`example.co.uk` of `a.example.co.uk`), private suffixes too.

    An address, a bare name such as `localhost` or a public suffix is its own domain.
    """
    if _is_address(host):
        return host
    return _suffixes().privatesuffix(host) or host


@_remembered
def site_of_host(host: str | None) -> Site | None:
    """The known site a referring host belongs to, or None."""
    return next((_site_hosts()[key] for key in _keys(host) if key in _site_hosts()), None)


def site_of_source(source: str) -> Site | None:
    """The known site a `utm_source` means, by name (`fb`) or by host (`m.facebook.com`)."""
    name = source.strip().casefold()
    return _site_names().get(name) or (site_of_host(name) if "." in name else None)


@_remembered
def is_return_host(host: str | None) -> bool:
    """Whether people come from this host only because we sent them there: to pay or to sign in."""
    return any(key in _return_hosts() for key in _keys(host))


def is_own_host(referrer: str | None, page: str | None, own_hosts: frozenset[str]) -> bool:
    """Whether the referrer is the site itself: the page's domain, an own host or its subdomain."""
    referrer = canonical_host(referrer)
    if referrer is None:
        return False
    page = canonical_host(page)
    if page is not None and registrable_domain(referrer) == registrable_domain(page):
        return True
    return any(tail in _own_hosts(own_hosts) for tail in _tails(referrer.split(".")))


def _is_address(host: str) -> bool:
    """IPv4 and IPv6: no name ends in a number, and a port is never part of a host here."""
    return ":" in host or host.rpartition(".")[2].isdigit()


def _tails(labels: list[str]) -> Iterable[str]:
    return (".".join(labels[start:]) for start in range(len(labels)))


def _keys(host: str | None) -> Iterable[str]:
    """The table keys that cover the host, longest first; a literal one before its `{}` twin."""
    host = canonical_host(host)
    if host is None:
        return
    cut = len(_registry_suffixes().publicsuffix(host) or "")
    for tail in _tails(host.split(".")):
        yield tail
        if cut and len(tail) > cut:
            yield tail[:-cut] + ANY_SUFFIX


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


@cache
def _registry_suffixes() -> PublicSuffixList:
    """Without private suffixes, and without taking any last label (`1` of an address) for one."""
    return PublicSuffixList(only_icann=True, accept_unknown=False)


@lru_cache(maxsize=64)
def _own_hosts(own_hosts: frozenset[str]) -> frozenset[str]:
    plain = (canonical_host(host) for host in own_hosts)
    return frozenset(host.removeprefix("www.") for host in plain if host)


@cache
def _tables() -> dict[str, dict[str, Any]]:
    return {kind: read_table(kind) for kind in _KINDS}


@cache
def _site_hosts() -> dict[str, Site]:
    sites: dict[str, Site] = {}
    for kind in _KINDS:
        for name, hosts in _tables()[kind]["hosts"].items():
            for host in hosts:
                sites.setdefault(host, Site(kind, name))
    return sites


@cache
def _site_names() -> dict[str, Site]:
    sites: dict[str, Site] = {}
    for kind in _KINDS:
        table = _tables()[kind]
        for name in table["hosts"]:
            for alias in (name, *table.get("names", {}).get(name, ())):
                sites.setdefault(alias, Site(kind, name))
    return sites


@cache
def _return_hosts() -> frozenset[str]:
    table = read_table("returns")
    return frozenset((*table["payment"], *table["sign_in"]))
