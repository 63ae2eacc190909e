"""Visits that are none: crawlers by the visitor's user agent, spam by the referrer. They are flagged
and counted, kept in the ledger, and left out of reports unless a reader asks for them.

An event without a user agent is not taken for a robot's: many clients send none.
"""

import re
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path
from typing import Literal

import crawleruseragents

from service.collect.landing import host_of

Flag = Literal["bot", "spam"]

# Machines that open a message before its reader does: Apple's Mail Privacy Protection, which fetches
# every picture and says no more than the first, and those that look for malice.
_BEFORE_THE_READER = re.compile(
    r"\s*Mozilla/5\.0\s*|.*(?:proofpoint|barracuda|mimecast|safelinks|ironport|fireeye|symantec|"
    r"messagelabs|forcepoint|trend ?micro|sophos|bitdefender|cloudmark|mailscanner).*",
    re.IGNORECASE | re.DOTALL,
)


@lru_cache(maxsize=16_384)
def _known(user_agent: str) -> bool:
    if _BEFORE_THE_READER.fullmatch(user_agent):
        return True
    return bool(crawleruseragents.is_crawler(user_agent))


def is_bot(user_agent: str | None) -> bool:
    """Judge the *visitor's* agent, never that of a server's HTTP client."""
    return bool(user_agent) and _known(user_agent or "")


@cache
def _listed(name: str) -> frozenset[str]:
    text = resources.files("service.collect").joinpath("bots.toml").read_text("utf-8")
    return frozenset(tomllib.loads(text)[name])


@dataclass(frozen=True, slots=True)
class Judge:
    """How visits are judged in a deployment; hosts stand for their subdomains."""

    more_spam: frozenset[str] = frozenset()
    data_centres: bool = False

    def flag(self, user_agent: str | None, referrer: str | None) -> Flag | None:
        """What the visit is flagged as, None for one that is taken for a person's."""
        if user_agent and _known(user_agent):
            return "bot"
        if referrer:
            # The site alone: it is one of few, where addresses are many.
            site = "/".join(referrer.split("/", 3)[:3])
            if found := _flag_of_site(site, self.more_spam, self.data_centres):
                return found
        if self.data_centres and user_agent:
            agent = user_agent.lower()
            return "bot" if any(word in agent for word in _listed("data_centre_agents")) else None
        return None


@lru_cache(maxsize=16_384)
def _flag_of_site(site: str, more_spam: frozenset[str], data_centres: bool) -> Flag | None:
    host = host_of(site)
    if host is None:
        return None
    if _within(host, _listed("spam")) or _within(host, more_spam):
        return "spam"
    return "bot" if data_centres and _within(host, _listed("data_centre_hosts")) else None


def _within(host: str, hosts: Collection[str]) -> bool:
    """Whether the host is one of them or a subdomain of one."""
    while host:
        if host in hosts:
            return True
        host = host.partition(".")[2]
    return False


def read_hosts(path: Path) -> frozenset[str]:
    """The hosts of a file, one a line; what follows `#` is a remark. Raises OSError."""
    lines = (line.partition("#")[0].strip().lower() for line in path.read_text().splitlines())
    return frozenset(line for line in lines if line)
